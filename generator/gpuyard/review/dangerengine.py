"""Rules about what an engine does otherwise: what it no longer acts on, deletes, or reads from somewhere else."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpuyard.review.fields import ABSENT, Field, ObjectChange, Told, What
from gpuyard.review.shown import short

__all__ = ["at", "engine"]

Object = Mapping[str, Any]
Paths = Sequence[tuple[str, ...]]

_SUSPENDING: Mapping[tuple[str, ...], tuple[Any, ...]] = {
    ("spec", "paused"): (True,),
    ("spec", "stopPolicy"): ("Hold", "HoldAndDrain"),
    ("spec", "suspend"): (True,),
    ("spec", "syncPolicy", "automated", "enabled"): (False,),
}
_PAUSED: Mapping[str, frozenset[str]] = {
    "argocd.argoproj.io/skip-reconcile": frozenset({"false"}),
    "autoscaling.keda.sh/paused": frozenset({"false"}),
    "autoscaling.keda.sh/paused-replicas": frozenset(),
    "autoscaling.keda.sh/paused-scale-in": frozenset({"false"}),
    "autoscaling.keda.sh/paused-scale-out": frozenset({"false"}),
    "cluster.x-k8s.io/paused": frozenset(),
    "helm.toolkit.fluxcd.io/driftDetection": frozenset({"enabled"}),
    "kustomize.toolkit.fluxcd.io/reconcile": frozenset({"enabled"}),
    "kustomize.toolkit.fluxcd.io/ssa": frozenset({"IfNotPresent", "Merge", "Override"}),
}
"""Annotations, and with what value they pause nothing."""
_PRUNING = ("kustomize.toolkit.fluxcd.io/prune", "helm.sh/resource-policy", "argocd.argoproj.io/sync-options")
_HOLDERS = frozenset(
    {"CustomResourceDefinition", "Namespace", "PersistentVolume", "PersistentVolumeClaim", "VolumeSnapshot"}
)
"""Kinds with which more goes than an object that could be made again."""
_KEPT = {
    "argocd.argoproj.io/sync-options": "Prune=false",
    "helm.sh/resource-policy": "keep",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
_PRUNED: Paths = (
    ("metadata", "finalizers"),
    ("reclaimPolicy",),
    ("spec", "deletionPolicy"),
    ("spec", "persistentVolumeClaimRetentionPolicy"),
    ("spec", "persistentVolumeReclaimPolicy"),
    ("spec", "prune"),
    ("spec", "syncPolicy", "applicationsSync"),
    ("spec", "syncPolicy", "automated", "prune"),
    ("spec", "syncPolicy", "preserveResourcesOnDeletion"),
    ("spec", "template", "metadata", "finalizers"),
    ("spec", "template", "spec", "syncPolicy", "automated", "prune"),
    ("spec", "uninstall"),
)
_ARGO = ("source", "sources")
_SOURCES: Mapping[str, Paths] = {
    "Application": tuple(("spec", each) for each in _ARGO),
    "ApplicationSet": tuple(("spec", "template", "spec", each) for each in _ARGO),
    "AppProject": (("spec", "signatureKeys"), ("spec", "sourceRepos")),
    "Bucket": (("spec", "bucketName"), ("spec", "endpoint"), ("spec", "insecure")),
    "GitRepository": (("spec", "ignore"), ("spec", "ref"), ("spec", "url"), ("spec", "verify")),
    "HelmRelease": (("spec", "chart", "spec", "sourceRef"), ("spec", "chart", "spec", "verify"), ("spec", "chartRef")),
    "HelmRepository": (("spec", "insecure"), ("spec", "url")),
    "Kustomization": (("spec", "sourceRef"),),
    "OCIRepository": (("spec", "insecure"), ("spec", "ref"), ("spec", "url"), ("spec", "verify")),
}
"""Where an engine reads what it applies. The version of a chart is none of it."""
_READ = frozenset({"chart", "ref", "repoURL", "source", "sources", "targetRevision"})
"""Of a source of Argo CD: the rest is what a chart is given, or a folder."""
_VERSION = re.compile(r"v?\d+\.\d+\.\d+(?:[-+].*)?")


def engine(each: ObjectChange, *, of_stack: bool) -> Iterator[Told]:
    """Of an object; from where Flux reads the models is said once, with the stack."""
    if each.what is What.REMOVED:
        annotations = _annotations(each.old)
        kept = any(value in str(annotations.get(name)) for name, value in _KEPT.items())
        if each.identity.kind in _HOLDERS and not kept:
            yield "data-deleted", "is deleted"
        return
    yield from _suspended(each)
    if each.what is What.CHANGED:
        yield from _pruned(each)
        for change in each.fields:
            if _moves(each, change) and (of_stack or each.identity.kind != "Kustomization"):
                yield "source-moved", f"{change.path} from {short(change.old)} to {short(change.new)}"


def _suspended(each: ObjectChange) -> Iterator[Told]:
    for keys, values in _SUSPENDING.items():
        old, new = (at(obj, keys) for obj in (each.old, each.new))
        if new in values and old not in values:
            yield "suspended", ".".join(keys)
    old, new = (_annotations(obj) for obj in (each.old, each.new))
    for name, harmless in _PAUSED.items():
        if name in new and str(new[name]) not in harmless and new[name] != old.get(name):
            yield "suspended", name
    before, after = (at(obj, ("spec", "syncPolicy", "automated")) for obj in (each.old, each.new))
    if before not in (ABSENT, None) and after in (ABSENT, None) and each.what is What.CHANGED:
        yield "suspended", "spec.syncPolicy.automated"


def _pruned(each: ObjectChange) -> Iterator[Told]:
    for keys in _PRUNED:
        old, new = (at(obj, keys) for obj in (each.old, each.new))
        if repr(old) != repr(new):
            yield "prune-changed", f"{'.'.join(keys)} from {short(old)} to {short(new)}"
    for name in _PRUNING:
        if _annotations(each.new).get(name) != _annotations(each.old).get(name):
            yield "prune-changed", name
    old, new = (_without_prune(obj) for obj in (each.old, each.new))
    if old != new:
        yield "prune-changed", "spec.syncPolicy.syncOptions"


def _without_prune(obj: Object) -> set[str]:
    options = at(obj, ("spec", "syncPolicy", "syncOptions"))
    return {str(each) for each in (options if isinstance(options, list) else ()) if "Prune" in str(each)}


def _moves(each: ObjectChange, change: Field) -> bool:
    kind = each.identity.kind
    if not any(change.starts(*keys) for keys in _SOURCES.get(kind, ())):
        return False
    if change.starts("spec", "verify") and change.old in (ABSENT, None):
        return False  # what is verified from now on is no surprise
    if kind in ("Application", "ApplicationSet"):
        chart = at(each.new, ("spec", "source", "chart")) is not ABSENT
        read = change.keys[-1] in _READ and "helm" not in change.keys
        return read and not (chart and change.keys[-1] == "targetRevision")
    if kind == "OCIRepository" and change.starts("spec", "ref"):
        return not all(_versions(obj) for obj in (each.old, each.new))
    if change.keys[-1] == "insecure":
        return change.new is True
    return True


def _versions(obj: Object) -> bool:
    """Whether it follows a release by its number, as a chart: another number is no other source."""
    tag = at(obj, ("spec", "ref", "tag"))
    return isinstance(tag, str) and bool(_VERSION.fullmatch(tag))


def at(obj: Object, keys: tuple[str, ...]) -> Any:
    """The value at a path, or ABSENT."""
    found: Any = obj
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            return ABSENT
        found = found[key]
    return found


def _annotations(obj: Object) -> Mapping[str, Any]:
    return (obj.get("metadata") or {}).get("annotations") or {}
