"""What Flux reads: sources, releases of the platform's charts, and one Kustomization per blueprint and cluster."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard import tree
from gpuyard.catalogue.health import Health
from gpuyard.catalogue.platform import Layer, Release
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import fluxsources
from gpuyard.render.engines import fluxnotify
from gpuyard.render.engines.fluxentry import way_in
from gpuyard.render.engines.fluxfolder import applies, beside, effect, own_files
from gpuyard.render.engines.fluxmoves import adopt, bare, forget, give, managers, remove, rename_danger, stop, suspend
from gpuyard.resolve import Resolved, Workload
from gpuyard.resolve.workload import KeyUse

__all__ = ["adopt", "applies", "bare", "beside", "by_hand", "cluster", "commands", "context", "effect", "fleet"]
__all__ += [
    "forget",
    "give",
    "managers",
    "needs",
    "own_files",
    "pace",
    "release",
    "remove",
    "rename_danger",
    "secrets",
    "stop",
    "suspend",
    "way_in",
]

Object = dict[str, Any]
Folders = Mapping[PurePosixPath, PurePosixPath]

_COMMON: Folders = {}
"""A cluster that has no folders of its own."""

_NAMESPACE = Engine.FLUX.namespace
_VERSION = "2.8"
"""The first with Helm 4, RetryOnFailure and healthCheckExprs."""
_LAYER_TIMEOUT = "10m"

_CONDITIONS = "has(status.conditions)"


def release(release: Release) -> list[Object]:
    """A chart of the platform: its source and its HelmRelease."""
    source, reference = fluxsources.chart(release)
    retry = {"strategy": {"name": "RetryOnFailure", "retryInterval": "1m"}, "disableTakeOwnership": True}
    spec = {
        "interval": "1h",
        "timeout": _LAYER_TIMEOUT,
        "releaseName": release.chart,
        **reference,
        "install": retry,
        "upgrade": retry,
        "driftDetection": {"mode": "enabled"},
        "values": dict(release.values),
    }
    return [
        source,
        fluxsources.flux_object("helm.toolkit.fluxcd.io/v2", "HelmRelease", release.chart, release.namespace, spec),
    ]


def cluster(resolved: Resolved, cluster: str, folders: Folders = _COMMON) -> Mapping[str, list[Object]]:
    """The entry point of a cluster: what `commands` applies, by file name."""
    stack = resolved.stack
    found = {} if stack.repository.source else {"sync.yaml": _sync(stack, cluster)}
    own = any(tree.platform(layer) in folders for layer in resolved.layers)
    found |= _file(tree.PLATFORM, _platform(resolved, folders), tree.PLATFORM if own else "")
    if told := fluxnotify.objects(stack, resolved.releases):
        found["notifications.yaml"] = told
    for workload in (each.workload for each in resolved.placements if each.cluster == cluster):
        parts = (tree.overlay(workload.shape.name, workload.name, part) for part in ("", tree.WEIGHTS))
        own = any(part in folders for part in parts)
        models = list(_inference(stack, workload, folders))
        found |= _file(f"{tree.SERVERS}-{workload.name}", models, workload.name if own else "")
    return found


def fleet(resolved: Resolved) -> Mapping[str, list[Object]]:
    """Nothing: each cluster has a Flux of its own."""
    return {}


def _file(name: str, objects: list[Object], folder: str = "") -> dict[str, list[Object]]:
    """One file; in a folder with others that aren't part of the entry point, with what tells Flux so.

    It builds all YAML files below a path, but of a folder with a kustomization.yaml only what that names.
    """
    file = f"{name}.yaml"
    if not folder:
        return {file: objects}
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [file]}
    return {f"{folder}/kustomization.yaml": [kustomization], f"{folder}/{file}": objects}


def needs(stack: Stack, releases: Iterable[Release]) -> Iterator[str]:
    """Flux itself, what makes it follow a repair, and the proxy of the sources that have none of their own."""
    yield (
        f"Flux {_VERSION} or newer; if kustomize-controller runs with "
        "`--feature-gates=CancelHealthCheckOnNewRevision=true`, a commit that repairs a download or a start is applied "
        "at once, otherwise when the time for the failed one is over"
    )
    yield from fluxsources.needs(stack, releases)
    yield from fluxnotify.needs(stack)
    if account := stack.flux.service_account:
        yield (
            f"the ServiceAccount `{account}` in `{_NAMESPACE}`, which may make and delete in `{stack.namespace}` "
            "whatever "
            "blueprints have there; Flux applies them in its name"
        )


def secrets(stack: Stack, releases: Iterable[Release]) -> Iterator[tuple[str, KeyUse]]:
    """Those of its sources, and of who is told and who calls."""
    yield from fluxsources.secrets(stack, releases)
    yield from fluxnotify.secrets(stack)


def context(stack: Stack, cluster: str) -> str:
    """Each has its own."""
    return cluster


def by_hand(stack: Stack, cluster: str) -> PurePosixPath | None:
    """The entry is among what it applies."""
    return None


def pace() -> str:
    """By dependsOn."""
    return "in this order"


def commands(stack: Stack, cluster: str) -> Iterator[str]:
    """The entry point keeps itself in step from then on."""
    if not stack.repository.source:
        yield f"apply -f {tree.cluster(cluster)}"


def _sync(stack: Stack, cluster: str) -> list[Object]:
    """The repository, and the Kustomization that keeps this very folder in step."""
    entry = _kustomization(stack, stack.name, tree.cluster(cluster), wait=False, timeout=_LAYER_TIMEOUT)
    return [_kept(fluxsources.repository(stack)), _kept(entry)]


def _kept(obj: Object) -> Object:
    """Never pruned, whatever the repository says: with the entry, all that it has applied would go."""
    return {**obj, "metadata": {**obj["metadata"], "annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}}


def _platform(resolved: Resolved, folders: Folders) -> list[Object]:
    """A Kustomization per layer, each after the one before."""
    stack = resolved.stack
    objects: list[Object] = []
    before: list[str] = []
    for layer in resolved.layers:
        name = stack.named(tree.PLATFORM, layer)
        inside = [release for release in resolved.releases if release.layer is layer]
        kustomization = _kustomization(
            stack,
            name,
            folders.get(common := tree.platform(layer), common),
            after=before,
            timeout=_LAYER_TIMEOUT,
            # Custom resources go with their definitions: those are never pruned.
            prune=layer is not Layer.CRDS,
        )
        if health := [each for release in inside for each in release.health]:
            # `wait` looks at the layer's own objects only; what shows that a chart works is the chart's.
            kustomization["spec"].pop("wait")
            kustomization["spec"]["healthChecks"] = [
                *(_release_check(release) for release in inside),
                *map(_object_check, health),
            ]
            kustomization["spec"]["healthCheckExprs"] = _expressions(health)
        objects.append(kustomization)
        before = [name]
    return objects


def _release_check(release: Release) -> Object:
    return {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "name": release.chart,
        "namespace": release.namespace,
    }


def _object_check(health: Health) -> Object:
    namespace = {"namespace": health.namespace} if health.namespace else {}
    return {"apiVersion": health.api_version, "kind": health.kind, "name": health.name, **namespace}


def _expressions(health: Iterable[Health]) -> list[Object]:
    """CEL by kind, for Flux has one expression for all objects of one."""
    found = {(each.api_version, each.kind): _expression(each) for each in health}
    return list(found.values())


def _expression(health: Health) -> Object:
    """One that no status fails is in progress until it is current."""
    current, failed = (f"{_CONDITIONS} && " + _any(health, f"== '{each}'") for each in (health.status, health.failed))
    waiting = "!" + _any(health, "!= 'Unknown'") if health.failed else _any(health, f"!= '{health.status}'")
    return {
        "apiVersion": health.api_version,
        "kind": health.kind,
        "current": current,
        **({"failed": failed} if health.failed else {}),
        "inProgress": f"!{_CONDITIONS} || {waiting}",
    }


def _any(health: Health, status: str) -> str:
    """CEL: some condition of the type has such a status; `status` is what follows the field."""
    return f"status.conditions.exists(c, c.type == '{health.condition}' && c.status {status})"


def _inference(stack: Stack, workload: Workload, folders: Folders) -> Iterator[Object]:
    """A blueprint of its own, so that one bad model blocks nothing else; before it, what comes first of it.

    Flux waits for a Job until it is complete, and applies what depends on it only at the same commit.
    """
    name, after = stack.named(tree.SERVERS, workload.name), [stack.named(tree.PLATFORM, Layer.CONFIGS)]
    if workload.first:
        first = stack.named(tree.SERVERS, workload.name, tree.WEIGHTS)
        folder = tree.overlay(workload.shape.name, workload.name, tree.WEIGHTS)
        timeout = workload.first.sync_timeout
        yield _part(stack, first, folders.get(folder, folder), after=after, timeout=timeout)
        after = [*after, first]
    folder = tree.overlay(workload.shape.name, workload.name)
    kustomization = _part(stack, name, folders.get(folder, folder), after=after, timeout=workload.sync_timeout)
    if workload.health:
        kustomization["spec"]["healthCheckExprs"] = _expressions(workload.health)
    yield kustomization


def _part(stack: Stack, name: str, folder: PurePosixPath, *, after: Iterable[str], timeout: int) -> Object:
    kustomization = _kustomization(stack, name, folder, after=after, timeout=f"{timeout}s")
    kustomization["spec"]["targetNamespace"] = stack.namespace
    if stack.flux.service_account:
        kustomization["spec"]["serviceAccountName"] = stack.flux.service_account
    return kustomization


def _kustomization(
    stack: Stack,
    name: str,
    path: PurePosixPath,
    *,
    timeout: str,
    after: Iterable[str] = (),
    prune: bool = True,
    wait: bool = True,
) -> Object:
    depends = [{"name": other} for other in after]
    spec = {
        **({"dependsOn": depends} if depends else {}),
        "interval": "10m",
        "retryInterval": "30s",
        "timeout": timeout,
        "path": f"./{stack.folder / path}",
        "prune": prune,
        "sourceRef": {"kind": fluxsources.kind(stack), "name": stack.repository.source or stack.name},
        **({"wait": True} if wait else {}),
    }
    return fluxnotify.named(
        stack, fluxsources.flux_object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name, _NAMESPACE, spec)
    )
