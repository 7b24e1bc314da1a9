"""What review.lint asks of each cluster: what authors add to it by values, beside all that it has already."""

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from gpuyard.catalogue import alerts, vllm
from gpuyard.catalogue.argocd import facts
from gpuyard.catalogue.images import mirrored, of_hub
from gpuyard.catalogue.platform import Layer, Release
from gpuyard.doors.yamlio import Path
from gpuyard.errors import Location, Problem
from gpuyard.project.load import Project
from gpuyard.project.objects import MADE
from gpuyard.project.stack import Engine, Stack
from gpuyard.resolve.added import manifests, objects_in, without_objects
from gpuyard.resolve.overrides import at
from gpuyard.resolve.workload import Resolved, Workload
from gpuyard.review.lint import Finding, findings
from gpuyard.review.world import Given, Item, Origin, World

__all__ = ["RECORDED", "check"]

RECORDED = ("gpuyard:download_budget_seconds", "gpuyard:start_budget_seconds", "gpuyard:ttft_error_budget")
"""What charts/vllm records of each model."""
_ENDS = {"histogram": ("_bucket", "_count", "_created", "_sum"), "counter": ("", "_created")}
_EXPORTER = "set spec.platform.dcgmExporter.enabled, unless the cluster has an exporter already"
_STEPS = tuple(Layer)
_MODELS = _STEPS.index(Layer.WORKLOADS)
_FIRST = -1
"""Of files in a cluster's folder, which Flux applies before all else."""
_TWICE = 2
"""Helm stores values once as they are given, and once as what they make: measured with Helm 4.3.1, 2026-11-29."""
_LATE = "oci-bv"
"""What OKE's clusters have, whatever the stack uses."""
_SHOWN = {
    "etcd_": "kubeEtcd",
    "kube_": "kubeStateMetrics",
    "kubeproxy_": "kubeProxy",
    "node_": "nodeExporter",
    "scheduler_": "kubeScheduler",
}
"""Parts of kube-prometheus-stack by what begins the names of their series."""
_TAG = re.compile(r"(?P<name>.+?)(?P<rest>(:[^/:@]+)?(@.+)?)")
Texts = Mapping[str, str]


def check(
    project: Project, resolved: Resolved, others: Mapping[str, Texts] | None = None
) -> tuple[list[Problem], list[str]]:
    """What can't work, and what is only worth saying; each once, in however many clusters it is.

    `others` are files that no source is, by the name of the cluster that gets them: then only these are told of.
    """
    found: dict[Finding, None] = {}
    told: dict[str, None] = {}
    for cluster in resolved.stack.clusters:
        files = (others or {}).get(cluster.name, {})
        if others is not None and not files:
            continue
        here = resolved.at(cluster.name)
        if others is None:
            told.update(dict.fromkeys(_past_mirrors(project, here, cluster.name)))
        if world := _world(project, here, cluster.name, files):
            found.update((each, None) for each in findings(world) if others is None or each.origin.line)
    problems, notes = list[Problem](), list(told)
    for each in found:
        origin = each.origin
        where = Location(origin.file, origin.line, 1) if origin.line else project.at(origin.file, *origin.path)
        if each.refused:
            problems.append(Problem(where, each.message))
        else:
            notes.append(f"{where}: {each.message}")
    return problems, notes


def _world(project: Project, resolved: Resolved, cluster: str, files: Texts) -> World | None:
    """Of one cluster; None: nobody has added anything."""
    stack = resolved.stack
    here = [each.workload for each in resolved.placements if each.cluster == cluster]
    given = [*_given_to_models(project, here, stack), *_given_to_platform(project, resolved, cluster)]
    added = [*_of_models(project, here), *_of_platform(project, resolved, cluster), *_of_files(files)]
    if not added and not given:
        return None
    return World(
        items=(*_own(resolved, here), *added),
        namespace=stack.namespace,
        given=tuple(given),
        defines=dict(_defines(resolved.releases)),
        outside=lambda kind: facts().in_no_namespace(*kind),
        claims=frozenset((_MODELS, stack.namespace, name) for each in here for name in each.needs.claims),
        late=frozenset({_LATE, *(stack.storage[kind] for kind in ("block", "nvme") if kind in stack.storage)}),
        stored=dict(_stored(project, resolved, cluster)) if stack.engine is Engine.FLUX else {},
        series={**_series(), **dict(_shown(resolved))},
        absent=dict(_absent(resolved)),
        services=frozenset(each.name for each in here),
        mirror=_mirror(stack) if stack.images.mirrors else None,
    )


