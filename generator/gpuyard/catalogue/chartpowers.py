"""What values of the chart that authors give themselves let them do."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read
from gpuyard.doors.yamlio import Path

__all__ = ["find", "table"]

_PREFIX = "values."


@cache
def table() -> Mapping[str, Any]:
    """The rows of chartpowers.yaml."""
    return read(resources.files("gpuyard") / "catalogue" / "chartpowers.yaml", "chartpowers")


def find(values: Mapping[str, Any]) -> Iterator[tuple[Path, str, str]]:
    """Where below the values, the entry of `unsafe` that allows it, and what it allows."""
    for place, allows in table()["unsafe"].items():
        path, found = tuple(place.split(".")), values
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None  # type: ignore[assignment]  # anything may stand there
        if found not in (None, "", [], {}):
            yield path, f"{_PREFIX}{place}", allows
