"""What decides the number of replicas, and the bounds of it."""

import re

from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.project.stack import Stack
from gpuyard.resolve.problems import Problems

__all__ = ["check"]

_OF_TTFT = ("ttft", "composite")
_READ_BY = {"queue": ("queue", "composite"), "kv": ("kv", "composite"), "upstream": ("upstream",)}
"""Keys below scaling, and the signals that read them."""
_OR_VECTOR = re.compile(r"\bor\s+(on\s*\([^)]*\)\s*)?vector\s*\(", re.IGNORECASE)


def check(blueprint: Blueprint[Inference], stack: Stack, problems: Problems) -> None:
    """Bounds of the blueprint and of each of its shapes, and the signal."""
    whole = blueprint.spec.scaling
    _bounds(blueprint, ("spec", "scaling"), (whole.min, whole.max), (whole.min, whole.max), stack, problems)
    for name, shape in (blueprint.spec.shapes or {}).items():
        given = (shape.scaling.min, shape.scaling.max)
        if given != (None, None):
            low = whole.min if shape.scaling.min is None else shape.scaling.min
            high = whole.max if shape.scaling.max is None else shape.scaling.max
            _bounds(blueprint, ("spec", "shapes", name, "scaling"), given, (low, high), stack, problems)
    _signal(blueprint, problems)


def _bounds(
    blueprint: Blueprint[Inference],
    path: tuple[str, ...],
    given: tuple[int | None, int | None],
    bounds: tuple[int, int],
    stack: Stack,
    problems: Problems,
) -> None:
    """`given` says which of the bounds stand at the path; the others come from elsewhere."""
    low, high = bounds
    if low > high:
        key = "max" if given[0] is None else "min"
        message = (
            f"{low} is more than scaling.max, {high}" if key == "min" else f"{high} is less than scaling.min, {low}"
        )
        problems.add(blueprint.file, (*path, key), message)
    if given[1] is not None and high > stack.policy.max_replicas:
        limit = stack.policy.max_replicas
        problems.add(
            blueprint.file, (*path, "max"), f"{high} is more than spec.policy.maxReplicas of the stack, {limit}"
        )
    if given[0] == 0 and blueprint.spec.scaling.signal != "upstream":
        signal = blueprint.spec.scaling.signal
        problems.add(
            blueprint.file,
            (*path, "min"),
            f"scale to zero needs a signal that exists without pods: {signal} is measured in them, "
            "and nothing would start the first one again; use signal upstream, or min: 1",
        )


def _signal(blueprint: Blueprint[Inference], problems: Problems) -> None:
    scaling, path = blueprint.spec.scaling, ("spec", "scaling")
    lows = [scaling.min, *(shape.scaling.min for shape in (blueprint.spec.shapes or {}).values())]
    if scaling.signal == "upstream":
        if scaling.upstream is None:
            message = "upstream needs scaling.upstream: {query: …, target: …}"
            problems.add(blueprint.file, (*path, "signal"), message)
        elif "vllm:" in scaling.upstream.query and 0 in lows:
            problems.add(
                blueprint.file,
                (*path, "upstream", "query"),
                "scale to zero needs a signal that exists without pods, and metrics of vLLM end with the last one; "
                "ask a gateway or a queue, or use min: 1",
            )
        elif _OR_VECTOR.search(scaling.upstream.query) and any(_lows(blueprint)):
            problems.add(
                blueprint.file,
                (*path, "upstream", "query"),
                "`or vector(…)` is for min: 0 alone: with replicas that stay, a lost metric would look like no load "
                "and take them away, and without it their number is held; leave it out, or use min: 0",
            )
    for key, signals in _READ_BY.items():
        if getattr(scaling, key) is not None and scaling.signal not in signals:
            message = f"is read by signal {' and '.join(signals)} alone, and the signal is {scaling.signal}"
            problems.add(blueprint.file, (*path, key), message, key=True)
    if scaling.signal in _OF_TTFT and blueprint.spec.slo.ttft_seconds is None:
        problems.add(blueprint.file, (*path, "signal"), f"{scaling.signal} needs slo.ttft: what it should stay under")


def _lows(blueprint: Blueprint[Inference]) -> set[int]:
    """The fewest replicas on every shape."""
    least = blueprint.spec.scaling.min
    return {
        least if shape.scaling.min is None else shape.scaling.min for shape in (blueprint.spec.shapes or {}).values()
    } or {least}
