"""platform/: the charts of others and the namespaces, in layers; a folder per layer."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard.catalogue.platform import Layer
from gpuyard.doors import yamlio
from gpuyard.render import dashboard, monitors, prometheusrule, scripts
from gpuyard.render.engines import ENGINES
from gpuyard.render.namespaces import first_of_each
from gpuyard.render.overlays import kustomization
from gpuyard.resolve import Resolved
from gpuyard.tree import HEADER, Tree, platform

__all__ = ["Charts", "content", "files"]

Object = dict[str, Any]
Charts = Mapping[str, Mapping[PurePosixPath, str]]

_SECURITY = "pod-security.kubernetes.io"
_STRICTEST = "restricted"
# The marks of both engines, so that a cluster may change from one to the other.
_KEEP = {
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
}


def files(resolved: Resolved, charts: Charts) -> Tree:
    """platform/<layer>/; `charts` are ours, whose scripts the models' pods run."""
    tree: Tree = {}
    header = HEADER.format(source="stack.yaml")
    for layer, found in content(resolved, charts).items():
        for file, objects in found.items():
            tree[platform(layer) / file] = header + yamlio.dump(*objects)
        tree[platform(layer) / "kustomization.yaml"] = header + kustomization(sorted(found))
    return tree


def content(resolved: Resolved, charts: Charts) -> dict[Layer, dict[str, list[Object]]]:
    """Objects by layer and file; every namespace stands in the first layer that needs it."""
    engine = ENGINES[resolved.stack.engine]
    layers: dict[Layer, dict[str, list[Object]]] = {layer: {} for layer in resolved.layers}
    levels = {release.namespace: release.pod_security for release in resolved.releases if release.pod_security}
    first = first_of_each(resolved.releases)
    for release in resolved.releases:
        level = levels.get(release.namespace, _STRICTEST)
        namespace = [_namespace(release.namespace, level)] if release in first else []
        if objects := [*namespace, *engine.release(release)]:
            layers[release.layer][f"{release.chart}.yaml"] = objects
    layers[Layer.CONFIGS] = {
        "namespace.yaml": [_namespace(resolved.stack.namespace, _STRICTEST)],
        "resourcequota.yaml": [_quota(resolved)],
        "alerts.yaml": prometheusrule.objects(resolved),
        "dashboard.yaml": dashboard.objects(resolved),
        **({"monitors.yaml": found} if (found := monitors.objects(resolved)) else {}),
        **({"scripts.yaml": mounted} if (mounted := scripts.objects(resolved, charts)) else {}),
    }
    return {layer: found for layer, found in layers.items() if found}


def _namespace(name: str, level: str) -> Object:
    """A namespace is never pruned: what is left in it, such as a model cache, would go with it."""
    labels = {f"{_SECURITY}/{mode}": level for mode in ("enforce", "audit", "warn")}
    metadata = {"name": name, "labels": labels, "annotations": dict(_KEEP)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _quota(resolved: Resolved) -> Object:
    """The stack's limit, held by the cluster too, whatever the shapes call their GPUs."""
    stack = resolved.stack
    most = str(stack.policy.max_gpus)
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": stack.named("gpus"), "namespace": stack.namespace},
        "spec": {"hard": {f"requests.{name}": most for name in resolved.gpu_resources}},
    }
