"""One digest over all that a generated tree follows from: the user's files, and gpuyard itself."""

import hashlib
import os
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from gpuyard import __version__
from gpuyard.catalogue.shipped import shipped
from gpuyard.project.userfiles import Sources

__all__ = ["input_digest", "own_digest"]


def input_digest(sources: Sources) -> str:
    """The digest; equal means that compiling again would give the same bytes."""
    whole = hashlib.sha256(own_digest().encode())
    for name, data in sorted(sources.items()):
        whole.update(os.fsencode(f"{name} {len(data)}\n") + data)  # names need not be UTF-8
    return whole.hexdigest()


@cache
def own_digest() -> str:
    """Of our version, code and shipped data, so that neither an upgrade nor an edited checkout is missed."""
    whole = hashlib.sha256(__version__.encode())
    for root in (resources.files("gpuyard"), shipped("charts"), shipped("overlays")):
        for name, data in _files(root, ""):
            whole.update(f"{name} {len(data)}\n".encode() + data)
    return whole.hexdigest()


def _files(folder: Traversable, inside: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name in ("__pycache__", "_data"):
            continue
        if entry.is_dir():
            yield from _files(entry, f"{inside}{entry.name}/")
        else:
            yield inside + entry.name, entry.read_bytes()
