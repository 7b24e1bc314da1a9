"""Rules about who may do what in a cluster: roles and accounts, limits, what judges others."""

import json
from collections.abc import Iterator, Mapping
from decimal import InvalidOperation
from typing import Any

from gpuyard.doors.quantities import quantity
from gpuyard.review.fields import ABSENT, ObjectChange, Told, What
from gpuyard.review.shown import short

__all__ = ["limits", "rights"]

Object = Mapping[str, Any]

_LEVELS = ("privileged", "baseline", "restricted")
_ENFORCE = "pod-security.kubernetes.io/enforce"
_AUTOMOUNT = "automountServiceAccountToken"
_ROLES = frozenset({"ClusterRole", "Role"})
_BINDINGS = frozenset({"ClusterRoleBinding", "RoleBinding"})
_GUARDS = frozenset(
    {
        "ClusterPolicy",
        "LimitRange",
        "MutatingAdmissionPolicyBinding",
        "Policy",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingPolicy",
        "ValidatingWebhookConfiguration",
    }
)
"""What judges other objects."""
_LOOSE = frozenset({"insecure", "insecureSkipVerify", "insecureSkipTLSVerify", "unsafeSsl"})


def rights(each: ObjectChange) -> Iterator[Told]:
    """Of an object that gives rights, has them, or judges who may have them."""
    yield from (("security-loosened", text) for text in _given(each))
    if each.what is What.CHANGED:
        yield from (("security-loosened", text) for text in _had(each))


def _given(each: ObjectChange) -> Iterator[str]:
    kind = each.identity.kind
    if kind in _ROLES:
        yield from (f"allows {short(json.dumps(rule, sort_keys=True))}" for rule in _added(each, "rules"))
    elif kind in _BINDINGS:
        role = (each.new.get("roleRef") or {}).get("name")
        for subject in _added(each, "subjects"):
            yield f"gives {subject.get('kind')} {subject.get('name')} the role {role}"
    elif kind in _GUARDS and each.what is What.REMOVED:
        yield "is gone"


def _had(each: ObjectChange) -> Iterator[str]:
    kind = each.identity.kind
    if kind == "ServiceAccount" and each.old.get(_AUTOMOUNT) is False and each.new.get(_AUTOMOUNT) is not False:
        yield f"{_AUTOMOUNT} is not false"
    if kind == "Namespace":
        yield from _namespace(each)
    if kind in ("HelmRelease", "Kustomization"):
        old, new = ((obj.get("spec") or {}).get("serviceAccountName") for obj in (each.old, each.new))
        if old and old != new:
            yield f"is applied in the name of {new or 'Flux'} and not {old}"
    for change in each.fields:
        if change.keys[0] == "spec" and change.keys[-1] in _LOOSE and change.new in (True, "true"):
            yield f"{change.path} is true: what it talks to is no longer verified"


def _added(each: ObjectChange, key: str) -> list[Any]:
    known = [] if each.what is What.ADDED else [json.dumps(item, sort_keys=True) for item in each.old.get(key) or ()]
    return [item for item in each.new.get(key) or () if json.dumps(item, sort_keys=True) not in known]


def _namespace(each: ObjectChange) -> Iterator[str]:
    levels = [(obj["metadata"].get("labels") or {}).get(_ENFORCE) for obj in (each.old, each.new)]
    old, new = (_LEVELS.index(level) if level in _LEVELS else 0 for level in levels)
    if new < old:
        yield f"{_ENFORCE} from {levels[0]} to {levels[1]}"


def limits(each: ObjectChange, added: list[Object]) -> Iterator[Told]:
    """Of a quota; one that only has another name or namespace is there in `added`."""
    if each.identity.kind != "ResourceQuota":
        return
    before, after = (_gpus(obj) for obj in (each.old, each.new))
    if each.what is What.REMOVED:
        others = [_gpus(obj) for obj in added if obj.get("kind") == "ResourceQuota"]
        if not any(_held(before, other) for other in others):
            yield "gpu-policy-raised", "is gone"
    elif each.what is What.CHANGED:
        for name, old in before.items():
            new = after.get(name, ABSENT)
            if new is ABSENT or _more(new, old):
                yield "gpu-policy-raised", f"{name} from {short(old)} to {short(new)}"
        for key in ("scopes", "scopeSelector"):
            old, new = ((obj.get("spec") or {}).get(key) for obj in (each.old, each.new))
            if before and new and new != old:
                yield "gpu-policy-raised", f"spec.{key}: it no longer counts all pods"


def _gpus(obj: Object) -> Mapping[str, Any]:
    """GPUs, and parts of them, by the names of their resources."""
    hard = (obj.get("spec") or {}).get("hard") or {}
    return {name: value for name, value in hard.items() if name.endswith("/gpu") or ".com/mig-" in name}


def _held(before: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(name in other and not _more(other[name], value) for name, value in before.items())


def _more(new: Any, old: Any) -> bool:
    try:
        return quantity(new) > quantity(old)
    except (InvalidOperation, TypeError, ValueError):
        return True
