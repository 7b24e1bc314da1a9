"""The final objects of a generated folder: what Kustomize makes of the forms that our own writer uses.

A base, what a shape adds to it, and what a cluster changes of both. Files come from commits that others write, so the
strict reader reads them, and whatever isn't of those forms is an InputError that names the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.errors import InputError, Location, Problem

__all__ = ["Object", "documents", "objects"]

Object = Mapping[str, Any]
Texts = Mapping[PurePosixPath, str]

_FILE = "kustomization.yaml"
_DEEPEST = 4
"""Levels: a cluster's folder, its overlay, the base."""
_JOINED = frozenset({"containers", "initContainers", "volumes", "env"})
"""Lists that a strategic merge joins by name, in these kinds; any other list is one value."""
_WORKLOADS = frozenset({"Deployment", "Job", "StatefulSet"})
_TEMPLATES: Mapping[str, Sequence[tuple[str, ...]]] = {
    **dict.fromkeys(("DaemonSet", "Deployment", "Job", "ReplicaSet", "StatefulSet"), (("spec", "template"),)),
    "CronJob": (("spec", "jobTemplate"), ("spec", "jobTemplate", "spec", "template")),
}
"""What `includeTemplates` reaches beside an object's own metadata."""


def objects(texts: Texts, folder: PurePosixPath) -> list[Object]:
    """What a folder gives; nothing, where it has no kustomization.yaml."""
    return _build(texts, folder, _DEEPEST)


def documents(text: str, file: PurePosixPath) -> list[Object]:
    """All objects of a file as we write it: a line of three dashes is never part of a value, which is indented."""
    return [_object(each, file) for each in text.split("\n---\n")]


def _build(texts: Texts, folder: PurePosixPath, levels: int) -> list[Object]:
    file = folder / _FILE
    if file not in texts or not levels:
        return []
    content, found = _map(texts[file], file), list[Object]()
    try:
        for name in content.get("resources", ()):
            path = _below(folder, name)
            found += documents(texts[path], path) if path in texts else _build(texts, path, levels - 1)
        for each in content.get("patches", ()):
            path = _below(folder, each["path"])
            found = _patched(found, _value(texts[path], path), each.get("target"))
        for each in content.get("labels", ()):
            found = [_labelled(obj, each["pairs"]) for obj in found]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # Whatever the file holds instead: its form is known, and this isn't it.
        raise InputError([Problem(Location(str(file)), "is not as gpuyard writes it")]) from error
    return found


def _below(folder: PurePosixPath, name: str) -> PurePosixPath:
    parts = list(folder.parts)
    for part in PurePosixPath(name).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def _value(text: str, file: PurePosixPath) -> Any:
    return yamlio.read(text.encode(), str(file)).value


def _map(text: str, file: PurePosixPath) -> Object:
    value: Any = _value(text, file)
    if not isinstance(value, dict):
        raise InputError([Problem(Location(str(file)), "is not as gpuyard writes it")])
    return value


def _object(text: str, file: PurePosixPath) -> Object:
    found = _map(text, file)
    named = isinstance(found.get("metadata"), dict) and isinstance(found["metadata"].get("name"), str)
    if not named or not isinstance(found.get("kind"), str) or not isinstance(found.get("apiVersion"), str):
        raise InputError([Problem(Location(str(file)), "is not an object of Kubernetes")])
    return found


def _patched(found: Sequence[Object], change: Any, target: Object | None) -> list[Object]:
    """A list is a JSON patch of what its target names; an object is a strategic merge, or deletes its like."""
    aim = {"kind": target["kind"], "metadata": target} if target else change
    hit = [_is(obj, aim) for obj in found]
    if isinstance(change, list):
        return [_stepped(obj, change) if here else obj for obj, here in zip(found, hit, strict=True)]
    if change.get("$patch") == "delete":
        return [obj for obj, here in zip(found, hit, strict=True) if not here]
    joined = _JOINED if change["kind"] in _WORKLOADS else frozenset[str]()
    return [_merged(obj, change, joined) if here else obj for obj, here in zip(found, hit, strict=True)]


def _is(obj: Object, aim: Object) -> bool:
    """By kind and name, and by namespace where one is given; targets have their dots as patterns do."""
    named = {key: value for key, value in aim["metadata"].items() if key in ("name", "namespace")}
    wanted = {key: str(value).replace("[.]", ".") for key, value in named.items()}
    return obj["kind"] == aim["kind"] and all(obj["metadata"].get(key) == value for key, value in wanted.items())


def _merged(old: Any, new: Any, joined: frozenset[str], key: str = "") -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {
            **old,
            **{name: _merged(old[name], value, joined, name) if name in old else value for name, value in new.items()},
        }
    if isinstance(old, list) and isinstance(new, list) and key in joined:
        rest = {each["name"]: each for each in old}
        first = [_merged(rest.pop(each["name"], {}), each, joined) for each in new]
        return [*first, *rest.values()]
    return new


def _stepped(obj: Object, steps: Sequence[Object]) -> Object:
    for step in steps:
        *above, last = _keys(step["path"])
        obj = _changed(obj, above, last, step)
    return obj


def _keys(pointer: str) -> Iterator[str]:
    return (part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _changed(value: Any, above: Sequence[str], last: str, step: Object) -> Any:
    """A copy of a value, with one step of a JSON patch (RFC 6902) carried out in it."""
    if above:
        key: Any = int(above[0]) if isinstance(value, list) else above[0]
        inner = _changed(value[key], above[1:], last, step)
        if isinstance(value, list):
            return [*value[:key], inner, *value[key + 1 :]]
        return {**value, key: inner}
    if isinstance(value, list):
        at = len(value) if last == "-" else int(last)
        new = [] if step["op"] == "remove" else [step["value"]]
        return [*value[:at], *new, *value[at + (step["op"] != "add") :]]
    if step["op"] == "remove":
        return {name: each for name, each in value.items() if name != last}
    return {**value, last: step["value"]}


def _labelled(obj: Object, pairs: Mapping[str, str]) -> Object:
    found = _with_labels(obj, ("metadata",), pairs)
    for path in _TEMPLATES.get(obj["kind"], ()):
        found = _with_labels(found, (*path, "metadata"), pairs)
    return found


def _with_labels(obj: Object, path: Sequence[str], pairs: Mapping[str, str]) -> Object:
    if not path:
        return {**obj, "labels": {**obj.get("labels", {}), **pairs}}
    return {**obj, path[0]: _with_labels(obj.get(path[0], {}), path[1:], pairs)}
