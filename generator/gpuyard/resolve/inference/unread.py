"""Values that an author gives and that nothing reads on a shape: no object has them, or the fit doesn't count them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gpuyard.catalogue.shippedchart import chart_defaults
from gpuyard.doors.yamlio import Path, show_path
from gpuyard.resolve.inference.values import CHART
from gpuyard.resolve.overrides import Layer, at

__all__ = ["notes"]

Values = Mapping[str, Any]


class _Rule(NamedTuple):
    """Which value, when something reads it, and what that takes."""

    path: str
    read: Callable[[Values], bool]
    takes: str


def _is(path: str, *wanted: object) -> Callable[[Values], bool]:
    return lambda values: _of(values, path) in wanted


def _of(values: Values, path: str) -> Any:
    """As the chart has it, where nobody sets it."""
    names: Path = tuple(path.split("."))
    found = at(values, names)
    return at(chart_defaults(CHART), names) if found is None else found


def _starts_others(values: Values) -> bool:
    """Whether the chart has init containers of its own."""
    return bool(_of(values, "download.enabled") or values.get("ca") or _of(values, "apiKey.secret"))


_EMPTY = "scaling.min is 0"
_RULES = (
    _Rule("autoscaling", _is("autoscaling.enabled", True), "scaling.min and scaling.max differ"),
    _Rule("autoscaling.pollingInterval", _is("autoscaling.minReplicas", 0), _EMPTY),
    _Rule("autoscaling.cooldownPeriod", _is("autoscaling.minReplicas", 0), _EMPTY),
    _Rule("autoscaling.upstream", _is("autoscaling.minReplicas", 0), _EMPTY),
    _Rule("autoscaling.ttft", _is("autoscaling.signal", "ttft", "composite"), "scaling.signal is ttft or composite"),
    _Rule(
        "prometheusRule.slo", lambda values: bool(_of(values, "prometheusRule.slo.ttftSeconds")), "there is slo.ttft"
    ),
    _Rule("download", _is("download.enabled", True), "a Job copies the weights (storage.download)"),
    _Rule("init", _starts_others, "a Job copies the weights, clients need a key or the stack has network.ca"),
    _Rule("httpRoute", _is("httpRoute.enabled", True), "there is expose.host, and the stack has a Gateway"),
    _Rule("ingress", _is("ingress.enabled", True), "there is expose.host, and the stack has an Ingress"),
    *(
        _Rule(f"networkPolicy.{name}", _is("networkPolicy.enabled", True), "networkPolicy.enabled is true")
        for name in ("clientCidrs", "extraEgress", "extraIngress", "internet")
    ),
    _Rule(
        "podDisruptionBudget.maxUnavailable",
        _is("podDisruptionBudget.enabled", True),
        "podDisruptionBudget.enabled is true",
    ),
    _Rule("serviceAccount.annotations", _is("serviceAccount.create", True), "serviceAccount.create is true"),
)


def notes(layers: tuple[Layer, ...], values: Values, gpu: str) -> Iterator[str]:
    """One line for each; `values` are what the chart gets, `gpu` the resource of a whole GPU."""
    part = _of(values, "gpu.resource")
    if part != gpu:
        yield f"it gets {_of(values, 'gpu.count')} {part}, and what fits was computed for so many whole GPUs"
    for layer in layers:
        told: list[Path] = []
        for rule in _RULES:
            path: Path = tuple(rule.path.split("."))
            if at(layer.values, path) in (None, {}) or rule.read(values):
                continue
            if not any(path[: len(other)] == other for other in told):
                told.append(path)
                yield f"{show_path((*layer.path, *path))} has no effect: it is read only where {rule.takes}"
