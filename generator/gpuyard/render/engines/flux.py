"""What Flux reads: sources, releases of the platform's charts, and one Kustomization per blueprint and cluster."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpuyard import tree
from gpuyard.catalogue.health import Health
from gpuyard.catalogue.platform import PLATFORM, Layer, Release
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import fluxsources
from gpuyard.resolve import Resolved, Workload
from gpuyard.resolve.workload import KeyUse

__all__ = ["cluster", "commands", "needs", "release", "secrets"]

Object = dict[str, Any]

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


def cluster(resolved: Resolved, cluster: str) -> Mapping[str, list[Object]]:
    """The entry point of a cluster: what `commands` applies, by file name."""
    stack = resolved.stack
    here = [placement.workload for placement in resolved.placements if placement.cluster == cluster]
    models = [each for workload in here for each in _inference(stack, workload)]
    return {
        "sync.yaml": [fluxsources.git_repository(stack), _entry(stack, cluster)],
        "platform.yaml": _platform(stack, resolved.releases),
        **({"inference.yaml": models} if models else {}),
    }


def needs(stack: Stack, releases: Iterable[Release]) -> Iterator[str]:
    """Flux itself, what makes it follow a repair, and the proxy of the sources that have none of their own."""
    yield (
        f"Flux {_VERSION} or newer; if kustomize-controller runs with "
        "`--feature-gates=CancelHealthCheckOnNewRevision=true`, a commit that repairs a download or a start is applied "
        "at once, otherwise when the time for the failed one is over"
    )
    yield from fluxsources.needs(stack, releases)


def secrets(stack: Stack, releases: Iterable[Release]) -> Iterator[tuple[str, KeyUse]]:
    """Those of its sources."""
    yield from fluxsources.secrets(stack, releases)


def commands(_stack: Stack, cluster: str) -> Iterator[str]:
    """The entry point keeps itself in step from then on."""
    yield f"apply -f {tree.cluster(cluster)}"


def _entry(stack: Stack, cluster: str) -> Object:
    """The Kustomization that keeps this very folder in step."""
    return _kustomization(stack, stack.name, f"./{tree.cluster(cluster)}", wait=False, timeout=_LAYER_TIMEOUT)


def _platform(stack: Stack, releases: Iterable[Release]) -> list[Object]:
    """A Kustomization per layer, each after the one before."""
    objects: list[Object] = []
    before: list[str] = []
    for layer in PLATFORM:
        inside = [release for release in releases if release.layer is layer]
        kustomization = _kustomization(
            stack,
            f"platform-{layer}",
            f"./{tree.platform(layer)}",
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
        before = [f"platform-{layer}"]
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


def _inference(stack: Stack, workload: Workload) -> Iterator[Object]:
    """A blueprint of its own, so that one bad model blocks nothing else; before it, what comes first of it.

    Flux waits for a Job until it is complete, and applies what depends on it only at the same commit.
    """
    name, after = f"{tree.SERVERS}-{workload.name}", [f"platform-{Layer.CONFIGS}"]
    if workload.first:
        first = f"{name}-{tree.WEIGHTS}"
        yield _part(stack, workload, first, tree.WEIGHTS, after=after, timeout=workload.first.sync_timeout)
        after = [*after, first]
    kustomization = _part(stack, workload, name, after=after, timeout=workload.sync_timeout)
    if workload.health:
        kustomization["spec"]["healthCheckExprs"] = _expressions(workload.health)
    yield kustomization


def _part(stack: Stack, workload: Workload, name: str, part: str = "", *, after: Iterable[str], timeout: int) -> Object:
    path = f"./{tree.overlay(workload.shape.name, workload.name, part)}"
    kustomization = _kustomization(stack, name, path, after=after, timeout=f"{timeout}s")
    kustomization["spec"]["targetNamespace"] = stack.namespace
    return kustomization


def _kustomization(
    stack: Stack,
    name: str,
    path: str,
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
        "path": path,
        "prune": prune,
        "sourceRef": {"kind": "GitRepository", "name": stack.name},
        **({"wait": True} if wait else {}),
    }
    return fluxsources.flux_object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", name, _NAMESPACE, spec)
