"""What a wait waits for: a condition by name, a field's value, deletion, or any function of the object."""

from collections.abc import Callable
from typing import TypeAlias

from tests.cluster.api import Object

__all__ = ["Check", "check", "condition", "name"]

Check: TypeAlias = Callable[[Object | None], bool]


def check(wanted: str | Check) -> Check:
    """The function that says whether an object (None: it isn't there) is as wanted."""
    if not isinstance(wanted, str):
        return wanted
    if wanted == "deleted":
        return lambda item: item is None
    if wanted == "exists":
        return lambda item: item is not None
    key, _, value = wanted.partition("=")
    if key.startswith("."):
        return lambda item: _text(_field(item, key)) == value
    return lambda item: item is not None and _has(item, key, value or "True")


def name(wanted: str | Check) -> str:
    """The condition in words, for messages."""
    return wanted if isinstance(wanted, str) else (wanted.__doc__ or wanted.__name__).rstrip(".")


def condition(item: Object, kind: str) -> Object:
    """The condition of this type, empty when the object doesn't have it."""
    found: list[Object] = item.get("status", {}).get("conditions") or []
    return next((each for each in found if each["type"] == kind), {})


def _has(item: Object, kind: str, status: str) -> bool:
    """A condition that speaks of an older generation doesn't count.

    Flux writes conditions first and the rest of the status a moment later, with an observedGeneration of -1 while
    something is wrong: good news counts when both have come, bad news at once.
    """
    found = condition(item, kind)
    generation = item["metadata"].get("generation", 0)
    seen = found.get("observedGeneration", generation)
    if status == "True":
        seen = min(seen, item.get("status", {}).get("observedGeneration", seen))
    return bool(found) and found["status"] == status and seen >= generation


def _field(item: Object | None, path: str) -> object:
    value: object = item
    for key in path.strip(".").split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
