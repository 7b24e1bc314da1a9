"""`gpuyard compile`: write and commit everything that follows from the stack and its blueprints."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, on_error, progress, say

if TYPE_CHECKING:
    from gpuyard.cli.outcome import Outcome
    from gpuyard.commit.message import Words
    from gpuyard.commit.plan import Place
    from gpuyard.doors.git import Snapshot
    from gpuyard.project.load import Project

__all__ = ["command"]

_TRAILER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*: \S[^\r\n]*")


def _trailers(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from gpuyard.commit.message import DIGEST

    for value in values:
        if not _TRAILER.fullmatch(value):
            raise click.BadParameter(f"{value!r} is not a trailer; write 'Key: value'", ctx, param)
        if value.lower().startswith(f"{DIGEST.lower()}:"):
            raise click.BadParameter(f"{DIGEST} is written by gpuyard itself; leave it out", ctx, param)
    return values


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
    "--message", "-m", callback=options.given, help="Subject and body of the commit. Default: names what changed."
)
@click.option(
    "--trailer",
    "trailers",
    multiple=True,
    metavar="'KEY: VALUE'",
    callback=_trailers,
    help="Add a trailer; repeatable.",
)
@click.option("--no-commit", is_flag=True, help="Write the files to DIR and commit nothing.")
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
    message: str | None,
    trailers: tuple[str, ...],
    no_commit: bool,
    check: bool,
    base: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compile the stack in DIR (default: the current directory) and commit the result, if it differs.

    Only generated files are committed. What you have staged, changed or added yourself stays as it is. The commit is
    signed if Git is set to sign (commit.gpgsign); hooks do not run.
    """
    from gpuyard.commit.message import Words

    of_commit = bool(target or branch or push or message or trailers)
    if check:
        if of_commit or overwrite or no_commit:
            others = "--base and --output"
            raise click.UsageError(f"--check only looks at the files in DIR and takes no other option than {others}")
        _check(directory, base, as_json)
        return
    if no_commit:
        if of_commit:
            raise click.UsageError("--no-commit takes no option of a commit; leave it out, or leave those out")
        _write(directory, base, overwrite, as_json)
        return
    words = Words(message or "", trailers)
    _commit(directory, target, branch, base, words, push=push, overwrite=overwrite, as_json=as_json)


def _commit(
    directory: Path,
    target: str | None,
    branch: str | None,
    base: str | None,
    words: "Words",
    *,
    push: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    from gpuyard import pipeline
    from gpuyard.cli.outcome import Outcome
    from gpuyard.commit.parent import check_parent
    from gpuyard.commit.place import check_alone, check_place
    from gpuyard.doors import git
    from gpuyard.project.located import located

    on_error(Outcome(branch or "").data())
    cache = pipeline.remembered()
    project = pipeline.sound(directory, cache)  # nobody needs to commit what is wrong first
    if target is None:
        check_place(project, directory)
    where, named = located(directory), branch is not None
    place = target or str(where.top if where else directory)
    found = Outcome(branch or project.stack.repository.branch)
    on_error(found.data())
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
            on_error(found.data())
            progress("committing")
        commit = pipeline.execute(plan, snapshot, push=push)
        pushed = push or snapshot.target.root is None
        # Another run may have made the same commit while this one waited for it.
        base = None if commit else snapshot.commit if plan.empty else snapshot.tip()
        found = replace(found, commit=commit, base=base, pushed=pushed)
        _say(_unchanged(found, project, snapshot, as_json) if current else found, as_json, snapshot, place)


def _write(directory: Path, base: str | None, overwrite: bool, as_json: bool) -> None:
    """The same files, and no commit."""
    from gpuyard import pipeline
    from gpuyard.cli.outcome import Outcome
    from gpuyard.commit.directory import Directory
    from gpuyard.commit.place import check_place

    on_error(Outcome().data())
    cache, place = pipeline.remembered(), Directory(directory)
    project = pipeline.load(directory, cache)
    found = Outcome(project.stack.repository.branch)
    on_error(found.data())
    check_place(project, directory)
    before = pipeline.running(place) if project.problems else pipeline.synced_with(project, place, directory, base)
    if not project.problems and pipeline.is_current(project, place, cache, before):
        _say(_unchanged(found, project, place, as_json), as_json, None, str(directory))
        return
    progress("rendering")
    compiled = pipeline.compile(project, before, cache)
    plan = pipeline.plan(compiled, place, base=before, overwrite=overwrite, cache=cache)
    found = replace(found, resolved=compiled.resolved, plan=plan)
    on_error(found.data())
    pipeline.write(plan, place)
    _say(replace(found, wrote=not plan.empty), as_json, None, str(directory))


def _check(directory: Path, base: str | None, as_json: bool) -> None:
    """Whether a commit would follow from the directory as it stands."""
    from gpuyard import pipeline
    from gpuyard.cli.outcome import Outcome
    from gpuyard.cli.report import told
    from gpuyard.commit.directory import Directory
    from gpuyard.commit.place import check_alone, check_place, stacks_around
    from gpuyard.commit.stale import check_current
    from gpuyard.errors import GpuyardError

    on_error(Outcome().data())
    project, place = pipeline.load(directory), Directory(directory)
    found = Outcome(project.stack.repository.branch)
    on_error(found.data())
    check_place(project, directory)
    before = pipeline.running(place) if project.problems else pipeline.synced_with(project, place, directory, base)
    progress("rendering")
    compiled = pipeline.compile(project, before)
    check_alone(project.stack.folder, stacks_around(directory))
    plan = pipeline.plan(compiled, place, base=before)
    stale = tuple(sorted([*plan.written, *plan.deleted]))
    found = replace(found, resolved=compiled.resolved, plan=plan, stale=stale)
    on_error(found.data())
    try:
        check_current(plan, base)
    except GpuyardError:
        if not as_json:
            emit_notes(told(plan.consequences))
        raise
    if as_json:
        emit_json(found.data())
    else:
        say("up to date")
        emit_notes(found.notes)


def _unchanged(found: "Outcome", project: "Project", place: "Place", as_json: bool) -> "Outcome":
    """For a machine, where nothing had to be resolved to know that nothing changes."""
    from gpuyard import pipeline
    from gpuyard.resolve import resolve

    if not as_json:
        return found
    resolved = resolve(project, pipeline.running(place))
    notes = (*resolved.notes, *pipeline.beside(resolved, place))
    return replace(found, resolved=resolved, plan=pipeline.Plan(notes=notes))


def _say(found: "Outcome", as_json: bool, snapshot: "Snapshot | None", where: str) -> None:
    if as_json:
        emit_json(found.data())
        return
    say(*found.lines(snapshot, where))
    if found.changes:
        emit_notes(found.notes)
