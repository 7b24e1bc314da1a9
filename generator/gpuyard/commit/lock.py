""".gpuyard.lock: what was generated from what and what runs where, so that nobody else's file is ever touched.

It comes with commits that others write, so it is evidence and never authority: `lockfile` takes nothing from it that
gpuyard couldn't have written; what it says is compared with the files or told, and decides nothing by itself.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gpuyard.review.placed import Placements
from gpuyard.tree import Tree

__all__ = ["LOCK", "Lock", "blob_id", "listing_digest", "lock_of", "sha256"]

LOCK = PurePosixPath(".gpuyard.lock")


@dataclass(frozen=True, slots=True)
class Lock:
    """`input`: digest of all that the tree follows from; `listing`: of its files' Git ids; `files`: sha256 by path."""

    input: str = ""
    listing: str = ""
    placements: Placements = field(default_factory=dict)
    files: Mapping[PurePosixPath, str] = field(default_factory=dict)


def lock_of(tree: Tree, source: str, placements: Placements) -> Lock:
    """The lock of a tree."""
    ids = ((path, blob_id(text.encode())) for path, text in tree.items())
    return Lock(source, listing_digest(ids), placements, {path: sha256(text) for path, text in tree.items()})


def listing_digest(ids: Iterable[tuple[PurePosixPath, str]]) -> str:
    """One digest for the paths of files and their Git ids: `git ls-tree` is enough to show that nothing was edited."""
    lines = "".join(f"{path} {identity}\n" for path, identity in sorted(ids, key=_place))
    return hashlib.sha256(lines.encode()).hexdigest()


def _place(entry: tuple[PurePosixPath, str]) -> tuple[str, ...]:
    return entry[0].parts


def blob_id(data: bytes) -> str:
    """The id that Git gives a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def sha256(text: str) -> str:
    """sha256 of a file of this content."""
    return hashlib.sha256(text.encode()).hexdigest()
