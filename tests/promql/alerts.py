"""Scenes of the alerts: from a minute on something is wrong, or everything stays well."""

from dataclasses import dataclass, field
from typing import Any

from tests.promql.promtool import Scene, Series
from tests.promql.series import PODS, autoscaler, deployment, histogram, keda_errors, pod, pod_series, vllm

__all__ = ["CASES", "SILENT", "Case", "fires", "measured", "silent", "well"]

AT = 180  # minutes: longer than the start budget; before it everything is well
LONG_AT = 400  # longer than the longest window
END = 560
QUIET = 400  # minutes that are looked at where nothing may fire
BUDGET = 9900  # seconds, of the chart's test values


def _until(before: str, after: str, at: int = AT) -> str:
    """One value, and another from a minute on."""
    return f"{before}x{at - 1} {after}x{END - at}"


def _grows(step: int, at: int = AT) -> str:
    """A counter that begins to grow: the first new count stands in the minute after."""
    return f"0x{at} {step}+{step}x{END - at}"


def _once(step: int, at: int = AT) -> str:
    """A counter that grows once."""
    return f"0x{at} {step}x{END - at}"


def _goes_on(step: int, at: int = AT) -> str:
    """A counter that stops."""
    return f"0+{step}x{at} {step * at}x{END - at}"


_ALWAYS, _NEVER = f"0+60x{END}", f"0x{END}"


def _served() -> Series:
    """Two busy servers as Prometheus scrapes them."""
    found: Series = {}
    for name in PODS:
        for metric, values in {
            "num_requests_running": f"5x{END}",
            "num_requests_waiting": _NEVER,
            "kv_cache_usage_perc": f"0.6x{END}",
            "num_preemptions_total": _NEVER,
        }.items():
            found[vllm(metric, name)] = values
        found[vllm("admission_rejections_total", name, reason="max_num_queued_reqs")] = _NEVER
        quick = {"0.3": _ALWAYS, "2.5": _ALWAYS, "5.0": _ALWAYS, "10.0": _ALWAYS, "+Inf": _ALWAYS}
        for metric in ("time_to_first_token", "request_queue_time"):
            found.update(histogram(f"{metric}_seconds", quick, name))
    return found


def _replicas(available: str, wanted: str, *, created: str = _NEVER) -> Series:
    return {
        deployment("status_replicas_available"): available,
        deployment("spec_replicas"): wanted,
        deployment("created"): created,
    }


def _scaled(desired: str, inactive: str = _NEVER) -> Series:
    return {
        autoscaler("status_desired_replicas"): desired,
        autoscaler("spec_max_replicas"): f"4x{END}",
        autoscaler("status_condition", ',condition="ScalingActive",status="false"'): inactive,
        keda_errors(): _NEVER,
    }


def well() -> Series:
    """Two servers, busy, ready and scaled."""
    found = {**_served(), **_replicas(f"2x{END}", f"2x{END}"), **_scaled(f"2x{END}")}
    for name in PODS:
        found.update(pod(name, created=_NEVER, ready=f"1x{END}"))
    return found


def measured() -> Series:
    """What only the dashboard reads."""
    found = well()
    for metric in ("prompt_tokens", "generation_tokens", "prefix_cache_queries", "prefix_cache_hits"):
        found[vllm(f"{metric}_total")] = _ALWAYS
    found[vllm("request_success_total", finished_reason="stop")] = _ALWAYS
    for metric in ("inter_token_latency", "e2e_request_latency"):
        found.update(histogram(f"{metric}_seconds", {"0.3": _ALWAYS, "+Inf": _ALWAYS}))
    return found


def _idle() -> Series:
    """The same, and nobody asks anything."""
    return {key: _NEVER if key.startswith("vllm:") else values for key, values in well().items()}


@dataclass(frozen=True)
class Case:
    """An alert: true from a minute on, with these labels more and this description."""

    alert: str
    since: int
    says: str
    changes: Series
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """What else fires then."""

    @property
    def series(self) -> Series:
        """Everything is well, but for the changes."""
        kept = {key: values for key, values in well().items() if not any(part in key for part in self.without)}
        return {**kept, **self.changes}


def _both(metric: str, values: str, **labels: str) -> Series:
    return {vllm(metric, name, **labels): values for name in PODS}


def _slow(metric: str, bounds: tuple[str, ...], at: int = AT) -> Series:
    """From a minute on no request stays below these bounds."""
    return {vllm(f"{metric}_bucket", name, le=bound): _goes_on(60, at) for name in PODS for bound in bounds}


