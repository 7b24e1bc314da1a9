"""What keeps servers as they are until the weights of the next are in the cache, where nothing else waits for them.

Applications are synced each for itself: waves order their first creation, and no later commit. So an Application of
servers begins its sync with the pod that every server starts with, as a hook: it waits for the marker that the download
writes. The hook is the download's own Job with another command, so that it has its image, cache and authorities.
"""

from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio

__all__ = ["FOLDER", "gate"]

Object = dict[str, Any]

FOLDER = "gate"
"""Beside the folders of a blueprint that a cluster may have."""
_POD = "/spec/template/spec"
_CONTAINER = f"{_POD}/containers/0"
_MARKER = f"{_CONTAINER}/args/3"
"""Which of the download's arguments the marker is."""
_OTHERS = "NetworkPolicy|PersistentVolumeClaim|PrometheusRule|ServiceAccount"
"""What the download has beside its Job, and the gate finds there."""
_SAYS_EVERY = "300"
_RESOURCES = {
    "limits": {"ephemeral-storage": "128Mi", "memory": "512Mi"},
    "requests": {"cpu": "100m", "ephemeral-storage": "64Mi", "memory": "128Mi"},
}


def gate(name: str, weights: PurePosixPath, here: PurePosixPath, seconds: int) -> Object:
    """The kustomization of a blueprint's gate in its folder; `weights` is that of the download, as a cluster has it."""
    up = "/".join([".."] * len(here.parts))
    patch = yamlio.dump(_steps(name, seconds))
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{up}/{weights}"],
        "patches": [
            {"target": {"kind": "Job"}, "options": {"allowNameChange": True}, "patch": patch},
            {"target": {"kind": _OTHERS}, "patch": yamlio.dump(_nothing())},
        ],
    }


def _steps(name: str, seconds: int) -> list[Object]:
    hook = {
        "argocd.argoproj.io/hook": "PreSync",
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation,HookSucceeded",
    }
    return [
        {"op": "replace", "path": "/metadata/name", "value": f"{name}-await-weights"},
        {"op": "add", "path": "/metadata/annotations", "value": hook},
        # Then the sync has failed, and the next try takes the newest commit.
        {"op": "add", "path": "/spec/activeDeadlineSeconds", "value": seconds},
        {"op": "replace", "path": f"{_CONTAINER}/name", "value": "await-weights"},
        {"op": "replace", "path": f"{_CONTAINER}/command", "value": ["python3", "-I", "/scripts/await.py"]},
        {"op": "move", "from": _MARKER, "path": f"{_CONTAINER}/args/0"},
        *({"op": "remove", "path": f"{_CONTAINER}/args/1"} for _ in range(4)),
        {"op": "add", "path": f"{_CONTAINER}/args/-", "value": _SAYS_EVERY},
        {"op": "replace", "path": f"{_CONTAINER}/resources", "value": _RESOURCES},
    ]


def _nothing() -> Object:
    """A merge by its target: what it says of a name doesn't count."""
    return {"apiVersion": "v1", "kind": "Any", "metadata": {"name": "any"}, "$patch": "delete"}
