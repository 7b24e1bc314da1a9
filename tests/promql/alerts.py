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
    replicaset,
    requests,
    twice,
    vllm,
)

__all__ = [
    *("AT", "BUDGET", "CASES", "EMPTY", "END", "KSM", "NEVER", "NEW", "NEXT", "OLD", "THREE_ERRORS", "Case"),
    *("both", "fires", "grows", "idle", "once", "replicas", "rolls", "scaled", "until", "well"),
]

AT = 120  # minutes: longer than the start budget, and than an hour; before it everything is well
LONG_AT = 400  # longer than the longest window
END = 560
BUDGET = 45  # minutes from creation to ready, of the chart's test values
DOWNLOAD = 120  # minutes that the download may take
OLD, NEXT = "chat-5d9f8c7b6", "chat-7c6b5d4f8"
"""ReplicaSets."""
NEW = f"{OLD}-klmno"


def until(before: str, after: str, at: int = AT) -> str:
    """One value, and another from a minute on."""
    return f"{before}x{at - 1} {after}x{END - at}"


def grows(step: int, at: int = AT) -> str:
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
            "iteration_tokens_total_count": _ALWAYS,
        }.items():
            found[vllm(metric, name)] = values
        found[vllm("request_success_total", name, finished_reason="stop")] = _ALWAYS
        found[vllm("request_success_total", name, finished_reason="abort")] = NEVER
        found[vllm("admission_rejections_total", name, reason="max_num_queued_reqs")] = NEVER
        found[requests(name, "2xx")] = _ALWAYS
        quick = {"0.3": _ALWAYS, "2.5": _ALWAYS, "5.0": _ALWAYS, "10.0": _ALWAYS, "+Inf": _ALWAYS}
        for metric in ("time_to_first_token", "request_queue_time"):
            found.update(histogram(f"{metric}_seconds", quick, name))
    return found


def replicas(available: str, wanted: str) -> Series:
    """Of a Deployment that was made long ago."""
    return {
        deployment("status_replicas_available"): available,
        deployment("spec_replicas"): wanted,
        deployment("created"): NEVER,
    }


def scaled(desired: str, inactive: str = NEVER) -> Series:
    return {
        autoscaler("status_desired_replicas"): desired,
        autoscaler("spec_max_replicas"): f"4x{END}",
        autoscaler("spec_min_replicas"): f"1x{END}",
        autoscaler("status_condition", ',condition="ScalingActive",status="false"'): inactive,
        condition("Fallback"): NEVER,
        condition("Ready"): f"1x{END}",
    }


def well() -> Series:
    """Two busy servers that wait for nothing; the weights were copied long ago."""
    found = {**_served(), **replicas(f"2x{END}", f"2x{END}"), **scaled(f"2x{END}")}
    found |= replicaset(OLD, created=NEVER, wanted=f"2x{END}")
    found |= {download("start_time"): NEVER, download("succeeded"): f"1x{END}"}
    for name in PODS:
        found.update(pod(name, created=NEVER, ready=f"1x{END}"))
    return found


def idle() -> Series:
    """The same, and nobody asks anything."""
    busy = ("vllm:", "http_")
    return {key: NEVER if key.startswith(busy) else values for key, values in well().items()}


def rolls(at: int = AT) -> Series:
    """A rollout: from a minute on a new ReplicaSet has the pods."""
    return {
        **replicaset(OLD, created=NEVER, wanted=until("2", "0", at)),
        **replicaset(NEXT, created=f"_x{at} {at * 60}x{END - at}", wanted=f"_x{at} 2x{END - at}"),
    }


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


_DEPLOYMENT = {"deployment": "chat"}
_GONE = replicas(until("2", "0"), f"2x{END}")
_REFUSED = {
    download("start_time", "chat-download-4e5f6a7b"): f"_x{AT} {AT * 60}x{END - AT}",
    download("succeeded", "chat-download-4e5f6a7b"): f"_x{AT} 0x{END - AT}",
}
"""A new revision whose download never ends, whether it has a pod or not."""
_WAITED = "The download Job of chat is not done after 2h 2m 0s. New servers wait; running ones keep their weights."
_AGAIN: Series = {}
"""A rollout every half an hour, and each takes the place of one that was not done."""
for _number, _name in enumerate("bcdfghjklmnpqr"):
    _minute = AT + 30 * _number
    _AGAIN |= replicaset(
        f"chat-7c6b5d4f{_name}", created=f"_x{_minute} {_minute * 60}x{END}", wanted=f"_x{_minute} 2x29 0x{END}"
    )
