"""`gpuyard init`: a new GitOps repository."""

import re
from pathlib import Path

import click

from gpuyard.data import shipped
from gpuyard.errors import InputError, MissingError, OutputError
from gpuyard.load import parse
from gpuyard.shapes import catalogue
from gpuyard.starter import starter
from gpuyard.tree import Tree
from gpuyard.userfiles import is_source

__all__ = ["command"]


@click.command("init", epilog="Example: gpuyard init gitops --url https://git.example.com/acme/gitops")
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--name", help="Name of the stack. Default: from DIR.")
@click.option("--url", help="Address of the repository, as the clusters will reach it.")
@click.option(
    "--blueprints",
    type=click.Path(path_type=Path),
    help="Start with these blueprints. Default: one, chat.",
)
def command(directory: Path, name: str | None, url: str | None, blueprints: Path | None) -> None:
    """Make a Git repository in DIR with a stack, a blueprint, a README and a workflow that checks pull requests."""
    from gpuyard import repo  # GitPython is slow to import

    name = name or _slug(directory)
    url = url or f"https://git.example.com/{name}/gitops"
    tree = starter(name, url, catalogue().values(), _blueprints(blueprints))
    _check(tree, directory)
    repo.create_repository(directory)
    with repo.read_tree(directory, "main") as snapshot:
        repo.commit(snapshot, dict(tree), message="Start with gpuyard")
    for path in sorted(tree):
        click.echo(f"{directory / path}")
    click.echo(f"Next: set the repository's url and the clusters in {directory / 'stack.yaml'},")
    click.echo(f"commit that, then: gpuyard compile {directory}")


def _blueprints(folder: Path | None) -> dict[str, str]:
    if folder is None:
        return {"chat.yaml": _for_users((shipped("blueprints") / "chat.yaml").read_text(encoding="utf-8"))}
    if not folder.is_dir():
        raise MissingError(f"{folder}: no such directory")
    found = {file.name: _for_users(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.yaml"))}
    if not found:
        raise MissingError(f"{folder}: no blueprints (*.yaml) here")
    return found


def _for_users(text: str) -> str:
    """Without the editors' pointer to a schema that lies in our repository, not in theirs."""
    first, _, rest = text.partition("\n")
    return rest if first.startswith("# yaml-language-server: $schema=../generator/") else text


def _slug(directory: Path) -> str:
    """A stack's name from a directory's."""
    slug = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-")
    return slug if re.match(r"[a-z]", slug) and slug not in ("inference", "vllm") else "stack"


def _check(tree: Tree, directory: Path) -> None:
    """What was asked for must compile: an option with a bad value is found here."""
    project = parse({str(path): text.encode() for path, text in tree.items() if is_source(str(path))})
    if project.problems:
        raise InputError(project.problems)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise OutputError(f"{directory}: is there already and not empty; init makes a new repository")
