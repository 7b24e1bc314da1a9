"""`gpuyard check`: are the files right, does everything fit, and what would it do to the clusters? Writes nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, on_error, progress, say

if TYPE_CHECKING:
    from gpuyard.errors import Problem
    from gpuyard.project.load import Project
    from gpuyard.resolve import Resolved
    from gpuyard.review.placed import Consequence

__all__ = ["command"]


@click.command("check", epilog="Example: gpuyard check gitops --base origin/main")
@options.directory
@options.base
@options.output
def command(directory: Path, base: str | None, as_json: bool) -> None:
    """Validate the stack and the blueprints in DIR (default: the current directory) and list what runs where.

    A model fits where it has 1 GiB to spare, four requests of the whole context at once, and `concurrency` typical
    ones; it is tight where it starts and has less. In brackets is what half or twice the GPUs would give.

    Says what the change does in the clusters (minutes without a server, claims that stay and are billed) and refuses
    what they would refuse. Nothing is written in DIR.
    """
    from gpuyard.cli.report import as_data, as_lines, prices, told
    from gpuyard.errors import InputError
    from gpuyard.pipeline import load

    on_error(_result)
    resolved, found, problems, beside = _compared(load(directory), directory, base)
    notes = [*resolved.notes, *beside, *told(found)]
    if problems:
        on_error(lambda: _result(as_data(resolved), notes, found))
        if not as_json:
            emit_notes(told(found))
        raise InputError(problems)
    if as_json:
        emit_json(_result(as_data(resolved), notes, found))
        return
    for line in (*as_lines(resolved), *prices(resolved)):
        say(line)
    emit_notes(notes)


def _compared(
    project: "Project", directory: Path, base: str | None
) -> tuple["Resolved", Sequence["Consequence"], Sequence["Problem"], Sequence[str]]:
    """What follows, and what it does where something runs; rendered only where there is something to compare with."""
    from gpuyard import pipeline
    from gpuyard.commit.directory import Directory
    from gpuyard.commit.place import check_alone, check_place, stacks_around
    from gpuyard.render.moves import with_refusals
    from gpuyard.resolve import resolve

    place, cache = Directory(directory), pipeline.remembered()
    here = pipeline.running(place)
    before = here if project.problems else pipeline.synced_with(project, place, directory, base)
    refused = with_refusals(project, before)
    same = pipeline.is_current(project, place, cache, before)
    if refused.problems or same or (not before.placements and pipeline.untouched(project, place)):
        resolved = resolve(refused, before)  # raises, if there are problems, with whatever else is wrong
        check_place(project, directory)
        check_alone(project.stack.folder, stacks_around(directory))
        notes = (*pipeline.repinned(project, before), *pipeline.beside(project, resolved, place))
        return resolved, pipeline.allowed(resolved, before), (), notes
    check_place(project, directory)
    progress("rendering")
    compiled = pipeline.compile(project, before, cache)
    check_alone(project.stack.folder, stacks_around(directory))
    found, problems = pipeline.compare(compiled, before)
    if not problems:
        pipeline.plan(compiled, place, base=before)  # raises what keeps `compile` from it, too
    beside = (*pipeline.repinned(project, before), *pipeline.beside(project, compiled.resolved, place, compiled.tree))
    return compiled.resolved, found, problems, beside


def _result(
    data: Mapping[str, Any] | None = None, notes: Sequence[str] = (), found: Sequence["Consequence"] = ()
) -> dict[str, Any]:
    """The same keys whatever happened; an error has them, too."""
    from gpuyard.cli.report import told_as_data

    head: dict[str, Any] = {"ok": True, "error": None, "problems": []}
    content = data or {"workloads": [], "refused": [], "placements": [], "prerequisites": []}
    return {**head, **content, "notes": list(notes), "consequences": told_as_data(found)}