_TTFT = _slow("time_to_first_token_seconds", ("0.3", "2.5"), LONG_AT)
_RESTARTS = pod_series("container_status_restarts_total", PODS[0], container="vllm")
_LATE = pod(NEW, created=f"_x{AT} {AT * 60}x{END - AT}", ready=f"_x{AT} 0x{END - AT}", phase="Pending")
_HUNG = {
    vllm("iteration_tokens_total_count", PODS[1]): _goes_on(60),
    vllm("request_success_total", PODS[1], finished_reason="stop"): _goes_on(60),
}

# KEDA 2.20 in an outage: of the errors it counts three, then the fallback hides them; an empty answer counts at every
# reading, twice (it asks once more), and so does a failed request; no other failure is seen in a fallback.
KSM = ("kube_customresource_",)
THREE_ERRORS = {keda("scaled_object_errors_total"): f"0x{AT} 3x{END - AT}"}
EMPTY = {**THREE_ERRORS, keda("scaler_empty_upstream_responses_total"): grows(16)}
_FAILED = {
    **THREE_ERRORS,
    keda("scaler_http_requests_total", status_code="200"): _goes_on(8),
    keda("scaler_http_requests_total", status_code="error"): f"_x{AT} 16+16x{END - AT}",
}
_ERRORS = {keda("scaled_object_errors_total"): grows(7)}
_RENAMED = {
    keda("scaler_empty_upstream_responses_total", 'namespace="keda",exported_namespace="inference"'): grows(16),
}
_AT_ZERO = {**replicas(NEVER, NEVER), **scaled(f"1x{END}")}
_WAKES = replicaset(OLD, created=NEVER, wanted=until("0", "1"))
_DOWN = "chat has had no ready server for 5 minutes, and no rollout or first start explains it: all requests fail."
_HELD = "chat keeps its number of servers, whatever the load is."

