"""`gpuyard init`: a new stack, in a repository of its own or in a folder of one that is there."""

import shlex
from pathlib import Path

import click

from gpuyard.cli.output import say

__all__ = ["command"]


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
def command(directory: Path, name: str | None, url: str | None, blueprints: Path | None, engine: str) -> None:
    """Create a Git repository in DIR with a stack, a blueprint, a README and a workflow that checks pull requests.

    If DIR is a new folder in a repository that has other things, the stack is committed to that folder, on the
    branch that is checked out, and nothing else is touched.
    """
    from gpuyard.cli.newrepository import create

    made, place = create(directory, name, url, blueprints, engine), shlex.quote(str(directory))
    for path in made.files:
        say(f"{path}")
    if made.joined:
        say(f"Committed to the repository {made.joined}")
    if made.missing:
        say("The repository's workflow .github/workflows/gpuyard.yaml stays as it is; add to its steps:")
        say(*(f"      - run: {line}" for line in made.missing))
    branch = f" --branch {shlex.quote(made.branch)}" if made.branch else ""
    what = "the clusters" if made.addressed else "the repository's url and the clusters"
    say(f"Next: set {what} in {directory / 'stack.yaml'} and commit it,")
    say(f"then: gpuyard compile{branch} {place}")
    say(f"Clusters read what is pushed: with a remote (git remote add), gpuyard compile{branch} --push {place}")
