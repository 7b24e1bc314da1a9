"""Objects that are made for a model server, so that no author gives another one the same name."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["MADE", "made_for", "own"]

MADE: Mapping[str, tuple[str, ...]] = {
    "ConfigMap": ("-files",),
    "Deployment": ("",),
    "HTTPRoute": ("",),
    "Ingress": ("",),
    "NetworkPolicy": ("", "-download"),
    "PersistentVolumeClaim": ("-cache",),
    "PodDisruptionBudget": ("",),
    "PodMonitor": ("",),
    "PrometheusRule": ("",),
    "ScaledObject": ("",),
    "Service": ("",),
    "ServiceAccount": ("",),
    "TriggerAuthentication": ("",),
}
"""By kind, what follows the blueprint's name; the Job that downloads has one that nobody meets by chance."""


def made_for(kind: str, name: str) -> Iterator[str]:
    """The blueprints for which an object of that kind and name is made, if there are any."""
    return (name.removesuffix(end) for end in MADE.get(kind, ()) if name.endswith(end))


def own(values: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Index, kind and name of an author's own objects, as far as they can be read."""
    objects = values.get("extraObjects")
    for index, each in enumerate(objects if isinstance(objects, list) else ()):
        metadata = each.get("metadata") if isinstance(each, dict) else None
        if isinstance(metadata, dict):
            yield index, f"{each.get('kind')}/{metadata.get('name')}"
