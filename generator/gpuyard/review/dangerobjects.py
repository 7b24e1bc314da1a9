"""Rules about objects that are not pods: what a cluster refuses, what an engine does otherwise, who gets in and out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from gpuyard.doors.quantities import quantity
from gpuyard.review.fields import ABSENT, Field, ObjectChange, What

__all__ = ["Told", "found"]

Told = tuple[str, str]
"""A rule's id, and the object and field that meets it."""
Object = Mapping[str, Any]

_IMMUTABLE: Mapping[str, Sequence[tuple[str, ...]]] = {
    "ClusterRoleBinding": (("roleRef",),),
    "DaemonSet": (("spec", "selector"),),
    "Deployment": (("spec", "selector"),),
    "Job": (("spec", "completionMode"), ("spec", "completions"), ("spec", "selector"), ("spec", "template")),
    "PersistentVolumeClaim": (
        ("spec", "accessModes"),
        ("spec", "dataSource"),
        ("spec", "selector"),
        ("spec", "volumeMode"),
        ("spec", "volumeName"),
    ),
    "PriorityClass": (("preemptionPolicy",), ("value",)),
    "RoleBinding": (("roleRef",),),
    "Service": (("spec", "clusterIP"),),
    "StatefulSet": (
        ("spec", "podManagementPolicy"),
        ("spec", "selector"),
        ("spec", "serviceName"),
        ("spec", "volumeClaimTemplates"),
    ),
    "StorageClass": (("parameters",), ("provisioner",), ("reclaimPolicy",), ("volumeBindingMode",)),
}
"""Of the Kubernetes API; a class and a size of a claim have rules of their own."""
_DATA = ("binaryData", "data", "stringData")
_REPLACED = {"kustomize.toolkit.fluxcd.io/force": "enabled", "argocd.argoproj.io/sync-options": "Replace=true"}
"""Annotations by which an engine makes an object anew instead."""
_PAUSED = ("autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas", "argocd.argoproj.io/skip-reconcile")
_PRUNING = ("kustomize.toolkit.fluxcd.io/prune", "helm.sh/resource-policy", "argocd.argoproj.io/sync-options")
_SOURCES: Mapping[str, Sequence[tuple[str, ...]]] = {
    "Application": (("spec", "source", "repoURL"), ("spec", "source", "targetRevision"), ("spec", "sources")),
    "ApplicationSet": (("spec", "template", "spec", "source"), ("spec", "template", "spec", "sources")),
    "AppProject": (("spec", "sourceRepos"),),
    "Bucket": (("spec", "endpoint"), ("spec", "bucketName")),
    "GitRepository": (("spec", "url"), ("spec", "ref"), ("spec", "verify"), ("spec", "ignore")),
    "HelmRepository": (("spec", "url"),),
    "OCIRepository": (("spec", "url"), ("spec", "verify")),
}
"""Where an engine reads what it applies. The version of a chart is none of it."""
_PRUNED = (("spec", "prune"), ("spec", "deletionPolicy"), ("spec", "syncPolicy", "automated", "prune"))
_ROUTES = frozenset({"GRPCRoute", "Gateway", "HTTPRoute", "Ingress", "TCPRoute", "TLSRoute"})
_OUTSIDE = frozenset({"LoadBalancer", "NodePort"})
_CHART = (("spec", "releaseName"), ("spec", "targetNamespace"), ("spec", "chart", "spec", "chart"))
_NAMED = frozenset({"HelmRelease", "ScaledObject"})
_LEVELS = ("privileged", "baseline", "restricted")
_ENFORCE = "pod-security.kubernetes.io/enforce"


def found(changes: Sequence[ObjectChange]) -> Iterator[Told]:
    """In the order of the objects."""
    yield from _renamed(changes)
    gone = [each.old for each in changes if each.what is What.REMOVED]
    for each in changes:
        yield from ((rule, f"{each.identity}: {text}") for rule, text in _of_object(each, gone))


def _of_object(each: ObjectChange, gone: Sequence[Object]) -> Iterator[Told]:
    if each.what is What.CHANGED:
        yield from _refused(each)
    yield from _engine(each)
    yield from _source(each)
    yield from _network(each, gone)
    yield from _outside(each)
    yield from _limits(each)


def _refused(each: ObjectChange) -> Iterator[Told]:
    kind, annotations = each.identity.kind, each.new["metadata"].get("annotations") or {}
    if not any(value in str(annotations.get(name)) for name, value in _REPLACED.items()):
        yield from (
            ("immutable-field", change.path)
            for change in each.fields
            if any(change.starts(*keys) for keys in _IMMUTABLE.get(kind, ()))
        )
        if each.old.get("immutable") is True and any(change.keys[0] in _DATA for change in each.fields):
            yield "immutable-field", "data"
    if kind == "PersistentVolumeClaim":
        for change in each.fields:
            if change.starts("spec", "storageClassName"):
                yield "pvc-class", f"{_short(change.old)} to {_short(change.new)}"
            elif change.starts("spec", "resources", "requests", "storage") and _less(change.new, change.old):
                yield "pvc-shrink", f"{_short(change.old)} to {_short(change.new)}"


def _less(new: Any, old: Any) -> bool:
    try:
        return quantity(new) < quantity(old)
    except (InvalidOperation, TypeError, ValueError):  # of an object that only the API server checks
        return False


