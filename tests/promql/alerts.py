"""Scenes of the alerts: from a minute on something is wrong."""

from dataclasses import dataclass, field
from typing import Any

from tests.promql.promtool import Scene, Series
from tests.promql.series import (
    PODS,
    autoscaler,
    condition,
    deployment,
    download,
    histogram,
    keda,
    pod,
    pod_series,
    vllm,
)

__all__ = [
    *("AT", "CASES", "EMPTY", "END", "KSM", "NEVER", "NEW", "THREE_ERRORS", "WAITS", "Case", "both", "fires", "idle"),
    *("once", "replicas", "scaled", "until", "well"),
]

AT = 180  # minutes: longer than the start budget; before it everything is well
LONG_AT = 400  # longer than the longest window
END = 560
BUDGET = 45  # minutes from creation to ready, of the chart's test values
WAITS = {
    "VllmQueueTimeHigh": 10, "VllmPreemptions": 15, "VllmKvCacheFull": 10, "VllmRejectsRequests": 5,
    "VllmTtftBudgetBurnsFast": 2, "VllmTtftBudgetBurnsSlowly": 2, "VllmDown": 5, "VllmStartsSlowly": 1,
    "VllmEngineDies": 0, "VllmMetricsMissing": 3, "VllmScalerInFallback": 10, "VllmScalingInactive": 10,
    "VllmAtMaxReplicas": 30,
}  # fmt: skip
"""Minutes that each has to be true; its `for`, said a second time."""


def until(before: str, after: str, at: int = AT) -> str:
    """One value, and another from a minute on."""
    return f"{before}x{at - 1} {after}x{END - at}"


def _grows(step: int, at: int = AT) -> str:
    """A counter that begins to grow: the first new count stands in the minute after."""
    return f"0x{at} {step}+{step}x{END - at}"


def once(step: int, at: int = AT) -> str:
    """A counter that grows once."""
    return f"0x{at} {step}x{END - at}"


def _goes_on(step: int, at: int = AT) -> str:
    """A counter that stops."""
    return f"0+{step}x{at} {step * at}x{END - at}"


_ALWAYS, NEVER = f"0+60x{END}", f"0x{END}"


def _served() -> Series:
    """Two busy servers as Prometheus scrapes them."""
    found: Series = {}
    for name in PODS:
        for metric, values in {
            "num_requests_running": f"5x{END}",
            "num_requests_waiting": NEVER,
            "kv_cache_usage_perc": f"0.6x{END}",
            "num_preemptions_total": NEVER,
        }.items():
            found[vllm(metric, name)] = values
        found[vllm("request_success_total", name, finished_reason="stop")] = _ALWAYS
        found[vllm("admission_rejections_total", name, reason="max_num_queued_reqs")] = NEVER
        quick = {"0.3": _ALWAYS, "2.5": _ALWAYS, "5.0": _ALWAYS, "10.0": _ALWAYS, "+Inf": _ALWAYS}
        for metric in ("time_to_first_token", "request_queue_time"):
            found.update(histogram(f"{metric}_seconds", quick, name))
    return found


def replicas(available: str, wanted: str) -> Series:
    return {deployment("status_replicas_available"): available, deployment("spec_replicas"): wanted}


def scaled(desired: str, inactive: str = NEVER) -> Series:
    return {
        autoscaler("status_desired_replicas"): desired,
        autoscaler("spec_max_replicas"): f"4x{END}",
        autoscaler("status_condition", ',condition="ScalingActive",status="false"'): inactive,
        condition("Fallback"): NEVER,
        condition("Ready"): f"1x{END}",
        keda("scaled_object_errors_total"): NEVER,
        keda("scaler_http_requests_total", status_code="200"): f"0+8x{END}",
    }


def well() -> Series:
    """Two servers, busy, ready and scaled."""
    found = {**_served(), **replicas(f"2x{END}", f"2x{END}"), **scaled(f"2x{END}")}
    for name in PODS:
        found.update(pod(name, created=NEVER, ready=f"1x{END}"))
    return found


def idle() -> Series:
    """The same, and nobody asks anything."""
    return {key: NEVER if key.startswith("vllm:") else values for key, values in well().items()}


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


def both(metric: str, values: str, **labels: str) -> Series:
    return {vllm(metric, name, **labels): values for name in PODS}


def _slow(metric: str, bounds: tuple[str, ...], at: int = AT) -> Series:
    """From a minute on no request stays below these bounds."""
    return {vllm(f"{metric}_bucket", name, le=bound): _goes_on(60, at) for name in PODS for bound in bounds}


def _unready(at: int = AT) -> Series:
    return {pod_series("status_ready", name, condition="true"): until("1", "0", at) for name in PODS}


_TTFT = _slow("time_to_first_token_seconds", ("0.3", "2.5"), LONG_AT)
_RESTARTS = pod_series("container_status_restarts_total", PODS[0], container="vllm")
NEW = "chat-5d9f8c7b6-klmno"
_LATE = pod(NEW, created=f"_x{AT} {AT * 60}x{END - AT}", ready=f"_x{AT} 0x{END - AT}", phase="Pending")
_KUBE_POD = ("kube_pod_",)

# KEDA 2.20 in an outage: of the errors it counts three, then the fallback hides them; an empty answer counts at every
# reading, twice (it asks once more), and so does a failed request; no other failure is seen in a fallback.
KSM = ("kube_customresource_",)
THREE_ERRORS = {keda("scaled_object_errors_total"): f"0x{AT} 3x{END - AT}"}
EMPTY = {**THREE_ERRORS, keda("scaler_empty_upstream_responses_total"): _grows(16)}
_FAILED = {
    **THREE_ERRORS,
    keda("scaler_http_requests_total", status_code="200"): _goes_on(8),
    keda("scaler_http_requests_total", status_code="error"): f"_x{AT} 16+16x{END - AT}",
}
_ERRORS = {keda("scaled_object_errors_total"): _grows(7)}
_RENAMED = {
    keda("scaler_empty_upstream_responses_total", 'namespace="keda",exported_namespace="inference"'): _grows(16),
}

