"""`gpuyard init`: a new stack, in a repository of its own or in a folder of one that is there, and its CI."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_notes, say

if TYPE_CHECKING:
    from gpuyard.cli.newrepository import Created

__all__ = ["command"]

_OF_A_NEW_STACK = ("name", "url", "blueprints", "engine")


@click.command("init", epilog="Example: gpuyard init gitops --url https://git.example.com/acme/gitops")
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", help="Name of the stack. Default: from DIR.")
@click.option(
    "--url",
    help="Address of the repository, as the clusters will reach it. Default: that of origin, in a repository with one.",
)
@click.option(
    "--blueprints",
    type=click.Path(path_type=Path),
    help="Folder of blueprints to start with. Default: one blueprint, chat.",
)
@click.option("--engine", default="flux", show_default=True, help="What syncs the clusters: flux or argocd.")
@click.option(
    "--ci",
    type=click.Choice(["github", "gitlab"]),
    default="github",
    show_default=True,
    help="What checks pull requests. In a directory that has a stack, only adds these files.",
)
@click.option(
    "--with",
    "extras",
    type=click.Choice(["compile", "release"]),
    multiple=True,
    help="Let CI also compile and commit what was merged, or release the charts; may be repeated.",
)
@click.option(
    "--install",
    default="index",
    show_default=True,
    callback=options.given,
    help="Where CI gets gpuyard: index, git+https://HOST/PATH@REF, or the address of a mirror or of a wheel.",
)
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path,
    name: str | None,
    url: str | None,
    blueprints: Path | None,
    engine: str,
    ci: str,
    extras: tuple[str, ...],
    install: str,
) -> None:
    """Create a Git repository in DIR with a stack, a blueprint, a README and workflows that check pull requests.

    If DIR is a new folder in a repository that has other things, the stack is committed to that folder, on the
    branch that is checked out, and nothing else is touched. If DIR has a stack, --ci adds the workflows.
    """
    from gpuyard.cli.newrepository import add_pipeline, create
    from gpuyard.project.ci import Ci, Extra, Pipeline
    from gpuyard.project.installation import movable

    pipeline = Pipeline(Ci(ci), frozenset(map(Extra, extras)), install)
    if _given(ctx, "ci") and (directory / "stack.yaml").is_file():
        if unfit := [each for each in _OF_A_NEW_STACK if _given(ctx, each)]:
            raise click.UsageError(f"{directory} has a stack; --{unfit[0]} is for a new one, and --ci adds workflows")
        made = add_pipeline(directory, pipeline)
        _tell(made)
        if not made.files:
            say("Nothing to add")
    else:
        made = create(directory, name, url, blueprints, engine, pipeline)
        _tell(made)
        _next(made, directory)
    if reference := movable(install):
        emit_notes([f"{reference} can be moved to other bytes; a commit's whole name in --install cannot"])


def _given(ctx: click.Context, option: str) -> bool:
    return ctx.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


def _tell(made: "Created") -> None:
    for path in made.files:
        say(f"{path}")
    if made.joined and made.files:
        say(f"Committed to the repository {made.joined}")
    for each in made.kept:
        what = "; it also needs:" if each.lines else "; delete it and run this again for a new one"
        say(f"{each.file} stays as it is{what}", *each.lines)


def _next(made: "Created", directory: Path) -> None:
    place, branch = shlex.quote(str(directory)), f" --branch {shlex.quote(made.branch)}" if made.branch else ""
    what = "the clusters" if made.addressed else "the repository's url and the clusters"
    say(f"Next: set {what} in {directory / 'stack.yaml'} and commit it,")
    say(f"then: gpuyard compile{branch} {place}")
    say(f"Clusters read what is pushed: with a remote (git remote add), gpuyard compile{branch} --push {place}")
