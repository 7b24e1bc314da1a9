"""Are the files that are compiled those of the commit that the generated one will follow?

If they weren't, what runs would follow from files that nobody has committed, or from those of another branch, and the
next compile of the branch itself would take it back.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gpuyard.errors import OutputError
from gpuyard.project.userfiles import STACK_FILE, Sources, is_source

if TYPE_CHECKING:
    from gpuyard.doors.git import Snapshot

__all__ = ["check_committed", "check_parent"]

_POINTER = "version https://git-lfs.github.com/spec/"
_SHORT = 12
"""Digits of a commit that people read."""


def check_parent(snapshot: "Snapshot", sources: Sources, directory: Path, *, named: bool) -> None:
    """OutputError with what to do if the generated commit would follow other files; `named`: the branch was asked for.

    A repository or branch that holds what is generated alone, without a stack, can be told nothing about its files.
    """
    branch, head, root = snapshot.branch, snapshot.target.head, snapshot.target.root
    here = root is not None and root / snapshot.folder == directory.resolve()
    checked_out = here and head == branch
    if here and not checked_out and not named:
        found = f"branch {head}" if head else "no branch"
        other = head or "<branch>"
        raise OutputError(
            f"{directory} has {found} checked out, but gpuyard commits to {branch}, the stack's branch; "
            f"`git switch {branch}` first, or commit to another with `--branch {other}`"
        )
    if not checked_out and STACK_FILE not in snapshot.below():
        return
    _refuse_pointers(snapshot, sources)
    if lines := sorted(_differences(snapshot, sources)):
        told = (f"  {line}" for line in lines)
        raise OutputError(f"{_reason(snapshot)}:", *told, _advice(branch, here, checked_out))


def check_committed(snapshot: "Snapshot", sources: Sources) -> None:
    """OutputError where the files that are there are not those of the commit; of a release, everybody has to know."""
    _refuse_pointers(snapshot, sources)
    if lines := sorted(_differences(snapshot, sources)):
        told = (f"  {line}" for line in lines)
        advice = "commit them first (`git add`, `git commit`), or discard the changes (`git restore`)"
        commit = (snapshot.commit or "no commit")[:_SHORT]
        raise OutputError(f"source files differ from those of the commit that is released, {commit}:", *told, advice)


def _refuse_pointers(snapshot: "Snapshot", sources: Sources) -> None:
    """A filter may leave so little in the commit that nobody can read it there, and calls the work tree unchanged."""
    committed = snapshot.ids(map(PurePosixPath, sources))
    same = {path for path, blob in committed.items() if blob == snapshot.blob_id(sources[str(path)])}
    pointers = {path for path in same if sources[str(path)].startswith(_POINTER.encode())}
    pointers |= {path for path, text in snapshot.read(*(committed.keys() - same)).items() if text.startswith(_POINTER)}
    if names := sorted(map(str, pointers)):
        raise OutputError(
            f"{snapshot.branch} has {', '.join(names)} in Git LFS only, where clusters and gpuyard do not read it; "
            f"end .gitattributes with {', '.join(f'`/{snapshot.folder / name} -filter`' for name in names)}, then "
            f"`git add --renormalize .` and commit"
        )


def _differences(snapshot: "Snapshot", sources: Sources) -> Iterator[str]:
    committed = {name: entry for name, entry in snapshot.below().items() if is_source(name) or name in sources}
    for name, data in sources.items():
        if name not in committed:
            yield f"{name} (not in the commit)"
        elif committed[name].blob not in map(snapshot.blob_id, (data, data.replace(b"\r\n", b"\n"))):
            yield f"{name} (differs)"
    for name in committed.keys() - sources.keys():
        yield f"{name} (not here)"


def _reason(snapshot: "Snapshot") -> str:
    if snapshot.commit is None:
        return f"{snapshot.branch} has no commit yet, and the generated commit would be its first, without these files"
    place = f"{snapshot.branch} at {snapshot.commit[:_SHORT]}"
    return f"the generated commit would follow {place}, whose source files differ from the ones being compiled"


def _advice(branch: str, here: bool, checked_out: bool) -> str:
    if checked_out:
        return (
            "commit them first (`git add`, `git commit`) or discard the changes (`git restore`); "
            "`gpuyard check` and `gpuyard render` show the result without committing"
        )
    if here:
        return f"`git switch {branch}` first, or commit to the branch that is checked out with --branch"
    return f"push them to {branch} there first, or compile in a checkout of it"
