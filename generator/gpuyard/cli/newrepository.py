"""What `gpuyard init` makes: a first commit that compiles, in a repository of its own or in a folder of another."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpuyard.catalogue.shapes import catalogue
from gpuyard.catalogue.shipped import shipped
from gpuyard.commit.lock import Lock, sha256
from gpuyard.commit.lockfile import write_locks
from gpuyard.commit.place import check_alone
from gpuyard.doors import git
from gpuyard.doors.git import Snapshot
from gpuyard.errors import InputError, Location, OutputError, Problem
from gpuyard.project.formats import schema
from gpuyard.project.load import parse
from gpuyard.project.located import Located, located
from gpuyard.project.stack import Engine
from gpuyard.project.starter import README, WORKFLOW, starter, workflow
from gpuyard.project.userfiles import BLUEPRINTS, STACK_FILE, read_folder
from gpuyard.tree import Tree

__all__ = ["Created", "create"]

_OPTIONS = {
    "metadata.name ": "--name",
    "spec.repository.url ": "--url",
    "spec.repository.path ": "DIR",
    "spec.engine ": "--engine",
}
_PARSED = (STACK_FILE, BLUEPRINTS)


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
    missing: tuple[str, ...] = ()
    """Commands that belong into the repository's own workflow."""


def create(
    directory: Path, name: str | None, url: str | None, blueprints: Path | None, engine: str = Engine.FLUX
) -> Created:
    """Make a stack and commit it: in a new repository, or in a new folder of the one that is there."""
    place = located(directory)
    if place is None or not place.folder.parts or git.ignores(place.top, directory):
        return _alone(directory, name or _slug(directory), url, _blueprints(blueprints), engine)
    return _joined(directory, place, name or _slug(directory), url, _blueprints(blueprints), engine)


def _alone(directory: Path, name: str, url: str | None, blueprints: dict[str, str], engine: str) -> Created:
    repository = {"url": url or _example(name), "branch": "main"}
    tree = {**_started(name, repository, blueprints, engine), WORKFLOW: workflow(PurePosixPath())}
    _check(tree, directory)
    git.create_repository(directory)
    with git.read_tree(directory, "main") as snapshot:
        _check_new(snapshot, directory)
        git.commit(snapshot, dict(tree), message="Start with gpuyard")
    return Created(tuple(directory / path for path in sorted(tree)), url is not None)


def _joined(
    directory: Path, place: Located, name: str, url: str | None, blueprints: dict[str, str], engine: str
) -> Created:
    """Nothing else of the repository is touched, and nothing that is staged or changed is part of the commit."""
    if directory.is_symlink():
        raise OutputError(f"{directory}: is a link; give the folder that it leads to")
    top, folder = place
    host = git.host(top)
    address = url or host.url
    repository = {"url": address or _example(name), "branch": host.default, "path": str(folder)}
    tree = _started(name, repository, blueprints, engine)
    _check(tree, directory)
    with git.read_tree(top, host.branch) as snapshot:
        check_alone(folder, snapshot.files)
        if any(file.startswith(f"{folder}/") for file in snapshot.files):
            raise OutputError(f"{directory}: {host.branch} has files there; give a new folder")
        files = {folder / path: text for path, text in tree.items()}
        taken = str(WORKFLOW) in snapshot.files or (top / WORKFLOW).exists()
        if not taken:
            files[WORKFLOW] = workflow(folder)
        git.commit(snapshot, files, message=f"Start the stack {name} in {folder}")
    return Created(
        tuple(_shown(directory, place, path) for path in sorted(files)),
        address is not None,
        host.branch if host.branch != host.default else "",
        f"{top}, on its branch {host.branch}",
        (f"gpuyard check {folder}", f"gpuyard compile --check {folder}") if taken else (),
    )


def _shown(directory: Path, place: Located, path: PurePosixPath) -> Path:
    """A file by the path that the user gave, as far as it is there."""
    inside = path.is_relative_to(place.folder)
    return directory / path.relative_to(place.folder) if inside else place.top / path


def _started(name: str, repository: dict[str, str], blueprints: dict[str, str], engine: str) -> Tree:
    tree = starter(name, repository, catalogue().values(), blueprints, engine)
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