def _unready(at: int = AT) -> Series:
    return {pod_series("status_ready", name, condition="true"): _until("1", "0", at) for name in PODS}


_TTFT = _slow("time_to_first_token_seconds", ("0.3", "2.5"), LONG_AT)
_RESTARTS = pod_series("container_status_restarts_total", PODS[0], container="vllm")
_NEW = "chat-5d9f8c7b6-klmno"
_LATE = pod(_NEW, created=f"_x{AT} {AT * 60}x{END - AT}", ready=f"_x{AT} 0x{END - AT}", phase="Pending")
_KUBE_POD = ("kube_pod_",)

CASES = [
    Case(
        "VllmQueueTimeHigh", AT + 1,
        "95 % of the requests start within 9.75s. Raise scaling.max, or lower the concurrency target.",
        _slow("request_queue_time_seconds", ("0.3", "2.5", "5.0")),
    ),
    Case(
        "VllmPreemptions", AT + 1,
        "2 preemptions a second. Lower max-num-seqs or the concurrency target.",
        _both("num_preemptions_total", _grows(60)),
    ),
    Case(
        "VllmKvCacheFull", AT,
        "A server uses 97% of its KV cache; requests will be preempted.",
        {vllm("kv_cache_usage_perc", PODS[1]): _until("0.6", "0.97")},
    ),
    Case(
        "VllmRejectsRequests", AT + 1,
        "2 requests a second are turned away.",
        _both("admission_rejections_total", _grows(60), reason="max_num_queued_reqs"),
    ),
    Case(
        "VllmTtftBudgetBurnsFast", LONG_AT + 43, "76.27% of the last 1h; the objective allows 5 %.", _TTFT,
    ),
    Case(
        "VllmTtftBudgetBurnsSlowly", LONG_AT + 108, "30.64% of the last 6h; the objective allows 5 %.", _TTFT,
        also=("VllmTtftBudgetBurnsFast",),
    ),
    Case(
        "VllmDown", AT,
        "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.",
        {**_replicas(_until("2", "0"), f"2x{END}"), **_unready()},
    ),
    Case(
        "VllmDown", AT,
        "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.",
        _replicas(_until("2", "0"), f"2x{END}"), name="VllmDown without any pod", without=_KUBE_POD,
    ),
    Case(
        "VllmDown", AT + BUDGET // 60 - 1,
        "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.",
        {
            **_replicas(_until("2", "0"), f"2x{END}"),
            **pod(_NEW, created=f"0+60x{END}", ready=_NEVER, phase="Pending"),
        },
        name="VllmDown while pods are made again and again", without=_KUBE_POD,
    ),
    Case(
        "VllmStartsSlowly", AT + BUDGET // 60 + 1,
        f"{_NEW} is 2h 47m 0s old and hasn't been ready for 9900 s, its budget.",
        _LATE, labels={"pod": _NEW},
    ),
    Case(
        "VllmEngineDies", AT, f"{PODS[0]} was restarted within the last 30 minutes.",
        {_RESTARTS: _until("0", "1")}, labels={"pod": PODS[0], "container": "vllm"},
    ),
    Case(
        "VllmMetricsMissing", AT,
        "2 are ready, fewer are scraped. Scaling and all other alerts are blind. "
        "Look at the PodMonitor, its labels and the NetworkPolicy.",
        {vllm("num_requests_running", PODS[1]): f"5x{AT - 1} stale"},
    ),
    Case(
        "VllmMetricsMissing", 0,
        "2 are ready, fewer are scraped. Scaling and all other alerts are blind. "
        "Look at the PodMonitor, its labels and the NetworkPolicy.",
        {}, name="VllmMetricsMissing from the start", without=("vllm:",),
    ),
    Case(
        "VllmScalerInFallback", AT + 1,
        "50 failed readings in 5 minutes. Look at the ScaledObject's conditions and at Prometheus.",
        {keda_errors(): _grows(10)},
    ),
    Case(
        "VllmScalerInFallback", AT + 1,
        "50 failed readings in 5 minutes. Look at the ScaledObject's conditions and at Prometheus.",
        {keda_errors('namespace="keda",exported_namespace="inference"'): _grows(10)},
        name="VllmScalerInFallback scraped without honorLabels", without=("keda_",),
    ),
    Case(
        "VllmScalingInactive", AT,
        "Its condition ScalingActive is false: look at the HorizontalPodAutoscaler.",
        _scaled(f"2x{END}", _until("0", "1")),
        labels={"horizontalpodautoscaler": "keda-hpa-chat", "condition": "ScalingActive", "status": "false"},
    ),
    Case(
        "VllmAtMaxReplicas", AT, "4 servers for 30 minutes; more load will wait.",
        _scaled(_until("2", "4")), labels={"horizontalpodautoscaler": "keda-hpa-chat"},
    ),
]  # fmt: skip

