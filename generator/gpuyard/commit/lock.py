""".gpuyard.lock: what was generated and what runs where, so that nobody else's file is ever touched.

The stack has one at the top, and each blueprint its own beside its base, so that branches that change different
blueprints change different locks; none holds a digest over all. They come with commits that others write, so they are
evidence and never authority: `lockfile` takes nothing from them that gpuyard couldn't have written; what they say is
compared with the files or told.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gpuyard.review.placed import Placements, Running
from gpuyard.tree import Tree, about

__all__ = ["LOCK", "Lock", "blob_id", "is_lock", "listing_digest", "lock_of", "lock_path", "sha256"]

LOCK = PurePosixPath(".gpuyard.lock")
_ANY = re.compile("|".join(re.escape(str(each)) for each in (LOCK, about("*", "lock"))).replace(r"\*", "[^/]+"))


@dataclass(frozen=True, slots=True)
class Lock:
    """All locks of a place together; `files`: sha256 by path."""

    stack: str = ""
    """Its name; empty where an older lock doesn't say, or nothing is compiled yet."""
    namespace: str = ""
    placements: Placements = field(default_factory=dict)
    files: Mapping[PurePosixPath, str] = field(default_factory=dict)
    paths: frozenset[PurePosixPath] = frozenset()
    """Where the locks are."""
    engine: str = ""
    """What syncs the clusters; empty: nothing is compiled yet."""

    @property
    def running(self) -> Running:
        """What the clusters have."""
        return Running(self.stack, self.namespace, self.placements, self.engine)


def lock_of(tree: Tree, running: Running) -> Lock:
    """The lock of a tree."""
    files = {path: sha256(text) for path, text in tree.items()}
    return Lock(running.stack, running.namespace, running.placements, files, engine=running.engine)


def lock_path(blueprint: str) -> PurePosixPath:
    """Where a blueprint's lock is."""
    return about(blueprint, "lock")


def is_lock(path: PurePosixPath) -> bool:
    """Whether it is the stack's or a blueprint's."""
    name = str(path)
    return name.endswith("lock") and bool(_ANY.fullmatch(name))  # nearly no file does


def listing_digest(ids: Iterable[tuple[PurePosixPath, str]]) -> str:
    """One digest for the paths of files and their Git ids: `git ls-tree` is enough to show that nothing was edited."""
    lines = "".join(sorted(f"{path} {identity}\n" for path, identity in ids))
    return hashlib.sha256(lines.encode()).hexdigest()


def blob_id(data: bytes) -> str:
    """The id that Git gives a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def sha256(text: str) -> str:
    """sha256 of a file of this content."""
    return hashlib.sha256(text.encode()).hexdigest()
