"""Where a directory is in its repository, told from the file system: a check in CI may have no Git."""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gpuyard.doors.plainfiles import READ, NotPlainError, PlainFiles, TooLargeError

__all__ = ["Located", "default_of", "head_of", "linked", "located", "submodules"]

_MODULE = re.compile(r'^\s*path\s*=\s*"?([^"\n]*?)"?\s*$', re.MULTILINE)
_ENOUGH = 1 << 20
"""Bytes of a list of submodules."""
_BRANCH = re.compile(r"ref: refs/heads/(\S{1,1000})\n?")
_DEFAULT = re.compile(r"ref: refs/remotes/origin/(\S{1,1000})\n?")
_LONGEST = 4096
"""Bytes of what Git writes in a file of one line."""


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


def head_of(top: Path) -> str | None:
    """The branch that a work tree has checked out; None: none, or its HEAD isn't as Git writes it."""
    git = top / ".git"
    if git.is_symlink():
        return None
    if git.is_file():
        git = top / (_text(git) or "").removeprefix("gitdir:").strip()
    found = _BRANCH.fullmatch(_text(git / "HEAD") or "")
    return found[1] if found else None


def default_of(top: Path) -> str | None:
    """The branch that the remote origin gives to whoever names none, as a clone has noted it."""
    if (top / ".git").is_symlink():
        return None
    found = _DEFAULT.fullmatch(_text(top / ".git" / "refs" / "remotes" / "origin" / "HEAD") or "")
    return found[1] if found else None


def _text(file: Path) -> str | None:
    """What Git wrote; None: nothing, or a pipe or a device, which may have no end."""
    try:
        with os.fdopen(os.open(file, READ), "rb") as stream:
            plain = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            return stream.read(_LONGEST).decode() if plain else None
    except (OSError, ValueError):
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
        # Others may have written it: none that is the folder itself, or leads out of the repository.
        inside = (path for path in paths if path.is_relative_to(found.folder) and path != found.folder)
        return frozenset(path.relative_to(found.folder).as_posix() for path in inside if ".." not in path.parts)
    return frozenset()


def _is_top(directory: Path) -> bool:
    git = directory / ".git"
    return git.is_file() or os.path.exists(git / "HEAD")  # noqa: PTH110 - Path.exists raises where nobody may look; of a linked work tree or a submodule it is a file
