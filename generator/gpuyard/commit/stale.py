"""What compile would change in a directory as it stands; writes nothing and asks no Git, so that CI can run it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from gpuyard.commit.changes import changes
from gpuyard.commit.lock import LOCK, blob_id, lock_of, read_lock, write_lock
from gpuyard.doors.git.plainfiles import NotPlainError, PlainFiles
from gpuyard.errors import StaleError
from gpuyard.tree import Tree

__all__ = ["check_standing"]

_NAMED = 20
"""Files that the error names."""


def check_standing(directory: Path, tree: Tree, digest: str) -> None:
    """StaleError names the files that aren't as the tree has them; OwnershipError those that somebody edited."""
    lock = read_lock(_read(directory, [LOCK]).get(LOCK))
    texts = _read(directory, {*tree, *lock.files})
    ids = {path: blob_id(text) for path, text in texts.items()}
    found = changes(tree, lock, ids, lambda paths: {path: texts[path] for path in paths})
    if write_lock(lock) != write_lock(lock_of(tree, digest)):
        found[LOCK] = ""
    if not found:
        return
    lines = [f"{path}{' has no source any more' if text is None else ''}" for path, text in sorted(found.items())]
    more = [f"and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    first = (
        f"{len(lines)} generated files aren't what follows from stack.yaml and blueprints/; `gpuyard compile` writes:"
    )
    raise StaleError("\n".join([first, *lines[:_NAMED], *more]))


def _read(directory: Path, paths: Iterable[PurePosixPath]) -> Mapping[PurePosixPath, str]:
    """Plain files alone, as compile reads them from a commit: of a folder that is a link it has no files."""
    found = {}
    with PlainFiles(directory) as files:
        for path in sorted(paths):
            with suppress(NotPlainError):
                if (data := files.read(str(path))) is not None:
                    found[path] = data.decode("utf-8", "replace")
    return found
