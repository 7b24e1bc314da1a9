"""What a checkout proposes to the branch that clusters follow: its source files where they differ, under what name."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from gpuyard.commit.plan import Plan
from gpuyard.doors.git import Snapshot
from gpuyard.errors import ConflictError
from gpuyard.project.userfiles import Sources, is_source

__all__ = ["branch_for", "source_edits", "title_of"]

Edits = Mapping[PurePosixPath, str | None]

_DIGITS = 12
_NAMED = 3
_PLAIN = re.compile(r"[^a-z0-9]+")


def source_edits(sources: Sources, left: Snapshot, tip: Snapshot) -> dict[PurePosixPath, str | None]:
    """The files of a checkout that differ from the branch's tip; None: gone.

    `left` is the commit where the checkout left the branch. A file that the branch has changed since would be taken
    back: ConflictError.
    """
    names = {*sources, *filter(is_source, tip.below()), *filter(is_source, left.below())}
    paths = {name: PurePosixPath(name) for name in sorted(names)}
    was, now = left.ids(paths.values()), tip.ids(paths.values())
    found, behind = dict[PurePosixPath, str | None](), list[str]()
    for name, path in paths.items():
        data = sources.get(name)
        # A Git for Windows may have changed the ends of lines, which is no difference.
        mine: set[str | None] = (
            {None} if data is None else {tip.blob_id(each) for each in (data, data.replace(b"\r\n", b"\n"))}
        )
        if now.get(path) in mine:
            continue
        if was.get(path) != now.get(path):
            behind.append(name)
        found[path] = None if data is None else data.decode("utf-8").replace("\r\n", "\n")
    if behind:
        listed = ", ".join(behind[:_NAMED]) + (f" and {len(behind) - _NAMED} more" if len(behind) > _NAMED else "")
        raise ConflictError(
            f"{tip.branch} of {tip.target.label} has changed {listed} since this checkout left it; "
            "`git pull` (or `git merge` that branch), then run this again"
        )
    return found


def branch_for(tip: Snapshot, edits: Edits, plan: Plan) -> str:
    """The same name for the same proposal to the same branch, whenever and by whomever it is made."""
    content: Edits = edits or {**plan.written, **dict.fromkeys(plan.deleted)}
    digest = hashlib.sha256(f"{tip.branch}\0{tip.folder}".encode())
    for path, text in sorted(content.items()):
        digest.update(f"\0{path} {'' if text is None else tip.blob_id(text.encode())}".encode())
    stems = sorted({_PLAIN.sub("-", path.stem.lower()).strip("-") for path in edits} - {""})
    name = "-".join([*stems[:_NAMED], digest.hexdigest()[:_DIGITS]])
    return f"gpuyard/{name}"


def title_of(edits: Edits, plan: Plan) -> str:
    """What the generated commit would be called; where nothing is generated, the files that change."""
    if not plan.empty:
        return plan.message.partition("\n")[0]
    names = sorted(map(str, edits))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"Edit {', '.join(names[:_NAMED])}{more}"
