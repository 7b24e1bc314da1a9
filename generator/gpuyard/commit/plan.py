"""What has to change in a place so that it holds a tree, and nothing that isn't ours; as data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from gpuyard.commit.lock import LOCK, Lock, sha256
from gpuyard.errors import OwnershipError
from gpuyard.review.placed import Consequence, Placements
from gpuyard.tree import Tree

__all__ = ["Place", "Plan", "changes"]


class Place(Protocol):
    """Where a tree goes: a commit of a repository (`git.Snapshot`), or a directory as it stands (`Directory`)."""

    def ids(self, paths: Iterable[PurePosixPath]) -> Mapping[PurePosixPath, str]:
        """Git's id of each of those paths that is there: of links, too."""

    def read(self, *paths: PurePosixPath) -> Mapping[PurePosixPath, str]:
        """The texts of those paths that are plain files."""

    def blob_id(self, data: bytes) -> str:
        """The id that a file with these bytes has there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change: what a preview shows, and what `pipeline.execute` commits."""

    written: Mapping[PurePosixPath, str] = field(default_factory=dict)
    """New text by path, the lock's, too."""
    deleted: tuple[PurePosixPath, ...] = ()
    before: Placements = field(default_factory=dict)
    """What runs where, as the lock that is there has it."""
    after: Placements = field(default_factory=dict)
    consequences: tuple[Consequence, ...] = ()
    notes: tuple[str, ...] = ()
    """What is allowed and still worth saying, whether anything changes or not."""
    message: str = ""
    """Of the commit."""

    @property
    def empty(self) -> bool:
        """Whether everything is there already: up to date."""
        return not self.written and not self.deleted


def changes(
    tree: Tree, lock: Lock, place: Place, *, overwrite: bool = False
) -> tuple[dict[PurePosixPath, str], tuple[PurePosixPath, ...]]:
    """What is written and what is deleted; OwnershipError names what is in the way.

    `lock` is the one that is there; the tree has the new one among its files.
    """
    ids = place.ids({*tree, *lock.files})
    written = {path: text for path, text in tree.items() if ids.get(path) != place.blob_id(text.encode())}
    deleted = tuple(sorted(path for path in lock.files if path not in tree and path in ids))
    present = [path for path in (*written, *deleted) if path in ids and path != LOCK]
    _check_owned(present, lock, place.read(*present), overwrite=overwrite)
    return written, deleted


def _check_owned(
    present: Iterable[PurePosixPath], lock: Lock, texts: Mapping[PurePosixPath, str], *, overwrite: bool
) -> None:
    """Files that somebody edited may be lost where that is wanted; files that were never ours never."""
    foreign, edited = [], []
    for path in present:
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
