"""Objects before and after, told apart by what they are called and not by the lines of a file: field by field."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

__all__ = ["ABSENT", "Field", "Identity", "ObjectChange", "Told", "What", "between", "by_identity", "identity"]

Object = Mapping[str, Any]
Told = tuple[str, str]
"""A rule's id, and the object and field that meets it."""


class Identity(NamedTuple):
    """What an object is called in a cluster."""

    kind: str
    namespace: str
    name: str
    group: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class What(StrEnum):
    """What happens to something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class _Absent:
    """Of a field that isn't there; null is a value."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
_NOISE = frozenset({"app.kubernetes.io/version", "helm.sh/chart"})
"""Labels that only repeat what other fields say."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field that differs; ABSENT: it isn't there on that side."""

    keys: tuple[str, ...]
    """From the top; an element of a list by its name, a flag by itself."""
    old: Any
    new: Any

    @property
    def path(self) -> str:
        """As people read it: spec.containers[vllm].args[--port]."""
        return "".join(key if key.startswith("[") else f".{key}" for key in self.keys).removeprefix(".")

    def starts(self, *keys: str) -> bool:
        """Whether it is that field, or within it."""
        return self.keys[: len(keys)] == keys


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """An object that is new, gone or changed."""

    identity: Identity
    what: What
    fields: tuple[Field, ...] = ()
    old: Object = field(default_factory=dict, repr=False)
    new: Object = field(default_factory=dict, repr=False)

    @property
    def only_labels(self) -> bool:
        """Whether nothing differs but labels that repeat what other fields say."""
        return bool(self.fields) and all(each.keys[-1] in _NOISE for each in self.fields)


def identity(obj: Object, namespace: str = "") -> Identity:
    """`namespace` is that of objects which say none."""
    group = str(obj["apiVersion"]).rpartition("/")[0]
    return Identity(obj["kind"], obj["metadata"].get("namespace") or namespace, obj["metadata"]["name"], group)


def between(before: Mapping[Identity, Object], after: Mapping[Identity, Object]) -> tuple[ObjectChange, ...]:
    """In the order of their names, whatever the order of the objects."""
    return tuple(_changes(before, after))


def _changes(before: Mapping[Identity, Object], after: Mapping[Identity, Object]) -> Iterator[ObjectChange]:
    for each in sorted({*before, *after}):
        if each not in after:
            yield ObjectChange(each, What.REMOVED, old=before[each])
        elif each not in before:
            yield ObjectChange(each, What.ADDED, new=after[each])
        elif found := tuple(_fields(before[each], after[each], ())):
            yield ObjectChange(each, What.CHANGED, found, before[each], after[each])


def _fields(old: Any, new: Any, keys: tuple[str, ...]) -> Iterator[Field]:
    if old is new or _text(old) == _text(new):
        return
    pairs = _pairs(old, new)
    if pairs is None:
        yield Field(keys, old, new)
        return
    before, after = pairs
    for key in sorted({*before, *after}):
        yield from _fields(before.get(key, ABSENT), after.get(key, ABSENT), (*keys, key))
    if isinstance(old, list) and set(before) == set(after) and list(before) != list(after):
        yield Field((*keys, "[order]"), [*before], [*after])


def _text(value: Any) -> str:
    """Equal where values are: Python takes 1 for true."""
    return repr(value) if value is ABSENT else json.dumps(value, sort_keys=True)


def _pairs(old: Any, new: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The parts of two values by their keys; None: each is one value."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old, new
    if isinstance(old, list) and isinstance(new, list):
        for parts in (_named, _flags):
            before, after = parts(old), parts(new)
            if before is not None and after is not None:
                return before, after
    return None


def _named(items: Sequence[Any]) -> Mapping[str, Any] | None:
    """Elements by their name, where each has one of its own."""
    if not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in items):
        return None
    found = {f"[{each['name']}]": each for each in items}
    return found if len(found) == len(items) > 0 else None


def _flags(items: Sequence[Any]) -> Mapping[str, Any] | None:
    """A list of arguments by flag, with the text behind it; what has none counts from the start."""
    if not any(isinstance(each, str) and each.startswith("--") for each in items):
        return None
    found: dict[str, Any] = {}
    for index, each in enumerate(items):
        name, equals, value = each.partition("=") if isinstance(each, str) and each.startswith("--") else ("", "", each)
        key = f"[{name}]" if name else f"[{index}]"
        if key in found:
            return None
        found[key] = value if equals or not name else True
    return found


def by_identity(found: Iterable[Object], namespace: str) -> dict[Identity, Object]:
    """Objects by what they are called."""
    return {identity(obj, namespace): obj for obj in found}
