"""`gpuyard diff`: what a merge changes in the clusters: models and money, what is dangerous, then object by object."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gpuyard.cli import options
from gpuyard.cli.output import JSON, emit_json, emit_notes, emit_text, on_error, progress, say

if TYPE_CHECKING:
    from gpuyard.review.diff import Diff

__all__ = ["command"]

_CHANGED = 80
_DANGER = 81
_FEWEST = 2000
"""Bytes: less has no room for a summary."""
_LIMIT = 65_000
_HEAD: dict[str, Any] = {"ok": True, "error": None, "problems": []}


def _remember(ctx: click.Context, param: click.Parameter, value: str) -> str:
    ctx.meta[JSON] = value == "json"
    return value


@click.command("diff", epilog="Example: gpuyard diff gitops --base origin/main")
@options.directory
@click.option(
    "--base",
    metavar="REF",
    callback=options.given,
    help="Compare with the commit where the branch left REF. Default: the stack's branch, as its remote has it.",
)
@click.option("--exit-code", "by_code", is_flag=True, help=f"Exit with {_CHANGED} for changes, {_DANGER} for a danger.")
@click.option(
    "--output",
    "-o",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    callback=_remember,
    help="Format of the results.",
)
@click.option(
    "--limit", type=click.IntRange(min=_FEWEST), default=_LIMIT, show_default=True, help="Most bytes of Markdown."
)
@options.registries
def command(directory: Path, base: str | None, by_code: bool, form: str, limit: int, ask: bool) -> None:
    """Show what the files in DIR (default: the current directory) change in the clusters once they are merged.

    First clusters and models with GPUs, replicas, context and price before and after, and what is dangerous; then the
    objects that differ, field by field, by what they are called. What is compared with are the generated files of the
    base; what is generated in DIR plays no part. Nothing is written, and nothing is asked of a cluster, nor of the
    network without --registries.
    """
    from gpuyard.review.diff import Base, Diff
    from gpuyard.review.diffdata import as_data
    from gpuyard.review.diffmarkdown import markdown

    on_error(lambda: {**_HEAD, **as_data(Diff(Base(base or ""), ""))})
    found = _compared(directory, base)
    if ask:
        from gpuyard.cli.registries import asked

        found = asked(found)
    if form == "json":
        emit_json({**_HEAD, **as_data(found)})
    elif form == "markdown":
        emit_text(markdown(found, limit))
    else:
        from gpuyard.cli.difftext import as_text

        say(*as_text(found))
        emit_notes(found.notes)
    if by_code and not found.empty:
        click.get_current_context().exit(_DANGER if found.dangerous else _CHANGED)


def _compared(directory: Path, base: str | None) -> "Diff":
    from gpuyard import pipeline
    from gpuyard.commit.place import check_place
    from gpuyard.doors import git
    from gpuyard.errors import MissingError
    from gpuyard.project.located import located
    from gpuyard.review.diff import Base

    cache = pipeline.remembered()
    project = pipeline.sound(directory, cache)
    check_place(project, directory)
    if (found := located(directory)) is None:
        raise MissingError(f"{directory} is in no Git repository, so there is no commit to compare with")
    branch = project.stack.repository.branch
    if (name := base or git.known_as(found.top, branch)) is None:
        raise MissingError(
            f"{found.top} knows no branch {branch}, which clusters follow; fetch it, or name a commit with --base"
        )
    with git.read_base(found.top, name, project.stack.folder) as there:
        before = pipeline.synced_at(project, there)
        progress("rendering")
        compiled = pipeline.compile(project, before, cache)
        return pipeline.difference(compiled, there, before, Base(name, there.commit or ""))
