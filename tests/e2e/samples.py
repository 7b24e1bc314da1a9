"""Objects that several of the world's tests need."""

from pathlib import Path

import yaml

from tests.cluster import registry
from tests.cluster.api import Object

ROOT = Path(__file__).parents[2]
NO_IMAGE = "registry.world.internal:5000/models/none:1"

__all__ = ["NO_IMAGE", "ROOT", "config", "pod", "release", "sync"]


def pod(name: str, namespace: str, *, gpus: int = 0, shape: str = "", **metadata: object) -> Object:
    limits = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {
            "containers": [{"name": "main", "image": NO_IMAGE, "resources": {"limits": limits}}],
            "nodeSelector": {"node.kubernetes.io/instance-type": shape} if shape else {},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}] if gpus else [],
        },
    }


def config(namespace: str, value: str) -> str:
    metadata = {"name": "app", "namespace": namespace}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}})


def sync(name: str, url: str) -> list[Object]:
    metadata = {"name": name, "namespace": "flux-system"}
    source = {"kind": "GitRepository", "name": name}
    return [
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": metadata,
            "spec": {"interval": "10m", "url": url, "ref": {"branch": "main"}},
        },
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": metadata,
            "spec": {"interval": "10m", "path": "./app", "prune": True, "wait": True, "sourceRef": source},
        },
    ]


def release(component: str) -> tuple[str, list[Object]]:
    """A platform chart where, and with the version and values with which, gpuyard installs it; its namespace first."""
    known = yaml.safe_load((ROOT / f"generator/gpuyard/catalogue/platform/{component}.yaml").read_text())
    namespace = str(known["namespace"])
    metadata = {"name": component, "namespace": namespace}
    source = {"url": f"{registry.CHARTS}/{known['chart']}", "insecure": True, "ref": {"tag": known["version"]}}
    chart = {"kind": "OCIRepository", "name": component}
    return namespace, [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "OCIRepository",
            "metadata": metadata,
            "spec": {**source, "interval": "10m"},
        },
        {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": metadata,
            "spec": {"interval": "10m", "chartRef": chart, "values": known["values"]},
        },
    ]
