"""Scenes in which no alert may fire at any minute."""

from tests.promql.alerts import (
    AT,
    EMPTY,
    END,
    KSM,
    NEVER,
    NEW,
    THREE_ERRORS,
    both,
    idle,
    once,
    replicas,
    scaled,
    until,
    well,
)
from tests.promql.promtool import Scene, Series
from tests.promql.series import PODS, condition, download, keda, pod, pod_series, vllm

__all__ = ["SCENES", "silent"]

QUIET = 400  # minutes that are looked at

_ZERO = {**replicas(NEVER, NEVER), **scaled(f"1x{END}", f"1x{END}")}
_WOKEN = {
    **_ZERO,
    **replicas(until("0", "1", AT + 40), until("0", "1")),
    **scaled(f"1x{END}", until("1", "0")),
    **pod(NEW, created=f"_x{AT} {AT * 60}x{END - AT}", ready=f"_x{AT} 0x39 1x{END - AT - 40}"),
    vllm("num_requests_running", NEW): f"_x{AT + 40} 1x{END - AT - 40}",
}
_ONE_MORE = f"_x{AT} {AT * 60}x{END - AT}"
_ROLLED = pod(NEW, created=_ONE_MORE, ready=f"_x{AT} 0x24 1x{END - AT - 25}")
_FIRST = {
    **replicas(f"_x{AT} 0x24 1x{END - AT - 25}", f"_x{AT} 1x{END - AT}"),
    **_ROLLED,
    condition("Fallback"): f"_x{AT} 0 1x23 0x{END - AT - 25}",
    condition("Ready"): f"_x{AT} 1 0x23 1x{END - AT - 25}",
    keda("scaled_object_errors_total"): f"_x{AT} 0+4x24 100x{END - AT - 25}",
    vllm("num_requests_running", NEW): f"_x{AT + 25} 1x{END - AT - 25}",
}
"""The first pod: until it is ready a ratio can't fall back, and KEDA counts that as errors for ever."""


def _from(instance: str, series: Series) -> Series:
    """As one kube-state-metrics of two says it."""
    return {key.replace("}", f',instance="{instance}"}}'): values for key, values in series.items()}


_MOVED = {
    **_from("a", replicas(f"1x{AT - 1} 0x6 stale", f"1x{AT + 5} stale")),
    **_from("b", replicas(f"_x{AT + 7} 0x17 1x{END - AT - 25}", f"_x{AT + 7} 1x{END - AT - 7}")),
    **_from("b", _ROLLED),
    vllm("num_requests_running", PODS[0]): f"1x{AT - 1} stale",
    vllm("num_requests_running", NEW): f"_x{AT + 25} 1x{END - AT - 25}",
}
"""One pod alone is changed, and kube-state-metrics moves."""


def _changed(changes: Series) -> Series:
    return {**well(), **changes}


SCENES: dict[str, Series] = {
    "nothing is there": {},
    "busy": well(),
    "idle": idle(),
    "scaled to zero": _ZERO,
    "woken from zero": _WOKEN,
    "one preemption": _changed(both("num_preemptions_total", once(1))),
    "one request rejected": _changed(both("admission_rejections_total", once(1), reason="max_num_queued_reqs")),
    "one slow request in a quiet day": idle() | {
        vllm("time_to_first_token_seconds_bucket", PODS[0], le="+Inf"): once(1),
        vllm("time_to_first_token_seconds_count", PODS[0]): once(1),
    },
    "the cache is as full as it may be": _changed(both("kv_cache_usage_perc", f"0.95x{END}")),
    "Prometheus was away for a minute": {key: values for key, values in well().items() if KSM[0] not in key} | {
        keda("scaler_empty_upstream_responses_total"): once(16),
        **THREE_ERRORS,
    },
    "KEDA counts what is no fallback": _changed(EMPTY),
    "one failed reading in four minutes": {key: values for key, values in well().items() if KSM[0] not in key} | {
        keda("scaler_empty_upstream_responses_total"): "".join(f"{2 * each}x3 " for each in range(END // 4)),
    },
    "the first pod": _FIRST,
    "the first pod, without conditions": {key: values for key, values in _FIRST.items() if KSM[0] not in key},
    "kube-state-metrics moves while one pod rolls": _MOVED,
    "Prometheus forgets everything while one pod rolls": {
        key: values for key, values in _MOVED.items() if 'instance="a"' not in key
    },
    "Prometheus forgets everything while an old engine starts again": {
        **replicas(f"_x{AT} 0x24 1x{END - AT - 25}", f"_x{AT} 1x{END - AT}"),
        **pod(NEW, created=f"_x{AT} {(AT - 10) * 60}x{END - AT}", ready=f"_x{AT} 0x24 1x{END - AT - 25}"),
        vllm("num_requests_running", NEW): f"_x{AT + 25} 1x{END - AT - 25}",
    },
    "a new model's download takes longer than a start": {
        **replicas(f"1x{AT - 1} 0x170 1x{END - AT - 171}", f"1x{END}"),
        **pod(NEW, created=_ONE_MORE, ready=f"_x{AT} 0x170 1x{END - AT - 171}", phase="Pending"),
        download(): f"_x{AT} 1x149 0x{END - AT - 150}",
        vllm("num_requests_running", NEW): f"1x{END}",
    },
    "preemptions are rare": _changed({
        vllm("num_preemptions_total", PODS[0]): "".join(f"{each}x8 " for each in range(END // 9)),
    }),
    "one below the top": _changed(scaled(until("2", "3"))),
    "a rolling update": _changed(replicas(f"2x{AT - 1} 1x20 2x{END - AT - 20}", f"2x{END}"))
        | pod(PODS[1], created=NEVER, ready=f"1x{AT - 1} stale")
        | pod(NEW, created=_ONE_MORE, ready=f"_x{AT} 0x19 1x{END - AT - 20}"),
    "an engine starts again in an old pod": _changed({
        pod_series("status_ready", PODS[0], condition="true"): f"1x{AT - 1} 0x19 1x{END - AT - 20}",
    }),
    "evicted long ago": _changed(pod("chat-5d9f8c7b6-zzzzz", created=NEVER, ready=NEVER, phase="Failed")),
    "a slow download": _changed(pod("chat-download-0a1b2c3d-abcde", created=NEVER, ready=NEVER)),
}  # fmt: skip
"""Series in which no alert may fire at any time."""


def silent(name: str, series: Series, minutes: int = QUIET) -> Scene:
    """Nothing fires at any minute."""
    ever = f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{minutes}m]))'
    return Scene(name, series, [(ever, f"{minutes}m", {})], interval="1m")
