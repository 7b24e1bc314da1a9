"""Where a directory is in its repository, told from the file system: a check in CI may have no Git."""

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

__all__ = ["Located", "head_of", "located"]

_BRANCH = re.compile(r"ref: refs/heads/(\S{1,1000})\n?")
_LONGEST = 4096
"""Characters of HEAD."""


class Located(NamedTuple):
    """The top of a work tree, and a folder of it; an empty path is the top."""

    top: Path
    folder: PurePosixPath


def located(directory: Path) -> Located | None:
    """The nearest work tree that holds a directory, links followed; None: none does."""
    real = directory.resolve()
    for above in (real, *real.parents):
        git = above / ".git"
        if git.is_file() or (git / "HEAD").exists():  # of a linked work tree or a submodule it is a file
            return Located(above, PurePosixPath(real.relative_to(above).as_posix()))
    return None


def head_of(top: Path) -> str | None:
    """The branch that a work tree has checked out; None: none, or its HEAD isn't as Git writes it."""
    git = top / ".git"
    try:
        if git.is_file():
            git = top / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        with (git / "HEAD").open(encoding="utf-8") as file:
            found = _BRANCH.fullmatch(file.read(_LONGEST))
    except (OSError, ValueError):
        return None
    return found[1] if found else None
