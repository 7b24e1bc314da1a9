"""What decides the number of replicas, and the bounds of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gpuyard.doors.yamlio import show_path
from gpuyard.fit.budget import Budget
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.project.stack import Stack
from gpuyard.resolve.inference import query
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.problems import Problems

__all__ = ["Bound", "arrival", "away", "bounds", "check", "surge", "sync_timeout"]

_WHOLE = ("spec", "scaling")
_OF_TTFT = ("ttft", "composite")
_READ_BY = {"queue": ("queue", "composite"), "kv": ("kv", "composite"), "upstream": ("upstream",)}
"""Keys below scaling, and the signals that read them."""
_WITHOUT_SERIES = ("a value without series", "`or vector(…)`")
_SOME = 2
"""Replicas of which one serves while another one is replaced."""
_SURGE = "25%"
"""What Kubernetes does where a strategy does not say."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The fewest or the most replicas on a shape, and the place that decides it."""

    value: int
    path: tuple[str, ...]

    @property
    def of_shape(self) -> bool:
        """Whether the shape's own entry decides it, and not what holds for the whole blueprint."""
        return self.path[1] == "shapes"


def bounds(blueprint: Blueprint[Inference]) -> tuple[tuple[Bound, Bound], ...]:
    """The fewest and the most replicas on every shape; what each of the shapes replaces holds nowhere."""
    low = Bound(blueprint.spec.scaling.min, (*_WHOLE, "min"))
    high = Bound(blueprint.spec.scaling.max, (*_WHOLE, "max"))
    if blueprint.spec.shapes is None:
        return ((low, high),)
    found = []
    for name, shape in blueprint.spec.shapes.items():
        path = ("spec", "shapes", name, "scaling")
        own_low = low if shape.scaling.min is None else Bound(shape.scaling.min, (*path, "min"))
        own_high = high if shape.scaling.max is None else Bound(shape.scaling.max, (*path, "max"))
        found.append((own_low, own_high))
    return tuple(found)


def check(blueprint: Blueprint[Inference], stack: Stack, problems: Problems) -> None:
    """The bounds on every shape, and the signal."""
    for low, high in bounds(blueprint):
        _bounds(blueprint, low, high, stack.policy.max_replicas, problems)
        _query(blueprint, low, problems)
    _signal(blueprint, problems)


def surge(values: Mapping[str, Any], replicas: int) -> int:
    """Replicas that a rollout may add to all of them, by the values of the chart."""
    strategy = values.get("strategy") or {"type": "Recreate"}  # without one the chart replaces pods in place
    if strategy.get("type") == "Recreate":
        return 0
    most = (strategy.get("rollingUpdate") or {}).get("maxSurge", _SURGE)
    return most if isinstance(most, int) else math.ceil(replicas * int(most.removesuffix("%")) / 100)


def away(values: Mapping[str, Any], server: Server) -> int:
    """Seconds in which a rollout leaves nobody to serve: one replica that goes before the next one comes."""
    in_turn = (values.get("strategy") or {}).get("type") != "Recreate"
    if surge(values, server.max_replicas) or (server.min_replicas >= _SOME and in_turn):
        return 0
    return server.budget.schedule + server.budget.start


def arrival(values: Mapping[str, Any], server: Server) -> int:
    """Seconds until a pod of a rollout is ready: without a surge it first waits for the end of the old one."""
    budget = _budget(values, server)
    return budget.schedule + budget.start + (0 if surge(values, server.max_replicas) else budget.grace)


def sync_timeout(values: Mapping[str, Any], server: Server) -> int:
    """Seconds that an engine waits for a rollout."""
    return _budget(values, server).sync_timeout


def _budget(values: Mapping[str, Any], server: Server) -> Budget:
    """With the times of a pod's end that the chart gets."""
    drain = values["drain"]
    return replace(server.budget, pre_stop=drain["preStopSeconds"], shutdown_margin=drain["marginSeconds"])


def _bounds(blueprint: Blueprint[Inference], low: Bound, high: Bound, limit: int, problems: Problems) -> None:
    """Where only one of the two is a shape's own, that one is wrong: the other may be right elsewhere."""
    if low.value > high.value and high.of_shape and not low.of_shape:
        problems.add(blueprint.file, high.path, f"{high.value} is less than scaling.min, {low.value}")
    elif low.value > high.value:
        problems.add(blueprint.file, low.path, f"{low.value} is more than scaling.max, {high.value}")
    if high.value > limit:
        message = f"{high.value} is more than spec.policy.maxReplicas of the stack, {limit}"
        problems.add(blueprint.file, high.path, message)
    if low.value == 0 and blueprint.spec.scaling.signal != "upstream":
        problems.add(
            blueprint.file,
            low.path,
            f"scaling to zero needs a signal that exists without pods: {blueprint.spec.scaling.signal} is measured in "
            "them, so nothing would start the first one again; use signal upstream, or min: 1",
        )


def _query(blueprint: Blueprint[Inference], low: Bound, problems: Problems) -> None:
    """What the query of signal upstream is worth while no replica runs, or while some stay."""
    if blueprint.spec.scaling.signal != "upstream" or blueprint.spec.scaling.upstream is None:
        return
    found, path = query.read(blueprint), (*_WHOLE, "upstream", "query")
    if found is None:
        return
    where = f" ({show_path(low.path)} is {low.value})" if low.of_shape else ""
    if low.value == 0 and any(each.may_read("vllm:") for each in found.selectors):
        problems.add(
            blueprint.file,
            path,
            f"scaling to zero needs a signal that exists without pods{where}, and metrics of vLLM end with the last "
            "one; ask a gateway or a queue, or use min: 1",
        )
    elif low.value and found.fallback:
        problems.add(
            blueprint.file,
            path,
            f"{_WITHOUT_SERIES[found.alternative]} is only for min: 0; with min: 1 or more{where}, a lost metric would "
            "look like no load and replicas would be removed; leave it out, or use min: 0",
        )


def _signal(blueprint: Blueprint[Inference], problems: Problems) -> None:
    scaling, path = blueprint.spec.scaling, _WHOLE
    if scaling.signal == "upstream" and scaling.upstream is None:
        problems.add(blueprint.file, (*path, "signal"), "upstream needs scaling.upstream: {query: …, target: …}")
    for key, signals in _READ_BY.items():
        if getattr(scaling, key) is not None and scaling.signal not in signals:
            message = f"only applies to signals {' and '.join(signals)}, and the signal is {scaling.signal}"
            problems.add(blueprint.file, (*path, key), message, key=True)
    if scaling.signal in _OF_TTFT and blueprint.spec.slo.ttft_seconds is None:
        problems.add(
            blueprint.file,
            (*path, "signal"),
            f"{scaling.signal} needs slo.ttft, the target for the time to first token",
        )