CASES = [
    *(
        Case("VllmDown", since, _DOWN, changes, name, _DEPLOYMENT, without, also)
        for name, since, without, also, changes in (
            ("VllmDown", AT, (), (), _GONE),
            ("VllmDown without any pod", AT, ("kube_pod_",), (), _GONE),
            ("VllmDown where one server is all", AT, (), (), replicas(until("1", "0"), f"1x{END}")),
            (
                "VllmDown while pods are made again and again", AT, ("kube_pod_",), (),
                {**_GONE, **pod(NEW, created=f"0+60x{END}", ready=NEVER, phase="Pending")},
            ),
            ("VllmDown while kube-state-metrics restarts", AT, (), (), {
                deployment("status_replicas_available"): f"2x{AT - 1} 0 stale _x2 0x{END}",
                deployment("spec_replicas"): f"2x{AT} stale _x2 2x{END}",
            }),
            ("VllmDown soon after a rollout", AT, (), (), {**_GONE, **rolls(AT - 10)}),
            ("VllmDown after a rollout that failed", AT + BUDGET, (), (), {**_GONE, **rolls()}),
            ("VllmDown in rollout after rollout", AT + 2 * BUDGET, (), (), {
                **_GONE, **replicaset(OLD, created=NEVER, wanted=until("2", "0")), **_AGAIN,
            }),
            ("VllmDown after Recreate stopped the old server, and no new one is made", AT + BUDGET - 1, (), (), {
                **_GONE, **replicaset(OLD, created=NEVER, wanted=until("2", "0")),
            }),
            ("VllmDown after a rollback that failed", AT + BUDGET - 1, (), (), {
                **_GONE,
                **replicaset(NEXT, created=NEVER, wanted=until("2", "0")),
                **replicaset(OLD, created=NEVER, wanted=until("0", "2")),
            }),
            ("VllmDown during a download that never ends", AT, (), (), {**_GONE, **_REFUSED}),
            ("VllmDown after a download that never ended", AT + 125, (), ("VllmDownloadLate",), {
                **_REFUSED, **replicas(until("2", "0", AT + 125), f"2x{END}"),
            }),
            ("VllmDown when it was woken and never came", AT + BUDGET - 1, (), (), {
                **_AT_ZERO, **_WAKES, **replicas(NEVER, until("0", "1")),
            }),
            ("VllmDown after it was woken", AT + 100, (), (), {
                **_AT_ZERO, **_WAKES, **replicas(f"0x{AT + 19} 1x79 0x{END}", until("0", "1")),
            }),
        )
    ),
    Case(
        "VllmDownloadLate", AT + DOWNLOAD + 1,
        _WAITED,
        _REFUSED, labels=_DEPLOYMENT,
    ),
    Case(
        "VllmDownloadLate", AT + DOWNLOAD + 1,
        _WAITED,
        _REFUSED, name="VllmDownloadLate before anything else is there", labels=_DEPLOYMENT,
        without=("kube_deployment", "kube_pod", "kube_replicaset", "kube_horizontal", "kube_custom", "vllm:", "http_"),
    ),
    Case(
        "VllmStartsSlowly", AT + BUDGET + 1, f"{NEW} is 47m 0s old and not ready: fewer servers share the load.",
        _LATE, labels={**_DEPLOYMENT, "pod": NEW},
    ),
    Case(
        "VllmStartsSlowly", AT + BUDGET + 1, f"{NEW} is 47m 0s old and not ready: fewer servers share the load.",
        {key: values for key, values in _LATE.items() if "status_ready" not in key},
        name="VllmStartsSlowly of one that no node has room for", labels={**_DEPLOYMENT, "pod": NEW},
    ),
    Case(
        "VllmStartsSlowly", AT + 59, f"{PODS[1]} is 3h 0m 0s old and not ready: fewer servers share the load.",
        {pod_series("status_ready", PODS[1], condition="true"): until("1", "0")},
        name="VllmStartsSlowly of one that was ready once", labels={**_DEPLOYMENT, "pod": PODS[1]},
    ),
    Case(
        "VllmEngineDies", AT, f"{PODS[0]} was restarted within the last 30 minutes; its requests failed.",
        {_RESTARTS: until("0", "1")}, labels={**_DEPLOYMENT, "pod": PODS[0]},
    ),
    Case(
        "VllmEngineStalled", AT + 4,
        f"{PODS[1]} has 5 requests and has neither computed a token nor finished a request for 5 minutes. "
        "Its health check still passes.",
        _HUNG, labels={"pod": PODS[1], "engine": "0"},
    ),
    Case(
        "VllmEngineStalled", AT + 4,
        f"{PODS[1]} has 5 requests and has neither computed a token nor finished a request for 5 minutes. "
        "Its health check still passes.",
        {**_HUNG, vllm("request_success_total", PODS[1], finished_reason="abort"): grows(1)},
        name="VllmEngineStalled while clients give up", labels={"pod": PODS[1], "engine": "0"},
    ),
    Case(
        "VllmErrors", AT + 1, "37.5% of the requests to llama-3.1-8b in the last 10 minutes failed on the server.",
        {requests(name, "5xx"): grows(60) for name in PODS}, labels={"status": "5xx"},
    ),
    Case(
        "VllmRejectsRequests", AT + 1, "llama-3.1-8b turns 2 requests per second away.",
        both("admission_rejections_total", grows(60), reason="max_num_queued_reqs"),
    ),
    Case(
        "VllmTtftBudgetBurnsFast", LONG_AT + 45,
        "First tokens of llama-3.1-8b were late 15.17 times as often in the last hour as its slo allows.", _TTFT,
    ),
    Case(
        "VllmTtftBudgetBurnsSlowly", LONG_AT + 110,
        "First tokens of llama-3.1-8b were late 6.139 times as often in the last 6 hours as its slo allows.", _TTFT,
        also=("VllmTtftBudgetBurnsFast",),
    ),
    Case(
        "VllmQueueTimeHigh", AT + 1, "95 % of the requests to llama-3.1-8b start within 9.75s, the others later.",
        _slow("request_queue_time_seconds", ("0.3", "2.5", "5.0")),
    ),
    Case(
        "VllmPreemptions", AT + 1, "llama-3.1-8b has 1.00 preemptions for each finished request.",
        both("num_preemptions_total", grows(60)),
    ),
    Case(
        "VllmPreemptions", AT + 1, "llama-3.1-8b has 120.00 preemptions for each finished request.",
        both("num_preemptions_total", grows(6)) | both("request_success_total", _goes_on(60), finished_reason="stop"),
        name="VllmPreemptions while nothing finishes",
    ),
    Case(
        "VllmKvCacheFull", AT, "A server of llama-3.1-8b uses 97% of its KV cache; requests will be preempted.",
        {vllm("kv_cache_usage_perc", PODS[1]): until("0.6", "0.97")},
    ),
    *(
        Case(
            "VllmMetricsMissing", since,
            f"{ready} servers of llama-3.1-8b are ready, fewer are scraped: scaling and all other alerts are blind.",
            changes, name, without=without,
        )
        for name, since, ready, without, changes in (
            ("VllmMetricsMissing", AT, 2, (), {vllm("num_requests_running", PODS[1]): f"5x{AT - 1} stale"}),
            ("VllmMetricsMissing from the start", 0, 2, ("vllm:",), Series()),
            ("VllmMetricsMissing of pods that live", AT, 4, (), replicas(until("2", "4"), until("2", "4"))),
        )
    ),
    *(
        Case(name.split()[0], since, _HELD, changes, name, _DEPLOYMENT, without)
        for name, since, without, changes in (
            ("VllmScalerInFallback", AT, (), {condition("Fallback"): until("0", "1"), **EMPTY}),
            ("VllmScalerInFallback of a NaN", AT, (), {condition("Fallback"): until("0", "1"), **THREE_ERRORS}),
            ("VllmScalerInFallback without a fallback", AT, (), {condition("Ready"): until("1", "0"), **EMPTY}),
            ("VllmScalerInFallback at zero", AT, ("vllm:",), {**_AT_ZERO, condition("Ready"): until("1", "0")}),
            ("VllmScalerFailing by empty answers", AT + 1, KSM, EMPTY),
            ("VllmScalerFailing by failed requests", AT + 1, KSM, _FAILED),
            ("VllmScalerFailing by errors without a fallback", AT + 1, KSM, _ERRORS),
            ("VllmScalerFailing scraped without honorLabels", AT + 1, KSM, _RENAMED),
        )
    ),
    Case(
        "VllmScalingInactive", AT,
        "The HorizontalPodAutoscaler of chat is not active; 2 servers stay, whatever the load is.",
        scaled(f"2x{END}", until("0", "1")), labels=_DEPLOYMENT,
    ),
    Case(
        "VllmAtMaxReplicas", AT, "chat has wanted all its servers for 30 minutes, 2 are ready; more load will wait.",
        scaled(until("2", "4")), labels=_DEPLOYMENT,
    ),
]  # fmt: skip


