"""A folder above another: what of its objects is different here, and no more."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.render.changes import Changes, between
from gpuyard.render.labels import common_labels, without
from gpuyard.render.overlays import by_file, kustomization
from gpuyard.tree import Tree

__all__ = ["level"]

Object = Mapping[str, Any]


def level(
    folder: PurePosixPath, below: PurePosixPath, before: Sequence[Object], after: Sequence[Object], header: str
) -> Tree:
    """What leads from the objects of the folder below to those wanted; no file where they are the same."""
    labels = _relabelled(before, after)
    changes = between([without(obj, labels) for obj in before], [without(obj, labels) for obj in after])
    if not changes and not labels:
        return {}
    tree, added, patches = _files(changes, header)
    up = ["/".join([".."] * len(folder.parts)) + f"/{below}"] if before else []
    tree[PurePosixPath("kustomization.yaml")] = header + kustomization([*up, *added], patches, labels)
    return {folder / path: text for path, text in tree.items()}


def _relabelled(before: Sequence[Object], after: Sequence[Object]) -> dict[str, str]:
    """Labels that all objects have on both sides, and differently, such as the version: once for the folder."""
    known = common_labels(before)
    return {name: text for name, text in common_labels(after).items() if known.get(name, text) != text}


def _files(changes: Changes, header: str) -> tuple[Tree, list[str], list[Object]]:
    """A file for each object, those of new ones, and the patches."""
    steps = {id(obj): each for obj, each in changes.changed}
    named = by_file([*changes.added, *(obj for obj, _ in changes.changed)])
    tree: Tree = {}
    patches: list[Object] = []
    for file, obj in sorted(named.items()):
        tree[PurePosixPath(file)] = header + yamlio.dump(steps.get(id(obj), obj))
        if id(obj) in steps:
            patches.append({"path": file, "target": _target(obj)})
    for file, obj in sorted(by_file(changes.removed).items()):
        tree[PurePosixPath(f"without-{file}")] = header + yamlio.dump({**_identity(obj), "$patch": "delete"})
        patches.append({"path": f"without-{file}"})
    return tree, sorted(file for file, obj in named.items() if id(obj) not in steps), patches


def _target(obj: Object) -> Object:
    """Names are patterns there."""
    group = str(obj["apiVersion"]).rpartition("/")[0]
    return {
        **({"group": group} if group else {}),
        "kind": obj["kind"],
        **{key: value.replace(".", "[.]") for key, value in _identity(obj)["metadata"].items()},
    }


def _identity(obj: Object) -> dict[str, Any]:
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
