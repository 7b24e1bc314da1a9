"""Where a directory is in its repository, told from the file system: a check in CI may have no Git."""

from pathlib import Path, PurePosixPath
from typing import NamedTuple

__all__ = ["Located", "located"]


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
