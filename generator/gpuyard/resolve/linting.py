"""What review.lint asks of each cluster: what authors add to it by values, beside all that it has already."""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpuyard.catalogue import alerts, vllm
from gpuyard.catalogue.argocd import facts
from gpuyard.catalogue.platform import Layer, Release
from gpuyard.doors.yamlio import Path
from gpuyard.errors import Problem
from gpuyard.project.load import Project
from gpuyard.project.stack import Stack
from gpuyard.resolve.overrides import at
from gpuyard.resolve.workload import Resolved, Workload
from gpuyard.review.lint import Finding, Item, Origin, World, findings

__all__ = ["RECORDED", "check"]

RECORDED = ("gpuyard:download_budget_seconds", "gpuyard:start_budget_seconds", "gpuyard:ttft_error_budget")
"""What charts/vllm records of each model."""
_ENDS = ("", "_bucket", "_count", "_sum")
_EXPORTER = "set spec.platform.dcgmExporter.enabled, unless the cluster has an exporter already"
_STEPS = tuple(Layer)


def check(project: Project, resolved: Resolved) -> tuple[list[Problem], list[str]]:
    """What can't work, and what is only worth saying; each once, in however many clusters it is."""
    found: dict[Finding, None] = {}
    for cluster in resolved.stack.clusters:
        if world := _world(project, resolved.at(cluster.name), cluster.name):
            found.update(dict.fromkeys(findings(world)))
    problems, notes = [], []
    for each in found:
        path = each.origin.path
        where = project.at(each.origin.file, *path)
        if each.refused:
            problems.append(Problem(where, each.message))
        else:
            notes.append(f"{where}: {each.message}")
    return problems, notes


def _world(project: Project, resolved: Resolved, cluster: str) -> World | None:
    """Of one cluster; None: nobody has added anything."""
    stack = resolved.stack
    here = [each.workload for each in resolved.placements if each.cluster == cluster]
    added = [*_of_blueprints(project, here), *_of_platform(project, resolved, cluster)]
    stored = dict(_stored(project, resolved, cluster))
    if not added and not stored:
        return None
    watched = any(item.kind[1] == "PrometheusRule" for item in added)
    exporter = stack.platform.components["dcgmExporter"].enabled
    return World(
        items=(*_own(resolved), *added),
        namespace=stack.namespace,
        defines=dict(_defines(resolved.releases)),
        cluster_kinds=frozenset((group, kind) for group, kinds in facts().cluster_kinds.items() for kind in kinds),
        consumed=frozenset(f"{each.name}/{claim}" for each in here for claim in (*each.needs.claims, *_claims(each))),
        late=frozenset(stack.storage[kind] for kind in ("block", "nvme") if kind in stack.storage),
        stored=stored,
        series=_series() if watched else {},
        absent={} if exporter else {"DCGM_": _EXPORTER},
        services=frozenset(each.name for each in here),
        mirrored=_mirrored(stack) if stack.images.mirrors else None,
    )


def _of_blueprints(project: Project, here: Iterable[Workload]) -> Iterator[Item]:
    """Objects that authors add to their models."""
    step = _STEPS.index(Layer.WORKLOADS)
    for workload in here:
        own: Path = ("spec", "shapes", workload.shape.name, "values")
        there = at(project.documents[workload.file].value, (*own, "extraObjects")) is not None
        path = own if there else ("spec", "values")
        for index, obj in enumerate(workload.values.get("extraObjects", ())):
            yield Item(obj, step, workload.name, Origin(workload.file, (*path, "extraObjects", index)))


def _of_platform(project: Project, resolved: Resolved, cluster: str) -> Iterator[Item]:
    """Objects that authors have a chart of the platform make, as its values show them."""
    for release, path, values in _values(project, resolved, cluster):
        step = _STEPS.index(release.layer)
        for inside, obj in _objects(values):
            yield Item(obj, step, f"the chart {release.chart}", Origin(resolved.stack.file, (*path, *inside)))


def _values(project: Project, resolved: Resolved, cluster: str) -> Iterator[tuple[Release, Path, Mapping[str, Any]]]:
    """The releases with values of an author's own, and where they stand: in the stack, or in the cluster."""
    document = project.documents[resolved.stack.file]
    index = next(i for i, each in enumerate(resolved.stack.clusters) if each.name == cluster)
    for release in resolved.releases:
        values = resolved.stack.platform.components[release.component].values
        if release.switch and values:
            below: Path = ("platform", release.component, "values")
            own: Path = ("spec", "clusters", index, *below)
            yield release, own if at(document.value, own) is not None else ("spec", *below), values


def _objects(value: Any, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Whatever among values is an object of Kubernetes."""
    if isinstance(value, Mapping):
        if isinstance(value.get("metadata"), Mapping) and {"apiVersion", "kind"} <= value.keys():
            yield path, value
            return
        for key, each in value.items():
            yield from _objects(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _objects(each, (*path, index))


def _own(resolved: Resolved) -> Iterator[Item]:
    """Of gpuyard's objects those that somebody else could own, too; names of a model's are kept apart elsewhere."""
    spaces = {release.namespace: release.layer for release in reversed(resolved.releases)}
    for name, layer in {resolved.stack.namespace: Layer.CONFIGS, **spaces}.items():
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        yield Item(namespace, _STEPS.index(layer), f"platform/{layer}")


def _defines(releases: Iterable[Release]) -> Iterator[tuple[tuple[str, str], tuple[int, str]]]:
    for release in releases:
        for version, kinds in release.provides.items():
            group = version.rpartition("/")[0]
            yield from (((group, kind), (_STEPS.index(release.layer), f"the chart {release.chart}")) for kind in kinds)


def _claims(workload: Workload) -> Iterator[str]:
    """Those that the pods of a model mount by its values."""
    waiting: list[Any] = [workload.values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            yield from (str(value[key]) for key in ("claim", "claimName") if isinstance(value.get(key), str))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _stored(project: Project, resolved: Resolved, cluster: str) -> Iterator[tuple[Origin, tuple[str, int]]]:
    """What Helm keeps of a release, as far as an author adds to it."""
    for release, path, values in _values(project, resolved, cluster):
        text = json.dumps(values).encode()
        size = (release.stored_kib << 10) + len(base64.b64encode(gzip.compress(text)))
        yield Origin(resolved.stack.file, path), (release.chart, size)


def _series() -> Mapping[str, frozenset[str]]:
    """Of vLLM, in any version that we know, and of our own rules."""
    known = (vllm.base(version).metrics for version in vllm.versions())
    shown = {f"{name}{end}" for metrics in known for name in metrics for end in _ENDS}
    recorded = {each.record for each in alerts.catalogue().series}
    return {"vllm:": frozenset(shown), "gpuyard:": frozenset({*RECORDED, *recorded})}


def _mirrored(stack: Stack) -> Any:
    places = tuple(f"{mirror}/" for mirror in stack.images.mirrors.values())
    return lambda image: image.startswith(places)