_ZERO = {**_replicas(_NEVER, _NEVER), **_scaled(f"1x{END}", f"1x{END}")}
_WOKEN = {
    **_ZERO,
    **_replicas(_until("0", "1", AT + 150), _until("0", "1")),
    **_scaled(f"1x{END}", _until("1", "0")),
    **pod(_NEW, created=f"_x{AT} {AT * 60}x{END - AT}", ready=f"_x{AT} 0x149 1x{END - AT - 150}"),
    vllm("num_requests_running", _NEW): f"_x{AT + 150} 1x{END - AT - 150}",
}
_ONE_MORE = f"_x{AT} {AT * 60}x{END - AT}"


def _changed(changes: Series) -> Series:
    return {**well(), **changes}


SILENT: dict[str, Series] = {
    "nothing is there": {},
    "busy": well(),
    "idle": _idle(),
    "scaled to zero": _ZERO,
    "woken from zero": _WOKEN,
    "one preemption": _changed(_both("num_preemptions_total", _once(1))),
    "one request rejected": _changed(_both("admission_rejections_total", _once(1), reason="max_num_queued_reqs")),
    "one slow request in a quiet day": _idle() | {
        vllm("time_to_first_token_seconds_bucket", PODS[0], le="+Inf"): _once(1),
        vllm("time_to_first_token_seconds_count", PODS[0]): _once(1),
    },
    "the cache is as full as it may be": _changed(_both("kv_cache_usage_perc", f"0.95x{END}")),
    "Prometheus was away for a minute": _changed({keda_errors(): _once(16)}),
    "one below the top": _changed(_scaled(_until("2", "3"))),
    "a rolling update": _changed(_replicas(f"2x{AT - 1} 1x20 2x{END - AT - 20}", f"2x{END}"))
        | pod(PODS[1], created=_NEVER, ready=f"1x{AT - 1} stale")
        | pod(_NEW, created=_ONE_MORE, ready=f"_x{AT} 0x19 1x{END - AT - 20}"),
    "an engine starts again in an old pod": _changed({
        pod_series("status_ready", PODS[0], condition="true"): f"1x{AT - 1} 0x19 1x{END - AT - 20}",
    }),
    "evicted long ago": _changed(pod("chat-5d9f8c7b6-zzzzz", created=_NEVER, ready=_NEVER, phase="Failed")),
    "a slow download": _changed(pod("chat-download-0a1b2c3d-abcde", created=_NEVER, ready=_NEVER)),
}  # fmt: skip
"""Series in which no alert may fire at any time."""


def fires(case: Case, rule: dict[str, Any]) -> Scene:
    """Pending from its minute on, firing after `for`, with its labels and text, and nothing else with it."""
    waits = int(rule["for"].removesuffix("m"))
    start, ready = case.since, case.since + waits
    state = f'count by (alertstate) (ALERTS{{alertname="{case.alert}"}})'
    pending, firing = {'{alertstate="pending"}': 1.0}, {'{alertstate="firing"}': 1.0}
    answers = [(state, f"{minute}m", pending) for minute in {start, ready - 1} if start <= minute < ready]
    answers += [(state, f"{start - 1}m", {})] if start else []
    everything = {f'{{alertname="{name}"}}': 1.0 for name in (case.alert, *case.also)}
    answers += [
        (state, f"{ready}m", firing),
        ('count by (alertname) (ALERTS{alertstate="firing"})', f"{ready}m", everything),
    ]
    return Scene(case.name or case.alert, case.series, answers, [_alert(case, rule, ready)], interval="1m")


def silent(name: str, series: Series, minutes: int = QUIET) -> Scene:
    """Nothing fires at any minute."""
    ever = f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{minutes}m]))'
    return Scene(name, series, [(ever, f"{minutes}m", {})], interval="1m")


def _alert(case: Case, rule: dict[str, Any], minute: int) -> dict[str, Any]:
    labels = {**rule["labels"], **case.labels, **({"deployment": "chat"} if case.alert == "VllmDown" else {})}
    annotations = {**rule["annotations"], "description": case.says}
    expected = [{"exp_labels": labels, "exp_annotations": annotations}]
    return {"eval_time": f"{minute}m", "alertname": case.alert, "exp_alerts": expected}