def fires(case: Case, rule: dict[str, Any], *, doubled: bool = False) -> Scene:
    """Pending from its minute on, firing after `for`, with its labels and text, and nothing else with it."""
    start = case.since
    ready = start + int(rule["for"].removesuffix("m"))
    state = f'count by (alertstate) (ALERTS{{alertname="{case.alert}"}})'
    pending, firing = {'{alertstate="pending"}': 1.0}, {'{alertstate="firing"}': 1.0}
    answers = [(state, f"{minute}m", pending) for minute in {start, ready - 1} if start <= minute < ready]
    answers += [(state, f"{start - 1}m", {})] if start else []
    everything = {f'{{alertname="{name}"}}': 1.0 for name in (case.alert, *case.also)}
    answers += [
        (state, f"{ready}m", firing),
        ('count by (alertname) (ALERTS{alertstate="firing"})', f"{ready}m", everything),
    ]
    series = twice(case.series) if doubled else case.series
    return Scene(case.name or case.alert, series, answers, [_alert(case, rule, ready)], interval="1m")


def _alert(case: Case, rule: dict[str, Any], minute: int) -> dict[str, Any]:
    labels = {**rule["labels"], "namespace": "inference", "model_name": "llama-3.1-8b", **case.labels}
    annotations = {**rule["annotations"], "description": case.says}
    expected = [{"exp_labels": labels, "exp_annotations": annotations}]
    return {"eval_time": f"{minute}m", "alertname": case.alert, "exp_alerts": expected}
