"""Scenes of the dashboard, and what every query of every panel answers in them; pods and engines all differ."""

from tests.promql.promtool import Samples, Scene, Series
from tests.promql.series import PODS, autoscaler, condition, deployment, histogram, keda, others, vllm

__all__ = ["ANSWERS", "ZERO", "scene"]

_MINUTES = 60
_A, _B = PODS
_HISTOGRAMS = {  # seconds of the first bound; the second is twice as much
    "time_to_first_token_seconds": 1.0,
    "inter_token_latency_seconds": 0.1,
    "e2e_request_latency_seconds": 10.0,
    "request_queue_time_seconds": 0.5,
}
_COUNTERS = {  # a minute, of each pod
    "prompt_tokens_total": (6000, 3000),
    "generation_tokens_total": (1200, 600),
    "prefix_cache_queries_total": (100, 300),
    "prefix_cache_hits_total": (50, 30),
    "num_preemptions_total": (6, 3),
}


def _gauges(busy: int) -> Series:
    found = {}
    for pod, engine, running, waiting, cache in ((_A, "0", 5, 2, 0.6), (_A, "1", 4, 1, 0.8), (_B, "0", 3, 7, 0.3)):
        values = {"num_requests_running": running, "num_requests_waiting": waiting, "kv_cache_usage_perc": cache}
        found.update({vllm(name, pod, engine): f"{value * busy}x{_MINUTES}" for name, value in values.items()})
    return found


def _grows(step: int) -> str:
    return f"0+{step}x{_MINUTES}"


def _counters(busy: int) -> Series:
    found = {}
    for pod, index in ((_A, 0), (_B, 1)):
        for name, steps in _COUNTERS.items():
            found[vllm(name, pod)] = _grows(steps[index] * busy)
        found[vllm("request_success_total", pod, finished_reason="stop")] = _grows((60, 120)[index] * busy)
        found[vllm("request_success_total", pod, finished_reason="length")] = _grows((30, 0)[index] * busy)
        found[vllm("admission_rejections_total", pod, reason="max_num_queued_reqs")] = _grows((6, 12)[index] * busy)
        for name, bound in _HISTOGRAMS.items():
            below, all_of_them = _grows((30, 60)[index] * busy), _grows(60 * busy)
            buckets = {f"{bound}": below, f"{2 * bound}": all_of_them, "+Inf": all_of_them}
            found.update(histogram(name, buckets, pod))
    return found


def _cluster(wanted: int, ready: int, busy: int) -> Series:
    return {
        deployment("spec_replicas"): f"{wanted}x{_MINUTES}",
        deployment("status_replicas_available"): f"{ready}x{_MINUTES}",
        autoscaler("spec_max_replicas"): f"4x{_MINUTES}",
        condition("Fallback"): f"{busy}x{_MINUTES}",
        condition("Ready"): f"1x{_MINUTES}",
        keda("scaler_empty_upstream_responses_total"): _grows(16 * busy),
        keda("scaler_http_requests_total", status_code="200"): _grows(16),
        keda("scaler_http_requests_total", status_code="503"): _grows(2 * busy),
        keda("scaled_object_errors_total"): _grows(busy),
    }


_SERIES = {
    "busy": {**_gauges(1), **_counters(1), **_cluster(3, 2, 1)},
    "idle": {**_gauges(0), **_counters(0), **_cluster(2, 2, 0)},
    "blind": Series(),
}
ZERO: Series = _cluster(0, 0, 0)
"""A model that has had no pod for hours."""


def _one(value: float) -> Samples:
    return {"{}": value}


def _pods(a: float, b: float) -> Samples:
    return {f'{{pod="{_A}"}}': a, f'{{pod="{_B}"}}': b}


def _quantiles(bound: float) -> list[tuple[Samples, Samples]]:
    """Of 120 a minute, 90 are below the bound and the rest below twice as much; without any there is no quantile."""
    return [(_one(bound * 60 / 90), {}), (_one(bound * 1.8), {})]


_REASONS = ('{finished_reason="stop"}', '{finished_reason="length"}')
_BOUNDS = tuple(_HISTOGRAMS.values())
ANSWERS: dict[str, list[tuple[Samples, Samples]]] = {
    "Running": [(_pods(9, 3), _pods(0, 0))],
    "Waiting": [(_pods(3, 7), _pods(0, 0))],
    "Requests": [(dict(zip(_REASONS, (3, 0.5), strict=True)), dict.fromkeys(_REASONS, 0)), (_one(0.3), _one(0))],
    "Tokens": [(_one(150), _one(0)), (_one(30), _one(0))],
    "Time to first token": _quantiles(_BOUNDS[0]),
    "Between tokens": _quantiles(_BOUNDS[1]),
    "Whole request": _quantiles(_BOUNDS[2]),
    "Queue": _quantiles(_BOUNDS[3]),
    "KV cache used": [(_pods(0.8, 0.3), _pods(0, 0))],
    "Prefix cache hits": [(_one(0.2), {})],
    "Preemptions": [(_one(0.15), _one(0))],
    "Servers": [(_one(3), _one(2)), (_one(2), _one(2)), (_one(4), _one(4))],
    "Fallback": [(_one(1), _one(0)), (_one(95), _one(0))],
}
"""By panel, of each of its queries: busy and idle."""


def scene(name: str, asked: list[tuple[str, str]]) -> Scene:
    """Titles and expressions of every panel in one state, with busy neighbours that mustn't count; NaN is nothing."""
    index = {"busy": 0, "idle": 1, "blind": None}[name]
    wanted = [query for answers in ANSWERS.values() for query in answers]
    answers = [
        (f"({expression}) >= 0", f"{_MINUTES}m", Samples() if index is None else want[index])
        for (_, expression), want in zip(asked, wanted, strict=True)
    ]
    return Scene(name, {**others(_SERIES["busy"]), **_SERIES[name]}, answers, interval="1m")
