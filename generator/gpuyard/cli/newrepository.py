"""What `gpuyard init` makes: a first commit that compiles, where there was nothing."""

import re
from pathlib import Path, PurePosixPath

from gpuyard.catalogue.shapes import catalogue
from gpuyard.catalogue.shipped import shipped
from gpuyard.commit.lock import Lock, sha256
from gpuyard.commit.lockfile import write_locks
from gpuyard.doors import git
from gpuyard.doors.git import Snapshot
from gpuyard.errors import InputError, Location, OutputError, Problem
from gpuyard.project.formats import schema
from gpuyard.project.load import parse
from gpuyard.project.starter import README, starter
from gpuyard.project.userfiles import BLUEPRINTS, STACK_FILE, read_folder
from gpuyard.tree import Tree

__all__ = ["create"]

_OPTIONS = {"metadata.name ": "--name", "spec.repository.url ": "--url"}
_PARSED = (STACK_FILE, BLUEPRINTS)


def create(directory: Path, name: str | None, url: str | None, blueprints: Path | None) -> list[PurePosixPath]:
    """Make a Git repository with one commit; returns its files."""
    name = name or _slug(directory)
    url = url or f"https://git.example.com/{name}/gitops"
    tree = starter(name, url, catalogue().values(), _blueprints(blueprints))
    # The first compile replaces this README, so it is gpuyard's from the start.
    tree.update(write_locks(Lock(files={README: sha256(tree[README])})))
    _check(tree, directory)
    git.create_repository(directory)
    with git.read_tree(directory, "main") as snapshot:
        _check_new(snapshot, directory)
        git.commit(snapshot, dict(tree), message="Start with gpuyard")
    return sorted(tree)


def _blueprints(folder: Path | None) -> dict[str, str]:
    if folder is None:
        return {"chat.yaml": _for_users((shipped("blueprints") / "chat.yaml").read_text(encoding="utf-8"))}
    files, problems = read_folder(folder)
    texts = {}
    for name, data in files.items():
        try:
            texts[name] = _for_users(data.decode())
        except UnicodeDecodeError:
            problems.append(Problem(Location(name if name.isprintable() else ascii(name)), "is not UTF-8 text"))
    if problems:
        raise InputError(problems)
    return texts


def _for_users(text: str) -> str:
    """Without the editors' pointer to a schema that lies in our repository, not in theirs."""
    first, _, rest = text.partition("\n")
    return rest if first.startswith("# yaml-language-server: $schema=../generator/") else text


def _slug(directory: Path) -> str:
    """A stack's name from a directory's."""
    slug = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-")
    allowed = schema("stack")["properties"]["metadata"]["properties"]["name"]["pattern"]
    return slug if re.match(allowed, slug) else "stack"


def _check(tree: Tree, directory: Path) -> None:
    """What was asked for must compile: an option with a bad value is found here."""
    try:
        project = parse({str(path): text.encode() for path, text in tree.items() if path.parts[0] in _PARSED})
        problems = project.problems
    except InputError as error:
        problems = tuple(map(_of_option, error.problems))
    if problems:
        raise InputError(problems)
    inside = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    # A clone of a repository without commits is as good as nothing.
    if directory.exists() and (not directory.is_dir() or inside - {".git"}):
        raise OutputError(f"{directory}: already exists and is not empty; give a new or an empty directory")


def _of_option(problem: Problem) -> Problem:
    """The stack isn't there yet: what is wrong in it came from an option."""
    for path, option in _OPTIONS.items():
        if problem.location.file == STACK_FILE and problem.message.startswith(path):
            return Problem(Location(option), problem.message.removeprefix(path))
    return problem


def _check_new(snapshot: Snapshot, directory: Path) -> None:
    """Of a repository that was there."""
    if snapshot.commit:
        raise OutputError(f"{directory}: already has commits; give a new or an empty directory")
    if snapshot.target.head != snapshot.branch:
        change = f"git -C {directory} symbolic-ref HEAD refs/heads/{snapshot.branch}"
        raise OutputError(
            f"{directory}: has branch {snapshot.target.head} checked out, not {snapshot.branch}; `{change}`"
        )
