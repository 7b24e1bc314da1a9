"""Rules about what a cluster refuses: fields that do not change, claims that do not shrink."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import InvalidOperation
from typing import Any

from gpuyard.doors.quantities import quantity
from gpuyard.review.fields import ABSENT, Field, ObjectChange, Told
from gpuyard.review.shown import short

__all__ = ["refused"]

Paths = Sequence[tuple[str, ...]]

_ALL_OF_SPEC: Paths = (("spec",),)
_IMMUTABLE: Mapping[str, Paths] = {
    "CSIDriver": (("spec", "attachRequired"), ("spec", "volumeLifecycleModes")),
    "CertificateRequest": _ALL_OF_SPEC,
    "CertificateSigningRequest": _ALL_OF_SPEC,
    "ClusterRoleBinding": (("roleRef",),),
    "ControllerRevision": (("data",),),
    "CustomResourceDefinition": (("spec", "group"), ("spec", "names", "kind"), ("spec", "scope")),
    "DaemonSet": (("spec", "selector"),),
    "Deployment": (("spec", "selector"),),
    "EndpointSlice": (("addressType",),),
    "GatewayClass": (("spec", "controllerName"),),
    "IngressClass": (("spec", "controller"),),
    "Job": (
        ("spec", "backoffLimitPerIndex"),
        ("spec", "completionMode"),
        ("spec", "completions"),
        ("spec", "managedBy"),
        ("spec", "manualSelector"),
        ("spec", "podFailurePolicy"),
        ("spec", "selector"),
        ("spec", "successPolicy"),
        ("spec", "template"),
    ),
    "LocalQueue": (("spec", "clusterQueue"),),
    "PersistentVolume": (
        ("spec", "claimRef", "name"),
        ("spec", "claimRef", "namespace"),
        ("spec", "csi"),
        ("spec", "hostPath"),
        ("spec", "iscsi"),
        ("spec", "local"),
        ("spec", "nfs"),
        ("spec", "nodeAffinity"),
        ("spec", "volumeMode"),
    ),
    "PersistentVolumeClaim": _ALL_OF_SPEC,
    "Pod": _ALL_OF_SPEC,
    "PriorityClass": (("preemptionPolicy",), ("value",)),
    "ReplicaSet": (("spec", "selector"),),
    "ResourceClaim": _ALL_OF_SPEC,
    "ResourceClaimTemplate": _ALL_OF_SPEC,
    "RoleBinding": (("roleRef",),),
    "RuntimeClass": (("handler",),),
    "Secret": (("type",),),
    "Service": (
        ("spec", "clusterIP"),
        ("spec", "clusterIPs"),
        ("spec", "healthCheckNodePort"),
        ("spec", "loadBalancerClass"),
    ),
    "StatefulSet": _ALL_OF_SPEC,
    "StorageClass": (("parameters",), ("provisioner",), ("reclaimPolicy",), ("volumeBindingMode",)),
    "VolumeSnapshot": (("spec", "source"),),
    "VolumeSnapshotClass": (("driver",), ("parameters",)),
    "VolumeSnapshotContent": (("spec", "driver"), ("spec", "source")),
}
"""Of the Kubernetes API, and of kinds that come with most clusters."""
_MUTABLE: Mapping[str, Paths] = {
    "PersistentVolumeClaim": (
        ("spec", "resources"),
        ("spec", "storageClassName"),  # a class and a size have rules of their own
        ("spec", "volumeAttributesClassName"),
    ),
    "Pod": (("spec", "activeDeadlineSeconds"), ("spec", "tolerations"), ("spec", "terminationGracePeriodSeconds")),
    "StatefulSet": (
        ("spec", "minReadySeconds"),
        ("spec", "ordinals"),
        ("spec", "persistentVolumeClaimRetentionPolicy"),
        ("spec", "replicas"),
        ("spec", "revisionHistoryLimit"),
        ("spec", "template"),
        ("spec", "updateStrategy"),
    ),
}
"""What changes of a kind whose whole spec does not."""
_DATA = ("binaryData", "data", "immutable", "stringData")


def refused(each: ObjectChange) -> Iterator[Told]:
    """Of an object that changes."""
    kind = each.identity.kind
    if not _replaced(each.new["metadata"].get("annotations") or {}):
        yield from (("immutable-field", change.path) for change in each.fields if _fixed(kind, change))
        if each.old.get("immutable") is True and any(change.keys[0] in _DATA for change in each.fields):
            yield "immutable-field", "data"
    if kind == "PersistentVolumeClaim":
        yield from _claim(each)


def _replaced(annotations: Mapping[str, Any]) -> bool:
    """Whether an engine makes the object anew instead: Argo CD, which otherwise only writes over it, by force."""
    options = {option.strip() for option in str(annotations.get("argocd.argoproj.io/sync-options")).split(",")}
    forced = str(annotations.get("kustomize.toolkit.fluxcd.io/force")).lower() == "enabled"
    return forced or {"Force=true", "Replace=true"} <= options


def _fixed(kind: str, change: Field) -> bool:
    if kind == "Pod" and change.keys[-1] == "image":
        return False
    if any(change.starts(*keys) for keys in _MUTABLE.get(kind, ())):
        return False
    return any(change.starts(*keys) for keys in _IMMUTABLE.get(kind, ()))


def _claim(each: ObjectChange) -> Iterator[Told]:
    old, new = (_of_claim(obj) for obj in (each.old, each.new))
    if old[0] != new[0]:
        yield "pvc-class", f"{short(old[0])} to {short(new[0])}"
    if _less(new[1], old[1]):
        yield "pvc-shrink", f"{short(old[1])} to {short(new[1])}"


def _of_claim(obj: Mapping[str, Any]) -> tuple[Any, Any]:
    """Class and size."""
    spec = obj.get("spec") or {}
    requests = (spec.get("resources") or {}).get("requests") or {}
    return spec.get("storageClassName", ABSENT), requests.get("storage", ABSENT)


def _less(new: Any, old: Any) -> bool:
    if new is ABSENT or old is ABSENT:
        return old is not ABSENT
    try:
        return quantity(new) < quantity(old)
    except (InvalidOperation, TypeError, ValueError):  # of an object that only the API server checks
        return False
