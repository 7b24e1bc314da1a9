"""What an upgrade must not do to an object: change a field that the API refuses to change, or lose it.

From the API server's own validation of updates (pkg/apis/*/validation, Kubernetes 1.30-1.37).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["MAY_VANISH", "MOVED", "breaks"]

Object = Mapping[str, Any]
Key = tuple[str, str, str, str]

_LABELLED = (("spec", "selector"),)
_FIELDS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "Deployment": _LABELLED,
    "ReplicaSet": _LABELLED,
    "DaemonSet": _LABELLED,
    "StatefulSet": (
        *_LABELLED,
        *(("spec", key) for key in ("serviceName", "podManagementPolicy", "volumeClaimTemplates")),
    ),
    "Job": tuple(
        ("spec", key)
        for key in ("template", "selector", "completionMode", "completions", "podFailurePolicy", "successPolicy")
    ),
    "Service": tuple(("spec", key) for key in ("clusterIP", "clusterIPs", "loadBalancerClass")),
    "PersistentVolumeClaim": tuple(
        ("spec", key)
        for key in ("storageClassName", "accessModes", "volumeMode", "volumeName", "selector", "dataSource")
    ),
    "StorageClass": tuple((key,) for key in ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode")),
    "PriorityClass": (("value",), ("preemptionPolicy",)),
    "RoleBinding": (("roleRef",),),
    "ClusterRoleBinding": (("roleRef",),),
    # Not refused, but another target, HPA or release is a second one beside the first.
    "ScaledObject": (
        *(("spec", "scaleTargetRef", key) for key in ("apiVersion", "kind", "name")),
        ("spec", "advanced", "horizontalPodAutoscalerConfig", "name"),
    ),
    # Nor these, but requests would come another way or not at all, or KEDA ask for a key that the Secret lacks.
    "HTTPRoute": (("spec", "parentRefs"), ("spec", "hostnames")),
    "Ingress": (("spec", "ingressClassName"),),
    "TriggerAuthentication": (("spec", "secretTargetRef"),),
    "HelmRelease": tuple(("spec", key) for key in ("releaseName", "targetNamespace", "storageNamespace")),
    "Kustomization": (("spec", "targetNamespace"), ("spec", "path")),
}
_KEEP = re.compile(r"resource-policy|/prune$|sync-options$")
_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

MAY_VANISH = frozenset({"Job"})
"""Kinds whose names carry a hash of their content: another content is another object."""

_CONFIGURATION = "the ConfigMap with its configuration file is removed"
MOVED: Mapping[str, str] = {
    f"ConfigMap/{name}": _CONFIGURATION for name in ("assistant", "chat", "docs", "draft", "small")
}
"""`Kind/name` of an object that an upgrade replaces: what its users are told in CHANGELOG.md."""


def breaks(old: Sequence[Object], new: Sequence[Object]) -> list[str]:
    """Every change that fails an upgrade or loses data, as `Deployment/chat: spec.selector changes`."""
    now = {_key(obj): obj for obj in new}
    found = []
    for obj in old:
        name = f"{obj['kind']}/{obj['metadata']['name']}"
        if name in MOVED:
            continue
        if _key(obj) in now:
            found += [f"{name}: {what}" for what in _changes(obj, now[_key(obj)])]
        elif obj["kind"] not in MAY_VANISH:
            found.append(f"{name} vanishes")
    return found


def _key(obj: Object) -> Key:
    """The same object whatever version its API has."""
    metadata = obj["metadata"]
    return obj["apiVersion"].rpartition("/")[0], obj["kind"], metadata.get("namespace", ""), metadata["name"]


def _changes(old: Object, new: Object) -> Iterator[str]:
    for path in _FIELDS.get(old["kind"], ()):
        if _at(old, path) != _at(new, path):
            yield f"{'.'.join(path)} changes"
    if old["kind"] == "PersistentVolumeClaim":
        storage = ("spec", "resources", "requests", "storage")
        if _size(_at(new, storage)) < _size(_at(old, storage)):
            yield "shrinks"
    if old.get("immutable") and any(old.get(key) != new.get(key) for key in ("immutable", "data", "stringData")):
        yield "is immutable, and its data change"
    kept = new["metadata"].get("annotations") or {}
    for key, value in (old["metadata"].get("annotations") or {}).items():
        if _KEEP.search(key) and kept.get(key) != value:
            yield f"loses {key}: {value}, which keeps it"


def _at(obj: Object, path: Sequence[str]) -> Any:
    value: Any = obj
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _size(text: str | None) -> int:
    match = re.fullmatch(r"(\d+)([KMGT]i)?", text or "")
    if match is None:
        raise ValueError(f"{text} is no size of a claim")
    return int(match[1]) * _UNITS[match[2] or ""]
