"""clusters/<cluster>/: the entry point of each, and, where a cluster differs, the third level above the overlays."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.doors.cache import Cache, recall, remember
from gpuyard.doors.helm import Helm
from gpuyard.render import layers
from gpuyard.render.engines import ENGINES
from gpuyard.render.levels import level
from gpuyard.resolve import Resolved, Workload
from gpuyard.tree import HEADER, SERVERS, WEIGHTS, Tree, cluster, overlay, own, own_platform, platform

__all__ = ["files"]

Object = Mapping[str, Any]
Levels = dict[PurePosixPath, Tree]
"""What a cluster has of its own, by the folder that it stands for."""

_BATCH = 12
"""Pairs of workloads that Helm renders at once."""


def files(resolved: Resolved, charts: layers.Charts, helm: Helm, cache: Cache) -> Tree:
    """Of every cluster."""
    tree: Tree = {}
    for name in (each.name for each in resolved.stack.clusters):
        found: Levels = {}
        if name in resolved.own:
            found = {**_platform(resolved, name, charts), **_workloads(resolved, name, helm, cache)}
        for each in found.values():
            tree.update(each)
        tree.update(_entry(resolved, name, {common: _folder(each) for common, each in found.items()}))
    return {**tree, **_written_objects(PurePosixPath("clusters"), ENGINES[resolved.stack.engine].fleet(resolved))}


def _entry(resolved: Resolved, name: str, folders: Mapping[PurePosixPath, PurePosixPath]) -> Tree:
    """What the engine reads; `folders` are the cluster's own, by those that they stand for."""
    content = ENGINES[resolved.stack.engine].cluster(resolved.at(name), name, folders)
    return _written_objects(cluster(name), content)


def _written_objects(folder: PurePosixPath, content: Mapping[str, list[dict[str, Any]]]) -> Tree:
    header = HEADER.format(source="stack.yaml")
    return {folder / file: header + yamlio.dump(*objects) for file, objects in content.items()}


def _folder(tree: Tree) -> PurePosixPath:
    return next(path.parent for path in tree if path.name == "kustomization.yaml")


def _platform(resolved: Resolved, name: str, charts: layers.Charts) -> Levels:
    """The layers that a cluster has differently."""
    header, found = HEADER.format(source="stack.yaml"), {}
    common = layers.content(resolved, charts)
    for layer, content in layers.content(resolved.at(name), charts).items():
        before, after = (
            [obj for objects in each.values() for obj in objects] for each in (common.get(layer, {}), content)
        )
        if tree := level(own_platform(name, layer), platform(layer), before, after, header):
            found[platform(layer)] = tree
    return found


@dataclass(frozen=True, slots=True)
class _Pair:
    """A workload of the stack, and what a cluster has in its place."""

    cluster: str
    common: Workload
    here: Workload

    def question(self, namespace: str, helm: Helm) -> bytes:
        """All that its level follows from, beside our own code."""
        both = [(each.values, sorted(each.first.components) if each.first else ()) for each in (self.common, self.here)]
        common = self.common
        facts = (self.cluster, common.name, common.shape.name, namespace, helm.identity(common.chart))
        return b"cluster " + json.dumps((facts, both), separators=(",", ":")).encode()

    def levels(self, before: Sequence[Object], after: Sequence[Object]) -> Levels:
        """Of each part that differs."""
        common, found = self.common, {}
        header = HEADER.format(source=f"stack.yaml and the blueprint {common.name}")
        for part in ("", WEIGHTS):
            folder, below = own(self.cluster, common.name, part), overlay(common.shape.name, common.name, part)
            wanted = _part(self.here, after, part)
            if wanted and (tree := level(folder, below, _part(common, before, part), wanted, header)):
                found[below] = tree
        return found


def _part(workload: Workload, objects: Sequence[Object], part: str) -> list[Object]:
    first = workload.first
    return [obj for obj in objects if bool(first and first.holds(obj)) == (part == WEIGHTS)]


def _workloads(resolved: Resolved, name: str, helm: Helm, cache: Cache) -> Levels:
    """The parts of blueprints that a cluster has differently."""
    commons = {(each.name, each.shape.name): each for each in resolved.workloads}
    pairs = [
        _Pair(name, commons[each.workload.name, each.workload.shape.name], each.workload)
        for each in resolved.placements
        if each.cluster == name and each.own
    ]
    namespace = resolved.stack.namespace
    wanted = {pair.question(namespace, helm): pair for pair in pairs}
    known = recall(cache, wanted, _read)
    new = {question: pair for question, pair in wanted.items() if question not in known}
    made = dict(zip(new, _rendered(list(new.values()), namespace, helm), strict=True))
    remember(cache, made, _written)
    found: Levels = {}
    for question in wanted:
        found.update(made[question] if question in made else known[question])
    return found


def _rendered(pairs: Sequence[_Pair], namespace: str, helm: Helm) -> Iterator[Levels]:
    for chart, group in groupby(pairs, key=lambda pair: pair.common.chart):
        same = list(group)
        for start in range(0, len(same), _BATCH):
            batch = same[start : start + _BATCH]
            values = [each.values for pair in batch for each in (pair.common, pair.here)]
            objects = helm.render_all(chart, values, release=SERVERS, namespace=namespace)
            for pair, before, after in zip(batch, objects[::2], objects[1::2], strict=True):
                yield pair.levels(before, after)


def _written(found: Levels) -> bytes:
    levels = {str(below): {str(path): text for path, text in tree.items()} for below, tree in found.items()}
    return json.dumps(levels).encode()


def _read(answer: bytes) -> Levels:
    levels = json.loads(answer)
    return {
        PurePosixPath(below): {PurePosixPath(path): text for path, text in tree.items()}
        for below, tree in levels.items()
    }
