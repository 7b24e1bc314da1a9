"""What has to change in a repository so that it holds a tree, and nothing that isn't ours."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from gpuyard.commit.lock import LOCK, Lock, blob_id, sha256
from gpuyard.errors import OwnershipError
from gpuyard.tree import Tree

__all__ = ["Changes", "changes"]

Changes = dict[PurePosixPath, str | None]
"""New text by path; None removes the file."""

Read = Callable[[Iterable[PurePosixPath]], Mapping[PurePosixPath, str]]


def changes(
    tree: Tree, lock: Lock, ids: Mapping[PurePosixPath, str], read: Read, *, overwrite: bool = False
) -> Changes:
    """From the files of a commit (`ids`: Git id by path) to the tree; OwnershipError names what is in the way."""
    new = {path: text for path, text in tree.items() if ids.get(path) != blob_id(text)}
    gone = [path for path in lock.files if path not in tree and path in ids]
    present = [path for path in [*new, *gone] if path in ids]
    _check_owned(present, lock, read(present), overwrite=overwrite)
    return {**new, **dict.fromkeys(gone)}


def _check_owned(
    present: Iterable[PurePosixPath], lock: Lock, texts: Mapping[PurePosixPath, str], *, overwrite: bool
) -> None:
    """Files that somebody edited may be lost where that is wanted; files that were never ours never."""
    foreign, edited = [], []
    for path in present:
        if path == LOCK:
            continue
        if path not in lock.files:
            foreign.append(path)
        elif not overwrite and (path not in texts or sha256(texts[path]) != lock.files[path]):
            edited.append(path)
    lines = [f"{path}: isn't gpuyard's and stands in the way; move it away" for path in sorted(foreign)]
    lines += [
        f"{path}: was edited by hand; put the change into its blueprint, or lose it with --overwrite"
        for path in sorted(edited)
    ]
    if lines:
        raise OwnershipError("\n".join(lines))
