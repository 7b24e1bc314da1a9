"""platform/: the charts of others and the namespaces, in layers; a folder per layer."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard.catalogue.platform import PLATFORM, Layer
from gpuyard.doors import yamlio
from gpuyard.render import dashboard, monitors, prometheusrule, scripts
from gpuyard.render.engines import ENGINES
from gpuyard.render.overlays import kustomization
from gpuyard.resolve import Resolved
from gpuyard.tree import HEADER, Tree, cluster, platform

__all__ = ["files"]

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
    """platform/<layer>/ and clusters/<cluster>/; `charts` are ours, whose scripts the models' pods run."""
    tree: Tree = {}
    engine = ENGINES[resolved.stack.engine]
    header = HEADER.format(source="stack.yaml")
    for layer, content in _layers(resolved, charts).items():
        for file, objects in content.items():
            tree[platform(layer) / file] = header + yamlio.dump(*objects)
        tree[platform(layer) / "kustomization.yaml"] = header + kustomization(sorted(content))
    for name in (each.name for each in resolved.stack.clusters):
        for file, objects in engine.cluster(resolved, name).items():
            tree[cluster(name) / file] = header + yamlio.dump(*objects)
    return tree


def _layers(resolved: Resolved, charts: Charts) -> dict[Layer, dict[str, list[Object]]]:
    """Objects by layer and file; every namespace stands in the first layer that needs it."""
    engine = ENGINES[resolved.stack.engine]
    layers: dict[Layer, dict[str, list[Object]]] = {layer: {} for layer in PLATFORM}
    levels = {release.namespace: release.pod_security for release in resolved.releases if release.pod_security}
    made = set()
    for release in resolved.releases:
        level = levels.get(release.namespace, _STRICTEST)
        namespace = [] if release.namespace in made else [_namespace(release.namespace, level)]
        made.add(release.namespace)
        layers[release.layer][f"{release.chart}.yaml"] = [*namespace, *engine.release(release)]
    layers[Layer.CONFIGS] = {
        "namespace.yaml": [_namespace(resolved.stack.namespace, _STRICTEST)],
        "resourcequota.yaml": [_quota(resolved)],
        "alerts.yaml": prometheusrule.objects(resolved),
        "dashboard.yaml": dashboard.objects(resolved),
        **({"monitors.yaml": found} if (found := monitors.objects(resolved)) else {}),
        **({"scripts.yaml": mounted} if (mounted := scripts.objects(resolved, charts)) else {}),
    }
    return layers


def _namespace(name: str, level: str) -> Object:
    """A namespace is never pruned: what is left in it, such as a model cache, would go with it."""
    labels = {f"{_SECURITY}/{mode}": level for mode in ("enforce", "audit", "warn")}
    metadata = {"name": name, "labels": labels, "annotations": dict(_KEEP)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _quota(resolved: Resolved) -> Object:
    """The stack's limit, held by the cluster too, whatever the shapes call their GPUs."""
    most = str(resolved.stack.policy.max_gpus)
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "gpus", "namespace": resolved.stack.namespace},
        "spec": {"hard": {f"requests.{name}": most for name in resolved.gpu_resources}},
    }
