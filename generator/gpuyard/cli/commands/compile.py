"""`gpuyard compile`: write and commit everything that follows from the stack and its blueprints."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, on_error, progress

if TYPE_CHECKING:
    from gpuyard.doors.git import Commit, Snapshot
    from gpuyard.pipeline import Compiled, Plan
    from gpuyard.review.placed import Consequence

__all__ = ["command"]

_SHORT = 12
"""Digits of a commit that people read."""


@click.command("compile", epilog="Example: gpuyard compile gitops --push")
@options.directory
@click.option(
    "--repo", "target", metavar="PATH|URL", callback=options.given, help="Repository to commit to. Default: DIR."
)
@click.option(
    "--branch", callback=options.given, help="Branch to commit to. Default: spec.repository.branch of the stack."
)
@click.option("--push", is_flag=True, help="Push the branch to the remote that it tracks.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 79 if the generated files in DIR are out of date."
)
@options.base
@click.option("--overwrite", is_flag=True, help="Replace generated files that were edited by hand.")
@options.output
def command(
    directory: Path,
    target: str | None,
    branch: str | None,
    push: bool,
    check: bool,
    base: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compile the stack in DIR (default: the current directory) and commit the result, if it differs.

    Only generated files are committed. What you have staged, changed or added yourself stays as it is.
    """
    if check:
        _check(directory, base, as_json, alone=not (target or branch or push or overwrite))
        return
    if base:
        raise click.UsageError("--base only applies with --check")
    from gpuyard import pipeline
    from gpuyard.cli.report import as_data
    from gpuyard.commit.parent import check_parent
    from gpuyard.doors import git

    on_error(_result(branch or ""))
    cache = pipeline.remembered()
    project = pipeline.load(directory, cache)
    if project.problems:
        pipeline.compile(project)  # raises, with whatever else is wrong: nobody needs to commit it first
    place, named = target or str(directory), branch is not None
    branch = branch or project.stack.repository.branch
    on_error(_result(branch))
    progress(f"reading {place}")
    with git.read_tree(place, branch) as snapshot:
        check_parent(snapshot, project.sources, directory, named=named)
        if pipeline.is_current(project, snapshot):
            pipeline.execute(pipeline.Plan(), snapshot, push=push)
            _unchanged(snapshot, as_json)
            return
        progress("rendering")
        compiled = pipeline.compile(project, cache)
        plan = pipeline.plan(compiled, snapshot, overwrite=overwrite)
        on_error(_result(branch, resolved=as_data(compiled.resolved), notes=_notes(plan), found=plan.consequences))
        progress("committing")
        commit = pipeline.execute(plan, snapshot, push=push)
    if commit is None:
        _unchanged(snapshot, as_json)
    else:
        _show(commit, compiled, plan, None if push else snapshot.remote, as_json=as_json)


def _show(commit: "Commit", compiled: "Compiled", plan: "Plan", unpushed: str | None, *, as_json: bool) -> None:
    from gpuyard.cli.report import as_data, as_lines, folders

    notes = _notes(plan)
    if as_json:
        data = as_data(compiled.resolved)
        emit_json(_result(commit.branch, resolved=data, commit=commit.id, notes=notes, found=plan.consequences))
        return
    lines = [*folders(compiled.tree), "", *_block(as_lines(compiled.resolved)), _summary(commit, unpushed)]
    click.echo("\n".join(lines))
    emit_notes(notes)


def _block(lines: list[str]) -> list[str]:
    return [*lines, ""] if lines else []


def _notes(plan: "Plan") -> list[str]:
    """What is worth saying."""
    from gpuyard.cli.report import told

    return [*plan.notes, *told(plan.consequences)]


def _result(
    branch: str,
    *,
    resolved: Mapping[str, Any] | None = None,
    commit: str | None = None,
    base: str | None = None,
    notes: Sequence[str] = (),
    found: Iterable["Consequence"] = (),
) -> dict[str, Any]:
    """The same keys whatever happened; an error has them, too."""
    from gpuyard.cli.report import told_as_data

    data = resolved or {"workloads": [], "refused": [], "placements": []}
    said = {"notes": list(notes), "consequences": told_as_data(found)}
    return {"ok": True, "error": None, "problems": [], **data, "commit": commit, "branch": branch, "base": base, **said}


def _unchanged(snapshot: "Snapshot", as_json: bool) -> None:
    if as_json:
        emit_json(_result(snapshot.branch, base=snapshot.commit))
    else:
        click.echo(f"up to date: {snapshot.branch} at {(snapshot.commit or '')[:_SHORT]}")


def _check(directory: Path, base: str | None, as_json: bool, *, alone: bool) -> None:
    """Whether a commit would follow from the directory as it stands."""
    if not alone:
        raise click.UsageError(
            "--check only looks at the files in DIR and takes no other option than --base and --output"
        )
    from gpuyard import pipeline
    from gpuyard.cli.report import as_data, told
    from gpuyard.commit.directory import Directory
    from gpuyard.commit.stale import check_current
    from gpuyard.errors import GpuyardError

    on_error(_result(""))
    project = pipeline.load(directory)
    branch = project.stack.repository.branch
    on_error(_result(branch))
    before = pipeline.running_at(directory, base) if base else None
    progress("rendering")
    compiled = pipeline.compile(project)
    plan = pipeline.plan(compiled, Directory(directory), base=before)
    result = _result(branch, resolved=as_data(compiled.resolved), notes=_notes(plan), found=plan.consequences)
    on_error(result)
    try:
        check_current(plan)
    except GpuyardError:
        if not as_json:
            emit_notes(told(plan.consequences))
        raise
    if as_json:
        emit_json(result)
    else:
        click.echo("up to date")
        emit_notes(_notes(plan))


def _summary(commit: "Commit", unpushed: str | None) -> str:
    counts = [(len(commit.written), "written"), (len(commit.deleted), "deleted")]
    parts = ", ".join(f"{count} files {what}" for count, what in counts if count)
    hint = f"; not pushed to {unpushed}, where clusters read it; run this again with --push" if unpushed else ""
    return f"commit {commit.id[:_SHORT]} on {commit.branch}: {parts}{hint}"