def _past_mirrors(project: Project, resolved: Resolved, cluster: str) -> Iterator[str]:
    """The platform's own images in a cluster that has mirrors, and none for them."""
    stack, known = resolved.stack, [each for release in resolved.releases for each in release.images or ()]
    hosts = sorted({each.repository.partition("/")[0] for each in known if not each.mirror})
    if stack.images.mirrors and hosts:
        own = ("spec", "clusters", _index(stack, cluster), "images", "mirrors")
        there = at(project.documents[stack.file].value, own) is not None
        where = project.at(stack.file, *(own if there else ("spec", "images", "mirrors")))
        count = f"{sum(not each.mirror for each in known)} of {len(known)}"
        yield f"{where}: no mirror covers {', '.join(hosts)}, from where {count} platform images are pulled"


def _of_models(project: Project, here: Iterable[Workload]) -> Iterator[Item]:
    """Objects that authors add to their models."""
    for workload in here:
        own: Path = ("spec", "shapes", workload.shape.name, "values")
        there = at(project.documents[workload.file].value, (*own, "extraObjects")) is not None
        path = own if there else ("spec", "values")
        for index, obj in enumerate(workload.values.get("extraObjects", ())):
            yield Item(obj, _MODELS, workload.name, Origin(workload.file, (*path, "extraObjects", index)))


def _of_platform(project: Project, resolved: Resolved, cluster: str) -> Iterator[Item]:
    """Objects that authors have a chart of the platform make, as its values show them."""
    staged = resolved.stack.engine is not Engine.FLUX
    for release, path, values in _values(project, resolved, cluster):
        step, unit = _STEPS.index(release.layer), f"the chart {release.chart}"
        for inside, obj in objects_in(values):
            origin = Origin(resolved.stack.file, (*path, *inside))
            yield Item(obj, step, unit, origin, namespace=release.namespace, staged=staged)


def _of_files(files: Texts) -> Iterator[Item]:
    """Objects in an author's own files."""
    for name, text in files.items():
        for line, obj in manifests(text):
            yield Item(obj, _FIRST, name.rpartition("/")[0], Origin(name, (), line))


def _given_to_models(project: Project, here: Iterable[Workload], stack: Stack) -> Iterator[Given]:
    """What authors write in values of a blueprint and of a shape, which replaces all of the former but mappings."""
    for workload in here:
        paths: tuple[Path, ...] = (("spec", "values"), ("spec", "shapes", workload.shape.name, "values"))
        common, own = (at(project.documents[workload.file].value, path) or {} for path in paths)
        kept = {key: each for key, each in common.items() if isinstance(each, Mapping) or key not in own}
        for path, values in zip(paths, (kept, own), strict=True):
            rest = {key: each for key, each in values.items() if key != "extraObjects"}
            if rest:
                yield Given(rest, _MODELS, workload.name, Origin(workload.file, path), stack.namespace)


def _given_to_platform(project: Project, resolved: Resolved, cluster: str) -> Iterator[Given]:
    for release, path, values in _values(project, resolved, cluster):
        unit, origin = f"the chart {release.chart}", Origin(resolved.stack.file, path)
        yield Given(without_objects(values), _STEPS.index(release.layer), unit, origin, release.namespace)


def _values(project: Project, resolved: Resolved, cluster: str) -> Iterator[tuple[Release, Path, Mapping[str, Any]]]:
    """The releases with values of an author's own, and where they stand: in the stack, or in the cluster."""
    document = project.documents[resolved.stack.file]
    index = _index(resolved.stack, cluster)
    for release in resolved.releases:
        values = resolved.stack.platform.components[release.component].values
        if release.switch and values:
            below: Path = ("platform", release.component, "values")
            own: Path = ("spec", "clusters", index, *below)
            yield release, own if at(document.value, own) is not None else ("spec", *below), values


def _index(stack: Stack, cluster: str) -> int:
    return next(i for i, each in enumerate(stack.clusters) if each.name == cluster)


