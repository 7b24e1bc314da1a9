"""What values of the chart that authors give themselves let them do."""

import posixpath
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.reach import matched
from gpuyard.doors.yamlio import Path

__all__ = ["find", "of_file", "table"]

_PREFIX = "values."
_HARDENED = ("podSecurityContext", "securityContext")
"""Of which also null does something: it takes away what the chart has there."""


def of_file(path: str) -> str | None:
    """What a file at a path of the pod lets its author do; None: nothing reads it there by itself."""
    rows = table()["files"]
    folder = posixpath.dirname(path)
    return rows["allows"] if folder == "/etc" or matched(f"{folder}/", rows["folders"]) else None


def _values(values: Mapping[str, Any]) -> Any:
    """To be looked into, as anything may stand there."""
    return values


@cache
def table() -> Mapping[str, Any]:
    """The rows of chartpowers.yaml."""
    return read(resources.files("gpuyard") / "catalogue" / "chartpowers.yaml", "chartpowers")


def find(values: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Where below the values, the entry of `unsafe` that allows it, and what it allows."""
    for place, allows in table()["unsafe"].items():
        path, found = tuple(place.split(".")), _values(values)
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found not in (None, "", [], {}) or (place in _HARDENED and place in values and found is None):
            yield path, f"{_PREFIX}{place}", allows