CASES = [
    Case(
        "VllmQueueTimeHigh", AT + 1,
        "95 % of the requests start within 9.75s. Raise scaling.max, or lower the concurrency target.",
        _slow("request_queue_time_seconds", ("0.3", "2.5", "5.0")),
    ),
    Case(
        "VllmPreemptions", AT + 1,
        "100% as many preemptions as finished requests. Lower max-num-seqs or the concurrency target.",
        both("num_preemptions_total", _grows(60)),
    ),
    Case(
        "VllmKvCacheFull", AT,
        "A server uses 97% of its KV cache; requests will be preempted.",
        {vllm("kv_cache_usage_perc", PODS[1]): until("0.6", "0.97")},
    ),
    Case(
        "VllmRejectsRequests", AT + 1,
        "2 requests a second are turned away.",
        both("admission_rejections_total", _grows(60), reason="max_num_queued_reqs"),
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
        {**replicas(until("2", "0"), f"2x{END}"), **_unready()},
    ),
    Case(
        "VllmDown", AT,
        "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.",
        replicas(until("2", "0"), f"2x{END}"), name="VllmDown without any pod", without=_KUBE_POD,
    ),
    Case(
        "VllmDown", AT,
        "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.",
        replicas(until("1", "0"), f"1x{END}"), name="VllmDown where one server is all", without=_KUBE_POD,
    ),
    Case(
        "VllmDown", AT + BUDGET - 1,
        "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.",
        {
            **replicas(until("2", "0"), f"2x{END}"),
            **pod(NEW, created=f"0+60x{END}", ready=NEVER, phase="Pending"),
        },
        name="VllmDown while pods are made again and again", without=_KUBE_POD,
    ),
    Case(
        "VllmDown", AT + BUDGET - 1,
        "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.",
        {**replicas(until("2", "0"), f"2x{END}"), **_LATE},
        name="VllmDown after a new pod's time, when the download ended long ago", without=_KUBE_POD,
        also=("VllmStartsSlowly",),
    ),
    Case(
        "VllmDown", AT + 90 + 29,
        "None has been ready for 5 minutes, and the start budget is used up. Look at the pods' events and logs.",
        {**replicas(until("2", "0"), f"2x{END}"), **_LATE, download(): f"_x{AT} 1x89 0x{END - AT - 90}"},
        name="VllmDown when the download has ended and a start's time is over", without=_KUBE_POD,
        also=("VllmStartsSlowly",),
    ),
    Case(
        "VllmStartsSlowly", AT + BUDGET + 1,
        f"{NEW} is 47m 0s old and hasn't been ready for 2700 s, its budget.",
        _LATE, labels={"pod": NEW},
    ),
    Case(
        "VllmEngineDies", AT, f"{PODS[0]} was restarted within the last 30 minutes.",
        {_RESTARTS: until("0", "1")}, labels={"pod": PODS[0], "container": "vllm"},
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
        "VllmMetricsMissing", AT,
        "4 are ready, fewer are scraped. Scaling and all other alerts are blind. "
        "Look at the PodMonitor, its labels and the NetworkPolicy.",
        replicas(until("2", "4"), until("2", "4")), name="VllmMetricsMissing of pods that live",
    ),
    *(
        Case(
            "VllmScalerInFallback", since,
            "Look at the ScaledObject's conditions, at its query and at Prometheus.", changes,
            name=name, without=without,
        )
        for name, since, without, changes in (
            ("VllmScalerInFallback", AT, (), {condition("Fallback"): until("0", "1"), **EMPTY}),
            ("VllmScalerInFallback of a NaN", AT, (), {condition("Fallback"): until("0", "1"), **THREE_ERRORS}),
            ("VllmScalerInFallback without a fallback", AT, (), {condition("Ready"): until("1", "0"), **EMPTY}),
            ("VllmScalerInFallback by empty answers", AT + 1, KSM, EMPTY),
            ("VllmScalerInFallback by failed requests", AT + 1, KSM, _FAILED),
            ("VllmScalerInFallback by errors without a fallback", AT + 2, KSM, _ERRORS),
            ("VllmScalerInFallback scraped without honorLabels", AT + 1, KSM, _RENAMED),
        )
    ),
    Case(
        "VllmScalingInactive", AT,
        "Its condition ScalingActive is false: look at the HorizontalPodAutoscaler.",
        scaled(f"2x{END}", until("0", "1")),
        labels={"horizontalpodautoscaler": "keda-hpa-chat", "condition": "ScalingActive", "status": "false"},
    ),
    Case(
        "VllmAtMaxReplicas", AT, "4 servers for 30 minutes; more load will wait.",
        scaled(until("2", "4")), labels={"horizontalpodautoscaler": "keda-hpa-chat"},
    ),
]  # fmt: skip


def fires(case: Case, rule: dict[str, Any]) -> Scene:
    """Pending from its minute on, firing after `for`, with its labels and text, and nothing else with it."""
    start, ready = case.since, case.since + WAITS[case.alert]
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


def _alert(case: Case, rule: dict[str, Any], minute: int) -> dict[str, Any]:
    labels = {**rule["labels"], **case.labels}
    annotations = {**rule["annotations"], "description": case.says}
    expected = [{"exp_labels": labels, "exp_annotations": annotations}]
    return {"eval_time": f"{minute}m", "alertname": case.alert, "exp_alerts": expected}
