"""clusters/<cluster>/: the entry point of each, and, where a cluster differs, the third level above the overlays."""

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.doors.cache import Cache
from gpuyard.doors.helm import Helm
from gpuyard.render import layers
from gpuyard.render.changes import Changes, between
from gpuyard.render.engines import ENGINES
from gpuyard.render.labels import common_labels, without
from gpuyard.render.overlays import by_file, kustomization
from gpuyard.resolve import Placement, Resolved, Workload
from gpuyard.tree import HEADER, SERVERS, WEIGHTS, Tree, cluster, overlay, own, own_platform, platform

__all__ = ["files"]

Object = Mapping[str, Any]
_KUSTOMIZATION = "kustomization.yaml"
_NONE: Mapping[str, str] = {}


def files(resolved: Resolved, charts: layers.Charts, helm: Helm, cache: Cache) -> Tree:
    """Of every cluster."""
    tree: Tree = {}
    for name in (each.name for each in resolved.stack.clusters):
        levels = {}
        if name in resolved.own:
            levels = {**_platform(resolved, name, charts), **_workloads(resolved, name, helm, cache)}
        for folder in levels.values():
            tree.update(folder)
        tree.update(_entry(resolved, name, {common: _folder(found) for common, found in levels.items()}))
    return tree


def _entry(resolved: Resolved, name: str, folders: Mapping[PurePosixPath, PurePosixPath]) -> Tree:
    """What the engine reads; `folders` are the cluster's own, by those that they stand for."""
    header, stack = HEADER.format(source="stack.yaml"), resolved.stack
    content = ENGINES[stack.engine].cluster(resolved.at(name), name, folders)
    return {cluster(name) / file: header + yamlio.dump(*objects) for file, objects in content.items()}


def _platform(resolved: Resolved, name: str, charts: layers.Charts) -> dict[PurePosixPath, Tree]:
    """The layers that a cluster has differently, by the folder that each stands for."""
    header, found = HEADER.format(source="stack.yaml"), {}
    before, after = layers.content(resolved, charts), layers.content(resolved.at(name), charts)
    for layer, content in after.items():
        changes, common = between(_all(before.get(layer, {})), _all(content)), platform(layer)
        if changes:
            below = common if before.get(layer) else None
            found[common] = _level(own_platform(name, layer), below, changes, header)
    return found


def _all(content: Mapping[str, Sequence[Object]]) -> list[Object]:
    return [obj for objects in content.values() for obj in objects]


def _workloads(resolved: Resolved, name: str, helm: Helm, cache: Cache) -> dict[PurePosixPath, Tree]:
    """The parts of blueprints that a cluster has differently, by the folder that each stands for."""
    found: dict[PurePosixPath, Tree] = {}
    commons = {(each.name, each.shape.name): each for each in resolved.workloads}
    for placement in resolved.placements:
        here = placement.workload
        common = commons[here.name, here.shape.name]
        if placement.cluster != name or common.values == here.values:
            continue
        question = _question(resolved, placement, common, helm)
        answers = cache.read([question])
        if question in answers:
            parts = {part: _read(tree) for part, tree in json.loads(answers[question]).items()}
        else:
            parts = _parts(resolved, placement, common, helm)
            cache.write({question: json.dumps({part: _written(tree) for part, tree in parts.items()}).encode()})
        found.update({overlay(here.shape.name, here.name, part): tree for part, tree in parts.items()})
    return found


def _question(resolved: Resolved, placement: Placement, common: Workload, helm: Helm) -> bytes:
    """All that the level of a blueprint follows from, beside our own code."""
    values = [
        (each.values, sorted(each.first.components) if each.first else ()) for each in (common, placement.workload)
    ]
    facts = (placement.cluster, common.name, common.shape.name, resolved.stack.namespace, helm.identity(common.chart))
    return b"cluster " + json.dumps((facts, values), separators=(",", ":")).encode()


def _parts(resolved: Resolved, placement: Placement, common: Workload, helm: Helm) -> dict[str, Tree]:
    """What the cluster changes of each part of a blueprint."""
    both = (common, placement.workload)
    values, namespace = [each.values for each in both], resolved.stack.namespace
    rendered = helm.render_all(common.chart, values, release=SERVERS, namespace=namespace)
    header = HEADER.format(source=f"stack.yaml and {common.file}")
    found = {}
    for part in ("", WEIGHTS):
        before, after = (_part(each, objects, part) for each, objects in zip(both, rendered, strict=True))
        below = overlay(common.shape.name, common.name, part) if before else None
        pairs = _relabelled(before, after)
        before, after = ([without(obj, pairs) for obj in objects] for objects in (before, after))
        changes = between(before, after)
        if after and (pairs or changes):
            found[part] = _level(own(placement.cluster, common.name, part), below, changes, header, pairs)
    return found


def _relabelled(before: Sequence[Object], after: Sequence[Object]) -> dict[str, str]:
    """Labels that all objects have, and that a cluster has otherwise, such as the version."""
    known = common_labels(before)
    return {name: text for name, text in common_labels(after).items() if known.get(name, text) != text}


def _part(workload: Workload, objects: Sequence[Object], part: str) -> list[Object]:
    first = workload.first
    return [obj for obj in objects if bool(first and first.holds(obj)) == (part == WEIGHTS)]


def _level(
    folder: PurePosixPath, below: PurePosixPath | None, changes: Changes, header: str, labels: Mapping[str, str] = _NONE
) -> Tree:
    """A folder of what changes on top of another, or of new objects alone."""
    steps = {id(obj): each for obj, each in changes.changed}
    named = by_file([*changes.added, *(obj for obj, _ in changes.changed)])
    added = sorted(file for file, obj in named.items() if id(obj) not in steps)
    patches: list[Object] = []
    tree: Tree = {}
    for file, obj in sorted(named.items()):
        tree[folder / file] = header + yamlio.dump(steps.get(id(obj), obj))
        if id(obj) in steps:
            patches.append({"path": file, "target": _target(obj)})
    for file, obj in sorted(by_file(changes.removed).items()):
        tree[folder / f"without-{file}"] = header + yamlio.dump({**_identity(obj), "$patch": "delete"})
        patches.append({"path": f"without-{file}"})
    up = ["/".join([".."] * len(folder.parts)) + f"/{below}"] if below else []
    tree[folder / _KUSTOMIZATION] = header + kustomization([*up, *added], patches, labels)
    return tree


def _target(obj: Object) -> Object:
    """Names are patterns there."""
    group = str(obj["apiVersion"]).rpartition("/")[0]
    place = {key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]}
    return {
        **({"group": group} if group else {}),
        "kind": obj["kind"],
        **{key: value.replace(".", "[.]") for key, value in place.items()},
    }


def _identity(obj: Object) -> Object:
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace") if key in obj["metadata"]}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}


def _folder(tree: Tree) -> PurePosixPath:
    return next(path.parent for path in tree if path.name == _KUSTOMIZATION)


def _written(tree: Tree) -> dict[str, str]:
    return {str(path): text for path, text in tree.items()}


def _read(answer: Mapping[str, str]) -> Tree:
    return {PurePosixPath(path): text for path, text in answer.items()}