def _own(resolved: Resolved, here: Iterable[Workload]) -> Iterator[Item]:
    """Of gpuyard's objects those that somebody else could own, too."""
    stack, releases = resolved.stack, resolved.releases
    spaces = {release.namespace: release.layer for release in reversed(releases)}
    for name, layer in {stack.namespace: Layer.CONFIGS, **spaces}.items():
        yield _made("v1", "Namespace", name, f"platform/{layer}", layer)
    for release in releases:
        for group, kinds in release.outside_names.items():
            for kind, names in kinds.items():
                made = (_made(f"{group}/v1", kind, name, f"the chart {release.chart}", release.layer) for name in names)
                yield from made
    configs = f"platform/{Layer.CONFIGS}"
    yield _made("v1", "ResourceQuota", stack.named("gpus"), configs, Layer.CONFIGS)
    yield _made("v1", "ConfigMap", f"{stack.name}-scripts", configs, Layer.CONFIGS)
    yield _made("monitoring.coreos.com/v1", "PrometheusRule", f"{stack.name}-alerts", configs, Layer.CONFIGS)
    for workload in here:
        for version, kind in (("v1", "Service"), ("v1", "ServiceAccount"), ("apps/v1", "Deployment")):
            yield from (
                _made(version, kind, f"{workload.name}{end}", workload.name, Layer.WORKLOADS) for end in MADE[kind]
            )


def _made(version: str, kind: str, name: str, unit: str, layer: Layer) -> Item:
    return Item({"apiVersion": version, "kind": kind, "metadata": {"name": name}}, _STEPS.index(layer), unit)


def _defines(releases: Iterable[Release]) -> Iterator[tuple[tuple[str, str], tuple[int, str]]]:
    for release in releases:
        for version, kinds in release.provides.items():
            group = version.rpartition("/")[0]
            yield from (((group, kind), (_STEPS.index(release.layer), f"the chart {release.chart}")) for kind in kinds)


def _stored(project: Project, resolved: Resolved, cluster: str) -> Iterator[tuple[Origin, tuple[str, int]]]:
    """What Helm keeps of a release, as far as an author adds to it."""
    for release, path, values in _values(project, resolved, cluster):
        size = len(base64.b64encode(gzip.compress(json.dumps(values, ensure_ascii=False).encode())))
        yield Origin(resolved.stack.file, path), (release.chart, (release.stored_kib << 10) + _TWICE * size)


def _series() -> Mapping[str, frozenset[str]]:
    """Of vLLM, in any version that we know, and of our own rules."""
    known = [vllm.base(version).metrics for version in vllm.versions()]
    shown = chain.from_iterable(_names(*each) for metrics in known for each in metrics.items())
    recorded = {each.record for each in alerts.catalogue().series}
    return {"vllm:": frozenset(shown), "gpuyard:": frozenset({*RECORDED, *recorded})}


def _shown(resolved: Resolved) -> Iterator[tuple[str, frozenset[str]]]:
    """Of the platform's charts, in the version that is known, as far as the stack's own values leave them."""
    components = resolved.stack.platform.components
    for release in resolved.releases:
        shows, values = release.shows, components[release.component].values
        if shows and release.images is not None and values.keys().isdisjoint(shows.unless):
            yield shows.prefix, shows.names


def _names(name: str, metric: vllm.Metric) -> Iterator[str]:
    """As /metrics shows one, the time since when it counts included."""
    for end in _ENDS.get(metric.type, ("",)):
        yield f"{name.removesuffix('_total')}{end}" if end == "_created" else f"{name}{end}"


def _absent(resolved: Resolved) -> Iterator[tuple[str, str]]:
    """Series of what the stack doesn't install, or switches off in what it does."""
    if not resolved.stack.platform.components["dcgmExporter"].enabled:
        yield "DCGM_", _EXPORTER
    for release in resolved.releases:
        for prefix, part in _SHOWN.items() if release.service else ():
            if at(release.values, (part, "enabled")) is False:
                yield prefix, f"{part}.enabled is false in the values of {release.chart}"


def _mirror(stack: Stack) -> Callable[[str], str | None]:
    """Of an image: how its mirror calls it, nothing if there is none, None if it comes from one."""
    mirrors = stack.images.mirrors
    hosts = {each.partition("/")[0] for each in mirrors.values()}

    def found(image: str) -> str | None:
        match = _TAG.fullmatch(image)
        name, rest = (match["name"], match["rest"]) if match else (image, "")
        if name.partition("/")[0] in hosts:
            return None
        pulled, mirror = mirrored(of_hub(name) or name, mirrors)
        return f"{pulled}{rest}" if mirror else ""

    return found
