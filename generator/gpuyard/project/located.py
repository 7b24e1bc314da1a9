"""Where a directory is in its repository, told from the file system: a check in CI may have no Git."""

import os
import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gpuyard.doors.plainfiles import NotPlainError, PlainFiles, TooLargeError

__all__ = ["Located", "linked", "located", "submodules"]

_MODULE = re.compile(r'^\s*path\s*=\s*"?([^"\n]*?)"?\s*$', re.MULTILINE)
_ENOUGH = 1 << 20
"""Bytes of a list of submodules."""


class Located(NamedTuple):
    """The top of a work tree, and a folder of it; an empty path is the top."""

    top: Path
    folder: PurePosixPath


def located(directory: Path) -> Located | None:
    """The nearest work tree that holds a directory, links followed; None: none does."""
    real = directory.resolve()
    for above in (real, *real.parents):
        if _is_top(above):
            return Located(above, PurePosixPath(real.relative_to(above).as_posix()))
    return None


def linked(directory: Path) -> str:
    """The part of a directory's path that is a link in the repository itself, which whoever commits it turns; or none.

    Links above the repository, and one that leads to it, are the user's own.
    """
    whole, found = Path(os.path.abspath(directory)), None  # noqa: PTH100 - absolute() keeps `..`, resolve() follows
    for above in (whole, *whole.parents):
        if above.is_symlink():
            found = above
        elif _is_top(above):
            return found.relative_to(above).as_posix() if found else ""
    return ""


def submodules(directory: Path) -> frozenset[str]:
    """Folders of a directory that are repositories of their own, by the list that the repository has."""
    found = located(directory)
    if found is None:
        return frozenset()
    with PlainFiles(found.top) as files, suppress(NotPlainError, TooLargeError, OSError):
        text = (files.read(".gitmodules", _ENOUGH) or b"").decode("utf-8", "replace")
        paths = (PurePosixPath(path) for path in _MODULE.findall(text))
        inside = (path for path in paths if path.is_relative_to(found.folder))
        return frozenset(path.relative_to(found.folder).as_posix() for path in inside)
    return frozenset()


def _is_top(directory: Path) -> bool:
    git = directory / ".git"
    return git.is_file() or (git / "HEAD").exists()  # of a linked work tree or a submodule it is a file
