"""Labels that all objects of a base have, once for the folder: `labels` of its kustomization.yaml.

Kustomize puts them on every object of the folder and on the pods that some kinds make, so a pair goes there only if
each of those places has it by itself: where one object lacks it, such as one of an author's own, all keep it.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

__all__ = ["common_labels", "without"]

Object = Mapping[str, Any]
Path = tuple[str, ...]

_POD: Path = ("spec", "template", "metadata")
_TEMPLATES: Mapping[str, tuple[str, Sequence[Path]]] = {
    **dict.fromkeys(("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"), ("apps", (_POD,))),
    "CronJob": ("batch", (("spec", "jobTemplate", "metadata"), ("spec", "jobTemplate", *_POD))),
    "Job": ("batch", (_POD,)),
    "ReplicationController": ("", (_POD,)),
}
"""The group of a kind, and what `includeTemplates` reaches of it beside its own metadata."""


def common_labels(objects: Sequence[Object]) -> dict[str, str]:
    """The pairs that stand everywhere where Kustomize would put them."""
    places = [found for obj in objects for found in _places(obj)]
    if not places:
        return {}
    return {name: text for name, text in places[0].items() if all(each.get(name) == text for each in places)}


def without(obj: Object, pairs: Mapping[str, str]) -> Object:
    """An object that leaves these pairs to its folder."""
    return reduce(lambda found, path: _less(found, path, pairs), _paths(obj), obj) if pairs else obj


def _places(obj: Object) -> Iterator[Mapping[str, str]]:
    """The labels at each place of an object."""
    for path in _paths(obj):
        found: Any = obj
        for key in (*path, "labels"):
            found = found.get(key) if isinstance(found, Mapping) else None  # another maker's kind may have a text there
        yield found or {}
    # Kustomize looks at some kinds without their group, and at claims that can't be changed.
    elsewhere = obj["kind"] in _TEMPLATES and _group(obj) != _TEMPLATES[obj["kind"]][0]
    if elsewhere or obj.get("spec", {}).get("volumeClaimTemplates"):
        yield {}


def _paths(obj: Object) -> Iterator[Path]:
    yield ("metadata",)
    yield from _TEMPLATES.get(obj["kind"], ("", ()))[1]


def _group(obj: Object) -> str:
    return str(obj["apiVersion"]).rpartition("/")[0]


def _less(found: Object, path: Path, pairs: Mapping[str, str]) -> Object:
    """A map without some labels at a path, and without what is empty then."""
    key = path[0] if path else "labels"
    if path:
        inner = _less(found[key], path[1:], pairs)
    else:
        inner = {name: text for name, text in found[key].items() if name not in pairs}
    return {each: inner if each == key else value for each, value in found.items() if each != key or inner}
