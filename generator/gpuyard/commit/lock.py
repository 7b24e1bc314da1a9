""".gpuyard.lock: what was generated from what, so that nobody else's file is ever touched."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gpuyard.errors import GpuyardError
from gpuyard.tree import Tree

__all__ = ["LOCK", "Lock", "blob_id", "listing_digest", "lock_of", "read_lock", "sha256", "write_lock"]

LOCK = PurePosixPath(".gpuyard.lock")
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Lock:
    """`input`: digest of all that the tree follows from; `listing`: of its files' Git ids."""

    input: str = ""
    listing: str = ""
    files: Mapping[PurePosixPath, str] = field(default_factory=dict)


def lock_of(tree: Tree, source: str) -> Lock:
    """The lock of a tree."""
    ids = ((path, blob_id(text)) for path, text in tree.items())
    return Lock(source, listing_digest(ids), {path: sha256(text) for path, text in tree.items()})


def read_lock(text: str | None) -> Lock:
    """A lock from its file; an empty one where there is none."""
    if text is None:
        return Lock()
    try:
        data = json.loads(text)
        if data["format"] != _FORMAT:
            raise GpuyardError(f"{LOCK}: written by a newer gpuyard (format {data['format']}); upgrade gpuyard")
        files = {PurePosixPath(path): str(digest) for path, digest in data["files"].items()}
        return Lock(str(data["input"]), str(data["listing"]), files)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GpuyardError(
            f"{LOCK}: damaged ({error!r}); restore the version before and commit it: "
            f"`git checkout $(git log -1 --skip=1 --format=%H -- {LOCK}) -- {LOCK}`, `git commit -m 'Restore {LOCK}'`"
        ) from error


def write_lock(lock: Lock) -> str:
    """The file of a lock."""
    files = {str(path): digest for path, digest in sorted(lock.files.items())}
    return (
        json.dumps({"format": _FORMAT, "input": lock.input, "listing": lock.listing, "files": files}, indent=1) + "\n"
    )


def listing_digest(ids: Iterable[tuple[PurePosixPath, str]]) -> str:
    """One digest for the paths of files and their Git ids: `git ls-tree` alone shows that nothing was edited."""
    lines = "".join(f"{path} {identity}\n" for path, identity in sorted(ids))
    return hashlib.sha256(lines.encode()).hexdigest()


def blob_id(text: str) -> str:
    """The id that Git gives a file of this content."""
    data = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def sha256(text: str) -> str:
    """sha256 of a file of this content."""
    return hashlib.sha256(text.encode()).hexdigest()
