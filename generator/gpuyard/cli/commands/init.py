"""`gpuyard init`: a new GitOps repository."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command("init", epilog="Example: gpuyard init gitops --url https://git.example.com/acme/gitops")
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", help="Name of the stack. Default: from DIR.")
@click.option("--url", help="Address of the repository, as the clusters will reach it.")
@click.option(
    "--blueprints",
    type=click.Path(path_type=Path),
    help="Folder of blueprints to start with. Default: one blueprint, chat.",
)
def command(directory: Path, name: str | None, url: str | None, blueprints: Path | None) -> None:
    """Create a Git repository in DIR with a stack, a blueprint, a README and a workflow that checks pull requests."""
    from gpuyard.cli.newrepository import create

    for path in create(directory, name, url, blueprints):
        click.echo(f"{directory / path}")
    click.echo(f"Next: set the repository's url and the clusters in {directory / 'stack.yaml'} and commit it,")
    click.echo(f"then: gpuyard compile {directory}")
    click.echo(f"Clusters read what is pushed: with a remote (git remote add), gpuyard compile --push {directory}")
