"""What leads from objects that are built to those that a cluster has: JSON patches (RFC 6902), new and gone objects.

A base and its overlays only ever add, because both are made for each other. A cluster may also take away, and keeps the
order of lists: a strategic merge can't do either everywhere, and a JSON patch says exactly what it does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Changes", "between", "steps"]

Object = Mapping[str, Any]
Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """From some objects to others; objects are the same that have the same kind, namespace and name."""

    added: Sequence[Object]
    removed: Sequence[Object]
    changed: Sequence[tuple[Object, Sequence[Object]]]
    """Each object as it was, and the steps of its patch."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def between(before: Sequence[Object], after: Sequence[Object]) -> Changes:
    """The changes that lead from one set of objects to the other."""
    old, new = {_identity(obj): obj for obj in before}, {_identity(obj): obj for obj in after}
    both = [(obj, new[identity]) for identity, obj in old.items() if identity in new and obj != new[identity]]
    return Changes(
        [obj for identity, obj in new.items() if identity not in old],
        [obj for identity, obj in old.items() if identity not in new],
        [(obj, list(steps(obj, wanted))) for obj, wanted in both],
    )


def steps(before: Any, after: Any, path: str = "") -> Iterator[Object]:
    """A JSON patch from one value to the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (each for each in before if each not in after):
            yield {"op": "remove", "path": _below(path, key)}
        for key, value in after.items():
            if key not in before:
                yield {"op": "add", "path": _below(path, key), "value": value}
            elif before[key] != value:
                yield from steps(before[key], value, _below(path, key))
    elif isinstance(before, list) and isinstance(after, list) and _alike(before, after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new:
                yield from steps(old, new, _below(path, str(index)))
    else:
        yield {"op": "replace", "path": path, "value": after}


def _alike(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether both have the same elements, of which each may have changed; any other list is one value."""
    named = [[each.get("name") if isinstance(each, dict) else None for each in items] for items in (before, after)]
    return named[0] == named[1] and all(isinstance(each, dict) for each in (*before, *after))


def _below(path: str, key: str) -> str:
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"


def _identity(obj: Object) -> Identity:
    metadata = obj["metadata"]
    return str(obj["apiVersion"]).rpartition("/")[0], obj["kind"], metadata.get("namespace", ""), metadata["name"]
