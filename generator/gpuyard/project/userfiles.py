"""Which files of a directory are the user's: stack.yaml, images.lock, blueprints/*.yaml and models/*.yaml.

What looks like one of them and isn't read would silently not be deployed, so it is a problem with a name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from gpuyard.doors.plainfiles import Kind, NotPlainError, PlainFiles, TooLargeError
from gpuyard.doors.yamlio import MAX_BYTES, TOO_LONG
from gpuyard.errors import InputError, Location, MissingError, Problem
from gpuyard.project.imageslock import IMAGES_LOCK
from gpuyard.project.located import linked, submodules

__all__ = ["BLUEPRINTS", "MODELS", "MOST_BYTES", "STACK_FILE", "Sources", "is_source", "misplaced", "read", "read_file"]
__all__ += ["read_folder"]

Sources = Mapping[str, bytes]
"""The user's files by the name that errors show."""

STACK_FILE = "stack.yaml"
BLUEPRINTS = "blueprints"
MODELS = "models"
_FOLDERS = (BLUEPRINTS, MODELS)
_ENDINGS = (".yaml", ".yml")
_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]*")
"""Names that may stand in headers and in the README as they are: they come with a pull request, too."""
_YAML = re.compile(r".*\.y\w*ml", re.IGNORECASE | re.DOTALL)
_EDITORS = re.compile(r"[.#].*|.*~", re.DOTALL)
"""Drafts, locks and swap files that stand beside what somebody edits."""
MOST_BYTES = 32 << 20
"""Of all files together: thousands of blueprints."""
_GIT = ".git"
_OF_FOLDER = "use a folder of the repository itself"
_SUBMODULE = "is a submodule, which gpuyard does not read; move its files into this repository"


def read(directory: Path) -> tuple[Sources, list[Problem]]:
    """The files as bytes, and why others can't be read."""
    if inside := linked(directory):
        raise InputError([Problem(Location(inside), f"is {Kind.LINK}; {_OF_FOLDER}")])
    if not directory.is_dir():
        raise MissingError(f"{directory}: no such directory")
    with PlainFiles(directory) as files:
        if files.kind(STACK_FILE) is None:
            raise MissingError(f"{directory}: no {STACK_FILE} here; `gpuyard init DIR` makes a new repository")
        problems: list[Problem] = []
        names = [STACK_FILE]
        for folder in _FOLDERS:
            names += _files(files, directory, folder, problems)
        names += [IMAGES_LOCK] if files.kind(IMAGES_LOCK) else []
        problems += _alike(names)
        return _read(files, names, problems), problems


def read_folder(folder: Path) -> tuple[Sources, list[Problem]]:
    """What looks like a blueprint in a folder that isn't a repository's, by its name."""
    if not folder.is_dir():
        raise MissingError(f"{folder}: no such directory")
    with PlainFiles(folder) as files:
        names = [name for name, _ in files.entries("") if _like_source(name)]
        if not names:
            raise MissingError(f"{folder}: no blueprints (*.yaml) here")
        problems: list[Problem] = []
        return _read(files, names, problems), problems


def _read(files: PlainFiles, names: Iterable[str], problems: list[Problem]) -> Sources:
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    for name in names:
        try:
            found[name] = _bytes(files, name, min(MAX_BYTES, left))
            left -= len(found[name])
        except TooLargeError:
            if left < MAX_BYTES:
                message = (
                    f"the files have more than {MOST_BYTES >> 20} MiB together; this one and the rest are not read"
                )
                problems.append(Problem(Location(name), message))
                break
            problems.append(Problem(Location(name), TOO_LONG))
        except _NotPlainError as error:
            problems.append(Problem(Location(name), str(error)))
    return found


def read_file(directory: Path, name: str, most: int) -> bytes | str:
    """One that a blueprint names, or why it can't be read, such as more than `most` bytes."""
    with PlainFiles(directory) as files:
        try:
            if files.kind(name) is None:
                return "is not in the repository; its path begins at the folder of stack.yaml"
            if any(_GIT in dict(files.entries(above)) for above in _above(name)):
                return "is in a submodule, which is no part of the commit; move it into this repository"
            return _bytes(files, name, most)
        except TooLargeError:
            return f"is larger than {most} bytes, the most that a blueprint may bring; put it on a volume"
        except NotPlainError as error:
            return _why(name, error)
        except _NotPlainError as error:
            return str(error)


