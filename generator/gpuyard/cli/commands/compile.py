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
    from gpuyard.cli.landing import land
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
    found, lines = land(directory, target, branch, base, words, push=push, overwrite=overwrite, as_json=as_json)
    _say(found, as_json, lines)


def _write(directory: Path, base: str | None, overwrite: bool, as_json: bool) -> None:
    """The same files, and no commit."""
    from gpuyard import pipeline
    from gpuyard.cli.landing import unchanged
    from gpuyard.cli.outcome import Outcome
    from gpuyard.commit.directory import Directory
    from gpuyard.commit.place import check_alone, check_place, stacks_around

    on_error(Outcome().data)
    cache, place = pipeline.remembered(), Directory(directory)
    project = pipeline.load(directory, cache)
    found = Outcome(project.stack.repository.branch)
    on_error(found.data)
    check_place(project, directory)
    if not project.problems:
        check_alone(project.stack.folder, stacks_around(directory))
    before = pipeline.running(place) if project.problems else pipeline.synced_with(project, place, directory, base)
    if not project.problems and pipeline.is_current(project, place, cache, before):
        _say(unchanged(found, project, place) if as_json else found, as_json, found.lines(None, str(directory)))
        return
    progress("rendering")
    compiled = pipeline.compile(project, before, cache)
    plan = pipeline.plan(compiled, place, base=before, overwrite=overwrite, cache=cache)
    found = replace(found, resolved=compiled.resolved, plan=plan)
    on_error(found.data)
    pipeline.write(plan, place)
    found = replace(found, wrote=not plan.empty)
    _say(found, as_json, found.lines(None, str(directory)))


def _check(directory: Path, base: str | None, as_json: bool) -> None:
    """Whether a commit would follow from the directory as it stands."""
    from gpuyard import pipeline
    from gpuyard.cli.outcome import Outcome
    from gpuyard.cli.report import told
    from gpuyard.commit.directory import Directory
    from gpuyard.commit.place import check_alone, check_place, stacks_around
    from gpuyard.commit.stale import check_current
    from gpuyard.errors import GpuyardError

    on_error(Outcome().data)
    project, place = pipeline.load(directory), Directory(directory)
    found = Outcome(project.stack.repository.branch)
    on_error(found.data)
    check_place(project, directory)
    before = pipeline.running(place) if project.problems else pipeline.synced_with(project, place, directory, base)
    progress("rendering")
    compiled = pipeline.compile(project, before)
    check_alone(project.stack.folder, stacks_around(directory))
    plan = pipeline.plan(compiled, place, base=before)
    stale = tuple(sorted([*plan.written, *plan.deleted]))
    found = replace(found, resolved=compiled.resolved, plan=plan, stale=stale)
    on_error(found.data)
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


def _say(found: "Outcome", as_json: bool, lines: list[str]) -> None:
    if as_json:
        emit_json(found.data())
        return
    say(*lines)
    if found.changes:
        emit_notes(found.notes)
