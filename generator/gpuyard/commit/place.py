"""Is a stack where it says that it is, and alone there? Clusters look for its files by that path."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from gpuyard.commit.lock import LOCK
from gpuyard.doors.plainfiles import Kind, NotPlainError, PlainFiles
from gpuyard.doors.whereabouts import repository_shown
from gpuyard.errors import InputError, OutputError, Problem
from gpuyard.project.load import Project
from gpuyard.project.located import located
from gpuyard.project.userfiles import STACK_FILE

__all__ = ["check_alone", "check_place", "nested", "stacks_around"]

_OF_A_STACK = (STACK_FILE, LOCK.name)
_GIT = ".git"


def check_place(project: Project, directory: Path) -> None:
    """InputError with the right path for a directory that is elsewhere in its repository than its stack says."""
    found, stack = located(directory), project.stack
    if found is None or found.folder == stack.folder:
        return
    if found.folder.parts:
        where = repository_shown(found.top, "the repository ")
        message = f"{directory} is the folder {found.folder} of {where}; write path: {found.folder}"
    else:
        message = f"{directory} is the top of its repository; remove path, or give the folder {stack.folder} of it"
    problem = Problem(project.at(stack.file, "spec", "repository", "path"), f"spec.repository.path: {message}")
    raise InputError([problem])


def check_alone(folder: PurePosixPath, files: Iterable[str]) -> None:
    """OutputError for a stack above or below a folder; `files` are those of its repository."""
    holding: dict[str, set[PurePosixPath]] = {name: set() for name in _OF_A_STACK}
    for file in files:
        above, _, name = file.rpartition("/")
        if name in holding:
            holding[name].add(PurePosixPath(above))
    # Other programs have a stack.yaml, too.
    stacks = sorted(holding[STACK_FILE] & holding[LOCK.name])
    if other := next((each for each in stacks if nested(each, folder)), None):
        raise OutputError(
            f"{_named(folder)} and {_named(other)} of the repository are stacks, one inside the other, and could take "
            f"each other's files for their own; move one of them to a folder that is not inside the other"
        )


def stacks_around(directory: Path) -> Iterator[str]:
    """For `check_alone`: what makes a stack in a directory's repository, but for repositories inside of it."""
    if (found := located(directory)) is None:
        return
    with PlainFiles(found.top) as files:
        waiting = [""]
        while waiting:
            above = waiting.pop()
            entries: dict[str, Kind] = {}
            with suppress(OSError, NotPlainError):  # one that nobody may read, or that is gone
                entries = dict(files.entries(above))
            if above and _GIT in entries:
                continue
            paths = {f"{above}/{name}".lstrip("/"): kind for name, kind in entries.items() if name != _GIT}
            waiting += [path for path, kind in paths.items() if kind is Kind.DIRECTORY]
            named = (path for path in paths if path.rpartition("/")[2] in _OF_A_STACK)
            yield from (path for path in named if paths[path] is not Kind.DIRECTORY)


def nested(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether one of two folders is inside the other."""
    return one != other and (one in other.parents or other in one.parents)


def _named(folder: PurePosixPath) -> str:
    return str(folder) if folder.parts else "the top"