def _above(name: str) -> Iterator[str]:
    while name := name.rpartition("/")[0]:
        yield name


def is_source(name: str) -> bool:
    """Whether a file of a repository is one that `read` reads."""
    folder, _, last = name.rpartition("/")
    if folder in _FOLDERS:
        return last.endswith(_ENDINGS) and not _EDITORS.fullmatch(last)
    return name in (STACK_FILE, IMAGES_LOCK)


def _files(files: PlainFiles, directory: Path, top: str, problems: list[Problem]) -> list[str]:
    """What looks like a file of a folder, in sub-folders too; by its path with slashes."""
    found: list[str] = []
    waiting = [top] if _is_folder(files, directory, top, problems) else []
    while waiting:
        folder = waiting.pop()
        try:
            entries = files.entries(folder)
        except (NotPlainError, OSError) as error:
            problems.append(Problem(Location(folder), _why(folder, error)))
            continue
        kept = [(f"{folder}/{name}", name, kind) for name, kind in entries if not _EDITORS.fullmatch(name)]
        # What is called like a file is reported as what it is; walked into, it would say nothing.
        found += [path for path, name, _ in kept if _like_source(name)]
        other = [(path, kind) for path, name, kind in kept if not _like_source(name)]
        waiting += [path for path, kind in reversed(other) if kind is Kind.DIRECTORY]
        # A link without an ending may lead to a folder of more.
        links = [path for path, kind in other if kind is Kind.LINK and "." not in path]
        problems += [Problem(Location(path), f"is {Kind.LINK}; {_OF_FOLDER}") for path in links]
    return found


def _is_folder(files: PlainFiles, directory: Path, top: str, problems: list[Problem]) -> bool:
    """Whether there is a folder to look into; what is there instead is a problem."""
    kind = files.kind(top)
    if kind is None:
        return False
    if kind is not Kind.DIRECTORY:
        problems.append(Problem(Location(top), f"is {kind}; {_OF_FOLDER}"))
        return False
    with suppress(OSError):  # which is told when it is walked
        entries = files.entries(top)
        if _GIT in dict(entries) or (not entries and top in submodules(directory)):
            problems.append(Problem(Location(top), _SUBMODULE))
            return False
    return True


def _alike(names: Iterable[str]) -> Iterator[Problem]:
    """Files of which some systems can hold only one."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            message = f"differs from {other} only in case, and macOS and Windows keep one of the two; rename it"
            yield Problem(Location(name), message)


def _like_source(name: str) -> bool:
    return bool(_YAML.fullmatch(name)) and not _EDITORS.fullmatch(name)


def misplaced(path: str) -> str | None:
    """What is wrong with the place or the name of a file in blueprints or models."""
    folder, _, name = path.rpartition("/")
    if folder not in _FOLDERS:
        return f"{path!a}: gpuyard does not read sub-folders; move it to {folder.partition('/')[0]}/"
    if not _NAME.fullmatch(name):
        return f"{path!a}: the file name may only have letters, digits, dashes, dots and underscores"
    if not name.endswith(_ENDINGS):
        return f"{path!a}: gpuyard does not read this extension; rename it to {name.rpartition('.')[0]}.yaml"
    return None


class _NotPlainError(Exception):
    """Why a file isn't read."""


def _bytes(files: PlainFiles, name: str, most: int) -> bytes:
    """A plain file's bytes; a link would show other people's files in errors, and commits hold where it leads."""
    try:
        data = files.read(name, most)
    except (NotPlainError, OSError) as error:
        raise _NotPlainError(_why(name, error)) from error
    if data is None:
        raise _NotPlainError("is gone; it was moved in the meantime")
    return data


def _why(name: str, error: NotPlainError | OSError) -> str:
    """Without a path that isn't the repository's: where a link leads is nobody's business."""
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}"
    what = f"is {error.kind}" if error.path == name else f"is below {error.path}, {error.kind}"
    return f"{what}; use a regular file" if error.path == name else f"{what}; use a folder"
