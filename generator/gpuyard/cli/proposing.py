"""How `gpuyard pr` goes about it: what a checkout proposes, its branch, its request, and the one comment there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gpuyard import pipeline
from gpuyard.cli.commenting import LIMIT, SHORT, name_of, post, sought
from gpuyard.cli.meeting import Meeting, meet
from gpuyard.cli.output import on_error, progress
from gpuyard.cli.registries import asked
from gpuyard.commit.message import Words
from gpuyard.commit.place import check_alone, check_place
from gpuyard.commit.plan import Plan
from gpuyard.commit.proposed import branch_for, source_edits, title_of
from gpuyard.doors import git
from gpuyard.doors.forge import Forge, Request, UnsureError
from gpuyard.doors.whereabouts import repository_shown
from gpuyard.errors import ConflictError, InputError, MissingError, OutputError
from gpuyard.project.load import Project
from gpuyard.review.diff import Base, Diff
from gpuyard.review.diffmarkdown import markdown

__all__ = ["LABELS", "Made", "propose", "reviewed"]

LABELS = {"gpuyard-danger": "b60205", "gpuyard-caution": "fbca04"}
"""And their colours, red and yellow."""
_WHOLE = 1 << 30


@dataclass(frozen=True, slots=True)
class Made:
    """What there is now, as far as it has come."""

    base: str = ""
    branch: str = ""
    commit: str | None = None
    pushed: bool = False
    request: Request | None = None
    created: bool = False
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """For a machine."""
        found = self.request
        return {
            "ok": True,
            "error": None,
            "problems": [],
            "base": self.base,
            "branch": self.branch,
            "commit": self.commit,
            "pushed": self.pushed,
            "number": found.number if found else None,
            "url": found.url if found else None,
            "created": self.created,
            "labels": list(self.labels),
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """For people."""
        if self.request is None or self.commit is None:
            return [f"nothing to propose: {self.base} has all of it"]
        pushed = "pushed to" if self.pushed else "is at"
        what = "opened" if self.created else "updated"
        labels = f" ({', '.join(self.labels)})" if self.labels else ""
        return [f"{self.commit[:SHORT]} {pushed} {self.branch}", f"{what} {self.request.url}{labels}"]


def propose(
    directory: Path,
    *,
    base: str | None,
    branch: str | None,
    words: Words,
    kind: str | None,
    api: str | None,
    artifact: Path | None,
    only: str = "",
    ask: bool = False,
) -> Made:
    """All of it; each step finds what an earlier run has done. `only`: the file that alone may differ.

    `ask`: registries, for the images that are new.
    """
    cache = pipeline.remembered()
    project = pipeline.sound(directory, cache)
    check_place(project, directory)
    made = Made(base or project.stack.repository.branch)
    on_error(made.data)
    meeting = meet(directory, made.base, kind, api)
    progress(f"fetching {made.base} of {meeting.address.host}")
    remote = meeting.shown()
    with git.read_tree(remote, made.base, project.stack.folder) as tip:
        if tip.commit is None:
            raise MissingError(f"{remote.label} is empty; push {made.base} first, so that there is something to change")
        check_alone(tip.folder, tip.files)
        edits = _edits(meeting, project, tip, only)
        before = pipeline.synced_at(project, tip)
        progress("rendering")
        compiled = pipeline.compile(project, before, cache)
        plan = pipeline.plan(compiled, tip, base=before, words=words, cache=cache)
        if plan.problems:
            raise InputError(plan.problems)
        if not edits and plan.empty:
            return made
        found = pipeline.difference(compiled, tip, before, Base(made.base, tip.commit))
        found = asked(found) if ask else found
        if artifact:
            _write(artifact, markdown(found, _WHOLE))
        me = name_of(meeting.forge)  # a token that the API does not take is told before anything is pushed
        with _unfinished():
            made = _pushed(made, meeting, tip, edits, plan, branch, words)
    on_error(made.data)
    with _unfinished():
        return _opened(made, meeting, me, _title(edits, plan, words), found, artifact)


@contextmanager
def _unfinished() -> Iterator[None]:
    """Who interrupts from here on leaves something on the forge, which the next run finds."""
    try:
        yield
    except KeyboardInterrupt as stop:
        said = "interrupted; the branch may have been pushed, with or without its request and comment; run this again"
        raise KeyboardInterrupt(said) from stop


def _edits(meeting: Meeting, project: Project, tip: git.Snapshot, only: str) -> Mapping[Any, str | None]:
    top = meeting.where.top
    if (known := git.known_as(top, tip.branch)) is None:
        here = repository_shown(top)
        raise MissingError(f"{here} knows no branch {tip.branch}, which the request is for; `git fetch` it first")
    with git.read_base(top, known, project.stack.folder) as left:
        found = source_edits(project.sources, left, tip)
    if only and (others := [str(path) for path in found if str(path) != only]):
        more = f" and {len(others) - 1} more" if others[1:] else ""
        raise OutputError(
            f"{others[0]}{more} would be part of the request, differing from {tip.branch} as well; put that aside "
            "(`git stash push FILE`), or open one for all of it (`gpuyard pr`)"
        )
    return found


def _title(edits: Mapping[Any, str | None], plan: Plan, words: Words) -> str:
    return words.text.strip().partition("\n")[0] or title_of(edits, plan)


def _pushed(
    made: Made,
    meeting: Meeting,
    tip: git.Snapshot,
    edits: Mapping[Any, str | None],
    plan: Plan,
    branch: str | None,
    words: Words,
) -> Made:
    name = branch or branch_for(tip, edits, plan)
    if name == tip.branch:
        raise OutputError(f"the request is for {name} itself; give --branch another name")
    progress(f"pushing {name}")
    changes = {**edits, **plan.written, **dict.fromkeys(plan.deleted)}
    first, _, rest = plan.message.partition("\n")
    text = f"{first if words.text else title_of(edits, plan)}\n{rest}"
    at = git.propose(tip, changes, branch=name, message=text, git_dir=meeting.origin.git_dir)
    if at is None:  # what differs is the end of lines
        return made
    return replace(made, branch=name, commit=at.commit, pushed=at.pushed)


def _opened(made: Made, meeting: Meeting, me: str, title: str, found: Diff, artifact: Path | None) -> Made:
    if made.commit is None:
        return made
    progress("opening the request")
    request, created = _request(meeting.forge, made.branch, made.base, title)
    made = replace(made, request=request, created=created)
    on_error(made.data)
    last = f"All of it is in {artifact.name}, which the run has written." if artifact else ""
    post(meeting.forge, me, meeting.where.folder, request.number, reviewed(found, last))
    wanted = _labels(found)
    meeting.forge.label(request, {name: LABELS[name] for name in wanted}, LABELS.keys() - set(wanted))
    return replace(made, labels=wanted, notes=tuple(found.notes))


def reviewed(found: Diff, last: str = "") -> str:
    """The comment without its mark: what `gpuyard diff` says, within the limit."""
    text = markdown(found, LIMIT - len(last.encode()))
    return f"{text.rstrip()}\n\n{last}".rstrip() + "\n"


def _labels(found: Diff) -> tuple[str, ...]:
    severities = {each.rule.severity.value for each in found.dangers}
    return tuple(name for name in LABELS if name.removeprefix("gpuyard-") in severities)


def _request(forge: Forge, branch: str, base: str, title: str) -> tuple[Request, bool]:
    """The one that there is, or a new one; a killed run or another one may have made it at any moment."""
    if found := forge.find(branch, base):
        return found, False
    body = (
        "Made by `gpuyard pr`: the source files and all that follows from them. The comment below says what a merge "
        "changes in the clusters.\n"
    )
    unsure: UnsureError | None = None
    try:
        if made := forge.create(branch, base, title, body):
            return made, True
    except UnsureError as error:
        unsure = error
    if found := sought(lambda: forge.find(branch, base), unsure):
        return found, unsure is not None
    raise unsure or ConflictError(f"the forge says that {branch} has a request, and does not show it; run this again")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror}") from error