def _renamed(changes: Sequence[ObjectChange]) -> Iterator[Told]:
    for old in (each for each in changes if each.what is What.REMOVED and each.identity.kind in _NAMED):
        for new in (each for each in changes if each.what is What.ADDED and each.identity.kind == old.identity.kind):
            if old.identity.name != new.identity.name and _chart(old.old) == _chart(new.new):
                yield "renamed", f"{old.identity} to {new.identity.name}"
    for each in changes:
        if each.identity.kind == "HelmRelease":
            for change in each.fields:
                if change.keys in _CHART:
                    yield "renamed", f"{each.identity}: {change.path}"


def _chart(obj: Object) -> Any:
    """Of a release; a blueprint has one autoscaler."""
    return ((obj["spec"].get("chart") or {}).get("spec") or {}).get("chart")


def _engine(each: ObjectChange) -> Iterator[Told]:
    annotations = {side: (obj.get("metadata", {}).get("annotations") or {}) for side, obj in _sides(each)}
    spec = {side: obj.get("spec") or {} for side, obj in _sides(each)}
    if spec["new"].get("suspend") is True and spec["old"].get("suspend") is not True:
        yield "suspended", "spec.suspend"
    for name in _PAUSED:
        value = annotations["new"].get(name)
        if value not in (None, "false") and value != annotations["old"].get(name):
            yield "suspended", name
    if each.what is What.CHANGED:
        for change in each.fields:
            if change.keys in _PRUNED:
                yield "prune-changed", f"{change.path} from {_short(change.old)} to {_short(change.new)}"
        for name in _PRUNING:
            if annotations["new"].get(name) != annotations["old"].get(name):
                yield "prune-changed", name


def _source(each: ObjectChange) -> Iterator[Told]:
    chart = "chart" in ((each.new.get("spec") or {}).get("source") or {})
    for change in each.fields if each.what is What.CHANGED else ():
        followed = any(change.starts(*keys) for keys in _SOURCES.get(each.identity.kind, ()))
        if followed and not (chart and change.keys[-1] == "targetRevision"):
            yield "source-moved", f"{change.path} from {_short(change.old)} to {_short(change.new)}"


def _short(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:80]


def _sides(each: ObjectChange) -> Iterator[tuple[str, Object]]:
    yield "old", each.old
    yield "new", each.new


def _network(each: ObjectChange, gone: Sequence[Object]) -> Iterator[Told]:
    """One that goes with all of its pods opens nothing."""
    if each.identity.kind != "NetworkPolicy":
        return
    if each.what is What.REMOVED:
        wanted = (each.old["spec"].get("podSelector") or {}).get("matchLabels") or {}
        if not any(wanted.items() <= _labels(obj).items() for obj in gone if _labels(obj)):
            yield "network-opened", "is gone"
    elif each.what is What.CHANGED:
        old, new = each.old.get("spec", {}), each.new.get("spec", {})
        for way in ("ingress", "egress"):
            known = {json.dumps(rule, sort_keys=True) for rule in old.get(way) or ()}
            if any(json.dumps(rule, sort_keys=True) not in known for rule in new.get(way) or ()):
                yield "network-opened", f"spec.{way} has a rule that it did not have"
        if lost := sorted(set(old.get("policyTypes") or ()) - set(new.get("policyTypes") or ())):
            yield "network-opened", f"spec.policyTypes lacks {', '.join(lost)}"
        if old.get("podSelector") != new.get("podSelector"):
            yield "network-opened", "spec.podSelector is about other pods"


def _labels(obj: Object) -> Mapping[str, str]:
    """Of the pods that it makes."""
    template = (obj.get("spec") or {}).get("template") or {}
    return (template.get("metadata") or {}).get("labels") or {}


def _outside(each: ObjectChange) -> Iterator[Told]:
    kind, spec = each.identity.kind, {side: obj.get("spec") or {} for side, obj in _sides(each)}
    if kind in _ROUTES:
        hosts = {side: _hosts(found) for side, found in spec.items()}
        if new := sorted(hosts["new"] - hosts["old"]):
            yield "host-exposed", ", ".join(new)
        elif each.what is What.ADDED:
            yield "host-exposed", "every host"
    elif kind == "Service" and spec["new"].get("type") in _OUTSIDE and spec["old"].get("type") not in _OUTSIDE:
        yield "host-exposed", f"type {spec['new']['type']}"


def _hosts(spec: Mapping[str, Any]) -> set[str]:
    """Of an Ingress, a Gateway or a route."""
    several = (*(spec.get("rules") or ()), *(spec.get("listeners") or ()))
    named = {each.get(key) for each in several if isinstance(each, dict) for key in ("host", "hostname")}
    return {str(each) for each in {*named, *(spec.get("hostnames") or ())} if each}


def _limits(each: ObjectChange) -> Iterator[Told]:
    if each.identity.kind == "ResourceQuota":
        if each.what is What.REMOVED:
            yield "gpu-policy-raised", "is gone"
        for change in each.fields:
            if change.starts("spec", "hard") and change.keys[-1].endswith("/gpu") and _raised(change):
                yield "gpu-policy-raised", f"{change.keys[-1]} from {_short(change.old)} to {_short(change.new)}"
    if each.identity.kind == "Namespace" and each.what is What.CHANGED:
        levels = [obj["metadata"].get("labels", {}).get(_ENFORCE) for _, obj in _sides(each)]
        old, new = (_LEVELS.index(level) if level in _LEVELS else 0 for level in levels)
        if new < old:
            yield "security-loosened", f"{_ENFORCE} from {levels[0]} to {levels[1]}"


def _raised(change: Field) -> bool:
    if change.new is ABSENT:
        return True
    try:
        return change.old is not ABSENT and Decimal(str(change.new)) > Decimal(str(change.old))
    except InvalidOperation:
        return True
