"""A diff for machines: the same keys whatever changed; diff.schema.json has their types."""

from typing import Any

from gpuyard.review.danger import Danger
from gpuyard.review.diff import ClusterDiff, Diff, Group, Model
from gpuyard.review.fields import ObjectChange
from gpuyard.review.served import Served, Sum
from gpuyard.review.shown import one_line, shown

__all__ = ["as_data"]


def as_data(found: Diff) -> dict[str, Any]:
    """All of it; values as people read them, cut where they are long."""
    return {
        "base": {"name": found.base.name, "commit": found.base.commit},
        "engine": found.engine,
        "changed": not found.empty,
        "danger": found.dangerous,
        "clusters": [_cluster(each) for each in found.clusters],
        "dangers": [_danger(each, found.engine) for each in found.dangers],
        "consequences": [
            {"cluster": each.cluster, "blueprint": each.blueprint, "effect": each.effect.value, "message": each.message}
            for each in found.consequences
        ],
        "objects": [_group(each) for each in found.groups],
        "unread": [one_line(each) for each in found.unread],
        "files": list(found.files),
        "notes": list(found.notes),
    }


def _cluster(each: ClusterDiff) -> dict[str, Any]:
    return {
        "cluster": each.name,
        "before": _sum(each.before),
        "after": _sum(each.after),
        "models": [_model(model) for model in each.models],
    }


def _sum(each: Sum) -> dict[str, Any]:
    pairs: dict[str, tuple[float, float]] = {"gpus": each.gpus, "nodes": each.nodes}
    pairs |= {"usdPerHour": each.usd_per_hour, "usdPerMonth": each.usd_per_month}
    return {name: {"min": pair[0], "max": pair[1]} for name, pair in pairs.items()}


def _model(each: Model) -> dict[str, Any]:
    return {
        "blueprint": each.name,
        "change": each.fate.value,
        "before": _served(each.before, each.shapes[0]),
        "after": _served(each.after, each.shapes[1]),
    }


def _served(each: Served | None, shape: str) -> dict[str, Any] | None:
    if each is None:
        return None
    return {
        "shape": shape,
        "gpus": each.gpus,
        "replicas": {"min": each.few, "max": each.many},
        "context": each.context,
        "nodes": list(each.nodes),
        "images": [one_line(image) for image in each.images],
    }


def _danger(each: Danger, engine: str) -> dict[str, Any]:
    return {
        "id": each.rule.id,
        "severity": each.rule.severity.value,
        "clusters": list(each.clusters),
        "blueprint": each.blueprint or None,
        "what": each.rule.what,
        "detail": one_line(each.detail),
        "consequence": each.rule.consequence.get(engine, ""),
    }


def _group(each: Group) -> dict[str, Any]:
    return {
        "blueprint": each.blueprint or None,
        "shape": each.shape or None,
        "clusters": list(each.clusters),
        "changes": [_change(change) for change in each.told],
        "relabelled": len(each.changes) - len(each.told),
    }


def _change(each: ObjectChange) -> dict[str, Any]:
    fields = []
    for change in each.fields:
        old, new = shown(change, each.identity.kind)
        fields.append({"path": one_line(change.path), "old": old, "new": new})
    return {
        "kind": one_line(each.identity.kind),
        "namespace": one_line(each.identity.namespace) or None,
        "name": one_line(each.identity.name),
        "change": each.what.value,
        "fields": fields,
    }
