"""What maps have in common, and what leads from there to each of them.

A base holds only what is equal everywhere, so a patch only ever adds: nothing in it has to delete, and an
overlay shows all that its shape decides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["added", "common", "patch", "patchable", "shared"]

Map = Mapping[str, Any]

# Lists that a strategic merge joins by name, in the kinds that Kustomize knows; all others it replaces.
_BY_NAME = frozenset({"containers", "initContainers", "volumes", "env"})
_WORKLOADS = frozenset({("apps/v1", "Deployment"), ("batch/v1", "Job"), ("apps/v1", "StatefulSet")})
_KEYS = {
    **dict.fromkeys(_BY_NAME, ("name",)),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "ports": ("containerPort", "port", "protocol"),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
}
"""What tells the elements of a list apart, where a strategic merge makes one of two that are called the same."""


def common(objects: Sequence[Map]) -> dict[str, Any]:
    """The base of some forms of one object; identity (apiVersion, kind, name) is always part of it."""
    known = all((obj["apiVersion"], obj["kind"]) in _WORKLOADS for obj in objects)
    return shared(objects, joined=_BY_NAME if known else frozenset())


def patch(base: Map, full: Map) -> dict[str, Any] | None:
    """What a strategic merge must add to the base to give the full object; None: nothing."""
    content = added(base, full)
    if not content:
        return None
    identity = {"apiVersion": full["apiVersion"], "kind": full["kind"]}
    metadata = {"name": full["metadata"]["name"], **content.pop("metadata", {})}
    return {**identity, "metadata": metadata, **content}


def patchable(objects: Sequence[Map]) -> bool:
    """Whether patches lead from the base of these forms to each; a merge doesn't pass on what it takes for an order."""
    return all(other == objects[0] for other in objects[1:]) or not any(map(_ordering, objects))


def _ordering(value: Any) -> bool:
    """Whether anything in a value is more to a strategic merge than a value."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            for key, item in found.items():
                if item is None or key[:1] == "$":
                    return True
                if type(item) is str:
                    continue
                if key in _KEYS and isinstance(item, list) and _twice(item, _KEYS[key]):
                    return True
                waiting.append(item)
        elif isinstance(found, list):
            waiting += [each for each in found if type(each) is not str]
    return False


def _twice(value: Sequence[Any], keys: Sequence[str]) -> bool:
    """Whether two elements of a list are one to a merge."""
    names = [[element.get(key) for key in keys] if isinstance(element, dict) else element for element in value]
    return any(name in names[:index] for index, name in enumerate(names))


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
        # Kustomize puts the patch's elements first: those before a changed one are named, those after it follow.
        last = max(index for index, (old, new) in enumerate(zip(base, full, strict=True)) if old != new)
        return [{"name": new["name"], **added(old, new)} for old, new in zip(base[: last + 1], full, strict=False)]
    return full


def _same_names(lists: Sequence[Any]) -> bool:
    """Whether the lists name the same elements in the same order, so that they can be joined one by one."""
    names = [[element.get("name") if isinstance(element, dict) else None for element in items] for items in lists]
    return all(names[0]) and all(other == names[0] for other in names[1:])
