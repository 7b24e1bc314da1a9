"""Rules for Prometheus among values that a stack gives to the platform's charts."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.doors import promql
from gpuyard.doors.yamlio import Path

__all__ = ["wrong"]

_KINDS = ("alert", "record")


def wrong(values: Any) -> Iterator[tuple[Path, str]]:
    """Where an expression is no PromQL; what newer versions may know is left to them."""
    waiting: list[tuple[Path, Any]] = [((), values)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, Mapping):
            waiting += [((*path, key), each) for key, each in found.items()]
            if any(kind in found for kind in _KINDS) and isinstance(found.get("expr"), str):
                parsed = promql.parse(found["expr"])
                if isinstance(parsed, str) and not parsed.startswith("unknown function"):
                    yield (*path, "expr"), f"is not PromQL: {parsed}"
        elif isinstance(found, list):
            waiting += [((*path, index), each) for index, each in enumerate(found)]
