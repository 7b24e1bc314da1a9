"""Which of OKE's images a node starts from, by their names."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

__all__ = ["chosen", "latest"]

# Oracle-Linux-8.10-Gen2-GPU-2024.09.30-0-OKE-1.31.1-747
_NAME = re.compile(
    r"(?P<os>[A-Za-z-]+?)-(?P<version>\d+(?:\.\d+)?)(?P<arm>-aarch64)?(?P<gpu>-Gen2-GPU)?"
    r"-(?P<date>\d{4}\.\d\d\.\d\d)-(?P<revision>\d+)(?:-OKE-(?P<kubernetes>\d+\.\d+\.\d+)-(?P<build>\d+))?"
)


class _Image(NamedTuple):
    """In the order of their age."""

    date: str
    revision: int
    build: int
    id: str


def chosen(sources: Iterable[Mapping[str, Any]], *, kubernetes: str, gpu: bool, allowed: frozenset[str]) -> str | None:
    """OCID of the newest image for x86 nodes with or without GPUs, of exactly this version of Kubernetes (v1.34.2).

    `sources` are those of OKE's node pool options, `allowed` the images that the shape starts from.
    """
    found = []
    for source in sources:
        match = _NAME.fullmatch(source.get("sourceName") or "")
        if match is None or match["arm"] or bool(match["gpu"]) != gpu or source["imageId"] not in allowed:
            continue
        if match["kubernetes"] == kubernetes.removeprefix("v"):
            found.append(_Image(match["date"], int(match["revision"]), int(match["build"]), source["imageId"]))
    return max(found).id if found else None


def latest(versions: Iterable[str], minor: str) -> str | None:
    """The newest patch of a minor version: numbers are compared, not texts."""
    of_minor = [each for each in versions if each.removeprefix("v").startswith(f"{minor}.")]
    return max(of_minor, key=lambda each: [int(part) for part in each.removeprefix("v").split(".")], default=None)
