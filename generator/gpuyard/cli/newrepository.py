"""What `gpuyard init` makes: a first commit that compiles, in a repository of its own or in a folder of another."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gpuyard.catalogue.shapes import catalogue
from gpuyard.catalogue.shipped import shipped
from gpuyard.commit.lock import Lock, sha256
from gpuyard.commit.lockfile import write_locks
from gpuyard.commit.place import check_alone, check_place
from gpuyard.doors import git
from gpuyard.doors.git import Snapshot
from gpuyard.doors.plainfiles import NotPlainError, PlainFiles, TooLargeError
from gpuyard.errors import InputError, Location, OutputError, Problem
from gpuyard.project.ci import Pipeline, additions, is_shared, pipeline_files
from gpuyard.project.formats import schema
from gpuyard.project.load import load, parse
from gpuyard.project.located import Located, located
from gpuyard.project.stack import Engine
from gpuyard.project.starter import README, starter
from gpuyard.project.userfiles import BLUEPRINTS, STACK_FILE, read_folder
from gpuyard.tree import Tree

__all__ = ["Created", "Kept", "add_pipeline", "create"]

_OPTIONS = {
    "metadata.name ": "--name",
    "spec.repository.url ": "--url",
    "spec.repository.path ": "DIR",
    "spec.engine ": "--engine",
}
_PARSED = (STACK_FILE, BLUEPRINTS)
_CHECKED = Pipeline()
_ENOUGH = 1 << 20
"""Bytes of a CI system's file."""


class _New(NamedTuple):
    """What a stack starts with."""

    name: str
    url: str | None
    blueprints: dict[str, str]
    engine: str
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of the CI system that was there already, and what its owner has to add to it."""

    file: Path
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Created:
    """What there is now, and what is left for its owner to do."""

    files: tuple[Path, ...]
    addressed: bool
    """Whether the stack knows where clusters read it."""
    branch: str = ""
    """To compile to, where it isn't the stack's own; else empty."""
    joined: str = ""
    """The repository that was there already, and its branch."""
    kept: tuple[Kept, ...] = ()


def create(
    directory: Path,
    name: str | None,
    url: str | None,
    blueprints: Path | None,
    engine: str = Engine.FLUX,
    pipeline: Pipeline = _CHECKED,
) -> Created:
    """Make a stack and commit it: in a new repository, or in a new folder of the one that is there."""
    place = located(directory)
    new = _New(name or _slug(directory), url, _blueprints(blueprints), engine, pipeline)
    if place is None or not place.folder.parts or git.ignores(place.top, directory):
        return _alone(directory, new)
    return _joined(directory, place, new)


def add_pipeline(directory: Path, pipeline: Pipeline) -> Created:
    """Commit the CI system's files for a stack that is there, on the branch that is checked out."""
    project = load(directory)
    if project.problems:
        raise InputError(project.problems)
    place = located(directory)
    if place is None:
        raise OutputError(f"{directory} is not in a Git repository; `git init -b main {directory}` makes it one")
    check_place(project, directory)
    branch = git.host(place.top).branch
    with git.read_tree(place.top, branch) as snapshot:
        files, kept = _pipeline(pipeline, place, project.stack.repository.branch, snapshot)
        if files:
            git.commit(snapshot, files, message=f"Check {project.stack.name} by {pipeline.ci.value}")
    return Created(
        tuple(place.top / path for path in sorted(files)), addressed=True, joined=_joined_to(place, branch), kept=kept
    )


def _alone(directory: Path, new: _New) -> Created:
    repository = {"url": new.url or _example(new.name), "branch": "main"}
    tree = {**_started(new, repository), **pipeline_files(new.pipeline, PurePosixPath(), "main")}
    _check(tree, directory)
    git.create_repository(directory)
    with git.read_tree(directory, "main") as snapshot:
        _check_new(snapshot, directory)
        git.commit(snapshot, dict(tree), message="Start with gpuyard")
    return Created(tuple(directory / path for path in sorted(tree)), new.url is not None)


def _joined(directory: Path, place: Located, new: _New) -> Created:
    """Nothing else of the repository is touched, and nothing that is staged or changed is part of the commit."""
    if directory.is_symlink():
        raise OutputError(f"{directory}: is a link; give the folder that it leads to")
    top, folder = place
    host = git.host(top)
    address = new.url or host.url
    repository = {"url": address or _example(new.name), "branch": host.default, "path": str(folder)}
    tree = _started(new, repository)
    _check(tree, directory)
    with git.read_tree(top, host.branch) as snapshot:
        check_alone(folder, snapshot.files)
        if any(file.startswith(f"{folder}/") for file in snapshot.files):
            raise OutputError(f"{directory}: {host.branch} has files there; give a new folder")
        added, kept = _pipeline(new.pipeline, place, host.default, snapshot)
        files = {folder / path: text for path, text in tree.items()} | added
        git.commit(snapshot, files, message=f"Start the stack {new.name} in {folder}")
    return Created(
        tuple(_shown(directory, place, path) for path in sorted(files)),
        address is not None,
        host.branch if host.branch != host.default else "",
        _joined_to(place, host.branch),
        kept,
    )


def _pipeline(
    wanted: Pipeline, place: Located, branch: str, snapshot: Snapshot
) -> tuple[dict[PurePosixPath, str], tuple[Kept, ...]]:
    """Its files that are not there, and those that are: their owner may have changed them."""
    files, kept = dict(pipeline_files(wanted, place.folder, branch)), list[Kept]()
    with PlainFiles(place.top) as there:
        for path in sorted(files):
            if str(path) in snapshot.files or os.path.lexists(place.top / path):
                text = _text(there, path)
                if text != files.pop(path):
                    lines = additions(wanted, path, place.folder, text)
                    kept += [Kept(place.top / path, lines)] if lines or not is_shared(wanted, path) else []
    return files, tuple(kept)


def _text(there: PlainFiles, path: PurePosixPath) -> str:
    """Of a file that is its owner's; none of what is no plain file."""
    try:
        return (there.read(str(path), _ENOUGH) or b"").decode("utf-8", "replace")
    except (NotPlainError, TooLargeError, OSError):
        return ""


def _joined_to(place: Located, branch: str) -> str:
    return f"{place.top}, on its branch {branch}"


def _shown(directory: Path, place: Located, path: PurePosixPath) -> Path:
    """A file by the path that the user gave, as far as it is there."""
    inside = path.is_relative_to(place.folder)
    return directory / path.relative_to(place.folder) if inside else place.top / path


def _started(new: _New, repository: dict[str, str]) -> Tree:
    tree = starter(new.name, repository, catalogue().values(), new.blueprints, new.engine)
    # The first compile replaces this README, so it is gpuyard's from the start.
    tree.update(write_locks(Lock(files={README: sha256(tree[README])})))
    return tree


def _example(name: str) -> str:
    return f"https://git.example.com/{name}/gitops"


def _blueprints(folder: Path | None) -> dict[str, str]:
    if folder is None:
        return {"chat.yaml": _for_users((shipped("blueprints") / "chat.yaml").read_text(encoding="utf-8"))}
    files, problems = read_folder(folder)
    texts = {}
    for name, data in files.items():
        try:
            texts[name] = _for_users(data.decode())
        except UnicodeDecodeError:
            problems.append(Problem(Location(name), "is not UTF-8 text"))
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
        way = f", or a folder of this repository, such as {directory / 'gpu'}" if ".git" in inside else ""
        way = "; with --ci, workflows are added to the stack that is there" if STACK_FILE in inside else way
        raise OutputError(f"{directory}: already exists and is not empty; give a new or an empty directory{way}")


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
