"""What maps have in common, and what leads from there to each of them.

A base holds only what is equal everywhere, so a patch only ever adds: nothing in it has to delete, and an
overlay shows all that its shape decides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["added", "common", "patch", "shared"]

Map = Mapping[str, Any]

# Lists that a strategic merge joins by name, in the kinds that Kustomize knows; all others it replaces.
_BY_NAME = frozenset({"containers", "initContainers", "volumes", "env"})
_WORKLOADS = frozenset({"Deployment", "Job", "StatefulSet"})


def common(objects: Sequence[Map]) -> dict[str, Any]:
    """The base of some forms of one object; identity (apiVersion, kind, name) is always part of it."""
    return shared(objects, joined=_BY_NAME if objects[0]["kind"] in _WORKLOADS else frozenset())


def patch(base: Map, full: Map) -> dict[str, Any] | None:
    """What a strategic merge must add to the base to give the full object; None: nothing."""
    content = added(base, full)
    if not content:
        return None
    identity = {"apiVersion": full["apiVersion"], "kind": full["kind"]}
    metadata = {"name": full["metadata"]["name"], **content.pop("metadata", {})}
    return {**identity, "metadata": metadata, **content}


def shared(maps: Sequence[Map], *, joined: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What all maps agree on; a list is one value, but for those that are joined by name."""
    first, rest = maps[0], maps[1:]
    result = {}
    for key, value in first.items():
        if any(key not in other for other in rest):
            continue
        values = [value, *(other[key] for other in rest)]
        if all(other == value for other in values[1:]):
            result[key] = value
        elif all(isinstance(item, dict) for item in values):
            if inner := shared(values, joined=joined):
                result[key] = inner
        elif key in joined and _same_names(values):
            result[key] = [shared(elements, joined=joined) for elements in zip(*values, strict=True)]
    return result


def added(base: Map, full: Map) -> dict[str, Any]:
    """What the full map has beyond its base."""
    result = {}
    for key, value in full.items():
        if key not in base:
            result[key] = value
        elif base[key] != value:
            result[key] = _added_value(base[key], value)
    return result


def _added_value(base: Any, full: Any) -> Any:
    if isinstance(base, dict) and isinstance(full, dict):
        return added(base, full)
    if isinstance(base, list) and isinstance(full, list):
        # Every element is named, changed or not: Kustomize puts the patch's elements first.
        return [{"name": new["name"], **added(old, new)} for old, new in zip(base, full, strict=True)]
    return full


def _same_names(lists: Sequence[Any]) -> bool:
    """Whether the lists name the same elements in the same order, so that they can be joined one by one."""
    names = [[element.get("name") for element in items] for items in lists]
    return all(other == names[0] for other in names[1:])
