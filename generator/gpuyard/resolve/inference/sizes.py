"""Sizes among the values that don't go together: Kubernetes refuses the pod, or evicts it once it is full."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.shippedchart import chart_defaults
from gpuyard.doors.quantities import quantity
from gpuyard.doors.schema import Breach
from gpuyard.doors.yamlio import Path
from gpuyard.resolve.inference.values import CHART
from gpuyard.resolve.overrides import at

__all__ = ["find"]

Values = Mapping[str, Any]

_RESOURCES: tuple[Path, ...] = (("resources",), ("init", "resources"), ("download", "resources"))
_MEMORY: Path = ("resources", "limits", "memory")
_DISK: Path = ("resources", "limits", "ephemeral-storage")
_SHARED: Path = ("sharedMemory", "size")
_SCRATCH: Path = ("scratch", "size")


def find(values: Values, computed: Values) -> Iterator[Breach]:
    """Each at what the author changed of the two; `computed` is what it was before."""
    for group in _RESOURCES:
        yield from _requests(values, computed, group)
    limit, shared = _given(values, _MEMORY), _given(values, _SHARED)
    if limit is not None and quantity(shared) >= quantity(limit):
        message = f"shared memory of {shared} counts against the memory limit, {limit}, and must be smaller"
        yield Breach(_changed(values, computed, _SHARED, _MEMORY), message)
    yield from _disk(values, computed)


def _requests(values: Values, computed: Values, group: Path) -> Iterator[Breach]:
    names = {**at(chart_defaults(CHART), (*group, "requests")), **(at(values, (*group, "requests")) or {})}
    for name in names:
        request: Path = (*group, "requests", name)
        limit: Path = (*group, "limits", name)
        asked, most = _given(values, request), _given(values, limit)
        if asked is not None and most is not None and quantity(asked) > quantity(most):
            message = f"the request, {asked}, is more than the limit, {most}, which Kubernetes refuses"
            yield Breach(_changed(values, computed, request, limit), message)
        elif asked is not None and asked != most and ("/" in name or name.startswith("hugepages-")):
            message = f"Kubernetes refuses a request for {name} without an equal limit; set the limit to {asked}, too"
            yield Breach(request, message)


def _disk(values: Values, computed: Values) -> Iterator[Breach]:
    """Of the node: /tmp, the home folder, and a cache that is no volume of its own."""
    limit, scratch = _given(values, _DISK), _given(values, _SCRATCH)
    cached = _given(values, ("cache", "size")) if _given(values, ("cache", "kind")) == "emptyDir" else 0
    if limit is None or 2 * quantity(scratch) + quantity(cached) <= quantity(limit):
        return
    parts = f"temporary files and the home folder of {scratch} each" + (f" and a cache of {cached}" if cached else "")
    message = f"{parts} do not fit into the limit of ephemeral-storage, {limit}, beyond which a pod is evicted"
    yield Breach(_changed(values, computed, _SCRATCH, _DISK), message)


def _given(values: Values, path: Path) -> Any:
    """What the chart gets there; None: nothing, or an author has taken it away."""
    found: Any = values
    for name in path:
        if found is None:
            return None
        if not isinstance(found, Mapping) or name not in found:
            return at(chart_defaults(CHART), path)
        found = found[name]
    return found


def _changed(values: Values, computed: Values, *paths: Path) -> Path:
    return next((path for path in paths if at(values, path) != at(computed, path)), paths[0])
