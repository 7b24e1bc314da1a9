"""Compile a stack and commit what follows from it: for `gpuyard compile`, and for commands that end with it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gpuyard import pipeline
from gpuyard.cli.outcome import Outcome
from gpuyard.cli.output import on_error, progress
from gpuyard.commit.message import Words
from gpuyard.commit.parent import check_parent
from gpuyard.commit.place import check_alone, check_place
from gpuyard.doors import git
from gpuyard.project.located import located
from gpuyard.resolve import resolve

if TYPE_CHECKING:
    from gpuyard.commit.plan import Place
    from gpuyard.project.load import Project

__all__ = ["land", "unchanged"]


def land(
    directory: Path,
    target: str | None = None,
    branch: str | None = None,
    base: str | None = None,
    words: Words = Words("", ()),  # noqa: B008 - it is frozen
    *,
    push: bool,
    overwrite: bool = False,
    as_json: bool = False,
    telling: bool = True,
) -> tuple[Outcome, list[str]]:
    """What was committed, and the lines that say so; `telling`: an error brings along how far it got."""
    tell = on_error if telling else _nobody
    tell(Outcome(branch or "").data)
    cache = pipeline.remembered()
    project = pipeline.sound(directory, cache)  # nobody needs to commit what is wrong first
    if target is None:
        check_place(project, directory)
    where, named = located(directory), branch is not None
    place = target or str(where.top if where else directory)
    found = Outcome(branch or project.stack.repository.branch)
    tell(found.data)
    progress(f"reading {place}")
    with git.read_tree(place, found.branch, project.stack.folder) as snapshot:
        check_alone(snapshot.folder, snapshot.files)
        check_parent(snapshot, project.sources, directory, named=named)
        before = pipeline.synced_with_branch(project, snapshot, place, base)
        current = pipeline.is_current(project, snapshot, cache, before)
        plan = pipeline.Plan()
        if not current:
            progress("rendering")
            compiled = pipeline.compile(project, before, cache)
            plan = pipeline.plan(compiled, snapshot, base=before, overwrite=overwrite, words=words, cache=cache)
            found = replace(found, resolved=compiled.resolved, plan=plan)
            tell(found.data)
            progress("committing")
        commit = pipeline.execute(plan, snapshot, push=push)
        pushed = push or snapshot.target.root is None
        # Another run may have made the same commit while this one waited for it.
        base = None if commit else snapshot.commit if plan.empty else snapshot.tip()
        found = replace(found, commit=commit, base=base, pushed=pushed)
        if current and as_json:
            found = unchanged(found, project, snapshot)
        return found, found.lines(snapshot, place)


def unchanged(found: Outcome, project: "Project", place: "Place") -> Outcome:
    """For a machine, where nothing had to be resolved to know that nothing changes."""
    resolved = resolve(project, pipeline.running(place))
    notes = (*resolved.notes, *pipeline.beside(project, resolved, place))
    return replace(found, resolved=resolved, plan=pipeline.Plan(notes=notes))


def _nobody(_: object) -> None:
    """Another command's data comes with an error."""
