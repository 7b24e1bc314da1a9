"""Requests and comments as every forge has them, read from answers that may be anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.errors import ToolError

__all__ = ["Comment", "Request", "at", "number_at", "text_at"]


@dataclass(frozen=True, slots=True)
class Request:
    """A pull or merge request."""

    number: int
    url: str
    head: str
    """The commit that it proposes."""
    open: bool
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Comment:
    """Of a request."""

    id: int
    author: str
    body: str


def at(found: Any, *path: str) -> Any:
    """What is below keys; None: nothing."""
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def text_at(found: Any, *path: str) -> str:
    """The same, where it is text; or nothing."""
    value = at(found, *path)
    return value if isinstance(value, str) else ""


def number_at(found: Any, *path: str) -> int:
    """The same, where it must be a number."""
    value = at(found, *path)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ToolError(f"the forge answered without {'.'.join(path)}; is --api its API, and --forge its kind?")
    return value
