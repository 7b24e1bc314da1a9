"""Which files of a directory are the user's: stack.yaml, images.lock, blueprints/*.yaml and models/*.yaml.

What looks like one of them and isn't read would silently not be deployed, so it is a problem with a name.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gpuyard.errors import Location, MissingError, Problem
from gpuyard.project.imageslock import IMAGES_LOCK

__all__ = ["BLUEPRINTS", "MODELS", "STACK_FILE", "Sources", "is_source", "misplaced", "read", "read_file"]
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
_PATH = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._/]*")
_YAML = re.compile(r".*\.y\w*ml", re.IGNORECASE | re.DOTALL)
_EDITORS = re.compile(r"[.#].*|.*~", re.DOTALL)
"""Drafts, locks and swap files that stand beside what somebody edits."""
_ENOUGH = 1 << 20
"""Bytes; more than the reader accepts, less than a memory full."""


def read(directory: Path) -> tuple[Sources, list[Problem]]:
    """The files as bytes, and why others can't be read."""
    if not directory.is_dir():
        raise MissingError(f"{directory}: no such directory")
    if not (directory / STACK_FILE).is_file():
        raise MissingError(f"{directory}: no {STACK_FILE} here; `gpuyard init DIR` makes a new repository")
    names = [STACK_FILE, *(name for folder in _FOLDERS for name in _files(directory, folder))]
    if os.path.lexists(directory / IMAGES_LOCK):
        names.append(IMAGES_LOCK)
    return _read(directory, names)


def read_folder(folder: Path) -> tuple[Sources, list[Problem]]:
    """What looks like a blueprint in a folder that isn't a repository's, by its name."""
    if not folder.is_dir():
        raise MissingError(f"{folder}: no such directory")
    names = [path.name for path in sorted(folder.iterdir()) if _like_source(path.name)]
    if not names:
        raise MissingError(f"{folder}: no blueprints (*.yaml) here")
    return _read(folder, names)


def _read(directory: Path, names: Iterable[str]) -> tuple[Sources, list[Problem]]:
    files, problems, real = {}, [], os.path.realpath(directory)
    for name in names:
        try:
            files[name] = _bytes(directory, real, name)
        except _NotPlainError as error:
            problems.append(Problem(Location(name if _PATH.fullmatch(name) else ascii(name)), str(error)))
    return files, problems


def read_file(directory: Path, name: str) -> bytes | str:
    """One that a blueprint names, or why it can't be read; of a larger one, more than a blueprint may bring."""
    if not os.path.lexists(directory / name):
        return "is not in the repository; its path begins at the folder of stack.yaml"
    try:
        return _bytes(directory, os.path.realpath(directory), name)
    except _NotPlainError as error:
        return str(error)


def is_source(name: str) -> bool:
    """Whether a file of a repository is one that `read` reads."""
    folder, _, last = name.rpartition("/")
    if folder in _FOLDERS:
        return last.endswith(_ENDINGS) and not _EDITORS.fullmatch(last)
    return name in (STACK_FILE, IMAGES_LOCK)


def _files(directory: Path, kind: str) -> Iterator[str]:
    """What looks like a file of a folder, in sub-folders too; by its path with slashes."""
    for folder, folders, files in os.walk(directory / kind):
        kept = [name for name in sorted(folders) if not _EDITORS.fullmatch(name)]
        # What is called like a file is reported as what it is; walked into, it would say nothing.
        yaml = [name for name in kept if _YAML.fullmatch(name)]
        folders[:] = [name for name in kept if name not in yaml]
        for name in [*yaml, *sorted(files)]:
            if _like_source(name):
                yield (Path(folder) / name).relative_to(directory).as_posix()


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


def _bytes(directory: Path, real: str, name: str) -> bytes:
    """A plain file's bytes; a link would show other people's files in errors, and commits hold where it leads.

    `real` is where the directory really is.
    """
    file = directory / name
    # realpath and not resolve(), which fails for a link to itself
    if os.path.realpath(file) != os.path.join(real, name):  # noqa: PTH118 - as realpath has it
        raise _NotPlainError("is a link, or in a linked folder; use a regular file")
    try:
        if not file.is_file():  # a folder, or a pipe, which would keep us waiting
            raise _NotPlainError("is not a regular file; move it")
        with file.open("rb") as stream:
            return stream.read(_ENOUGH)
    except OSError as error:
        raise _NotPlainError(f"cannot be read: {error.strerror}") from error
