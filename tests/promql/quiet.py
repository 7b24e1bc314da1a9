"""Scenes in which no alert may fire at any minute, and which alert each of them tries to raise."""

from tests.promql.alerts import (
    AT,
    BUDGET,
    EMPTY,
    END,
    KSM,
    NEVER,
    NEW,
    NEXT,
    OLD,
    THREE_ERRORS,
    both,
    grows,
    idle,
    once,
    replicas,
    rolls,
    scaled,
    until,
    well,
)
from tests.promql.promtool import Scene, Series
from tests.promql.series import (
    PODS,
    autoscaler,
    condition,
    deployment,
    download,
    keda,
    pod,
    pod_series,
    replicaset,
    requests,
    vllm,
)

__all__ = ["SCENES", "silent"]

QUIET = AT + 130  # minutes that are looked at


def _changed(changes: Series, without: tuple[str, ...] = ()) -> Series:
    kept = {key: values for key, values in well().items() if not any(part in key for part in without)}
    return {**kept, **changes}


_ZERO = {**replicas(NEVER, NEVER), **scaled(f"1x{END}", f"1x{END}"), **replicaset(OLD, created=NEVER, wanted=NEVER)}
_WOKEN = {
    **_ZERO,
    **replicas(until("0", "1", AT + 40), until("0", "1")),
    **scaled(f"1x{END}", until("1", "0")),
    **pod(NEW, created=f"_x{AT} {AT * 60}x{END - AT}", ready=f"_x{AT} 0x39 1x{END - AT - 40}"),
    **replicaset(OLD, created=NEVER, wanted=until("0", "1")),
    vllm("num_requests_running", NEW): f"_x{AT + 40} 1x{END - AT - 40}",
}
_ONE_MORE = f"_x{AT} {AT * 60}x{END - AT}"
_ROLLED = pod(NEW, created=_ONE_MORE, ready=f"_x{AT} 0x24 1x{END - AT - 25}")
_SERVES = {vllm("num_requests_running", NEW): f"_x{AT + 25} 1x{END - AT - 25}"}
_FIRST = {
    **replicas(f"_x{AT} 0x24 1x{END - AT - 25}", f"_x{AT} 1x{END - AT}"),
    **_ROLLED,
    **_SERVES,
    **replicaset(OLD, created=_ONE_MORE, wanted=f"_x{AT} 1x{END - AT}"),
    condition("Fallback"): f"_x{AT} 0 1x23 0x{END - AT - 25}",
    condition("Ready"): f"_x{AT} 1 0x23 1x{END - AT - 25}",
    autoscaler("status_condition", ',condition="ScalingActive",status="false"'): f"_x{AT} 1x24 0x{END - AT - 25}",
    keda("scaled_object_errors_total"): f"_x{AT} 0+4x24 100x{END - AT - 25}",
}
"""The first pod: until it is ready a ratio can't fall back, and KEDA counts that as errors for ever."""
_ROLLS = {
    **replicas(f"1x{AT - 1} 0x24 1x{END - AT - 25}", f"1x{END}"),
    **_ROLLED,
    **_SERVES,
    **rolls(),
    vllm("num_requests_running", PODS[0]): f"1x{AT - 1} stale",
}
"""One server that is all gets a new version."""


_RECREATED = {
    **_ROLLS,
    **replicas(f"1x{AT - 1} 0x34 1x{END - AT - 35}", f"1x{END}"),
    **replicaset(OLD, created=NEVER, wanted=until("1", "0")),
    **replicaset(NEXT, created=f"_x{AT + 10} {(AT + 10) * 60}x{END}", wanted=f"_x{AT + 10} 1x{END}"),
    **pod(NEW, created=f"_x{AT + 10} {(AT + 10) * 60}x{END}", ready=f"_x{AT + 10} 0x24 1x{END}"),
    vllm("num_requests_running", NEW): f"_x{AT + 35} 1x{END}",
}
"""For ten minutes there is no new ReplicaSet, and the old one is at zero."""


def _from(instance: str, series: Series) -> Series:
    """As one kube-state-metrics of two says it."""
    return {key.replace("}", f',instance="{instance}"}}'): values for key, values in series.items()}


_MOVED = {
    **_from("a", replicas(f"1x{AT - 1} 0x6 stale", f"1x{AT + 5} stale")),
    **_from("a", replicaset(OLD, created=f"0x{AT + 5} stale", wanted=f"1x{AT - 1} 0x6 stale")),
    **_from("b", replicas(f"_x{AT + 7} 0x17 1x{END - AT - 25}", f"_x{AT + 7} 1x{END - AT - 7}")),
    **_from("b", _ROLLED),
    **_from("b", replicaset(NEXT, created=_ONE_MORE, wanted=f"_x{AT} 1x{END - AT}")),
    **_SERVES,
    vllm("num_requests_running", PODS[0]): f"1x{AT - 1} stale",
}
"""One pod alone is changed, and kube-state-metrics moves."""

_EMBEDS = {
    **{key: NEVER if key.startswith("vllm:") else values for key, values in well().items()},
    **both("num_requests_running", f"5x{END}"),
    **both("request_success_total", f"0+60x{END}", finished_reason="stop"),
}
"""It never generates a token: neither iterations nor first tokens are counted."""
_BATCH = {
    **both("request_success_total", f"0+60x{AT} {60 * AT}x30 {60 * AT}+1x{END}", finished_reason="stop"),
    vllm("num_requests_waiting", PODS[0]): f"200x{END}",
}
_ONE_SLOW = {
    vllm("time_to_first_token_seconds_bucket", PODS[0], le="+Inf"): once(1),
    vllm("time_to_first_token_seconds_count", PODS[0]): once(1),
}

SCENES: dict[str, tuple[str, Series]] = {
    "nothing is there": ("", {}),
    "busy": ("", well()),
    "idle": ("VllmEngineStalled", idle()),
    # --- is it there? ---
    "scaled to zero": ("VllmDown", _ZERO),
    "woken from zero": ("VllmDown", _WOKEN),
    "the first pod": ("VllmDown", _FIRST),
    "one server gets a new version": ("VllmDown", _ROLLS),
    "one server gets an old version again": ("VllmDown", {
        **_ROLLS,
        **replicaset(NEXT, created=NEVER, wanted=until("1", "0")),
        **replicaset(OLD, created=NEVER, wanted=until("0", "1")),
    }),
    "kube-state-metrics is gone for a while in a rollout": ("VllmDown", {
        **_ROLLS,
        deployment("status_replicas_available"): f"1x{AT - 1} 0 stale _x9 0x14 1x{END}",
        deployment("spec_replicas"): f"1x{AT} stale _x9 1x{END}",
        **replicaset(OLD, created=f"0x{AT} stale _x9 0x{END}", wanted=f"1x{AT - 1} 0 stale _x9 0x{END}"),
        **replicaset(NEXT, created=f"_x{AT} {AT * 60} stale _x9 {AT * 60}x{END}", wanted=f"_x{AT} 1 stale _x9 1x{END}"),
    }),
    "Recreate lets the old server finish first": ("VllmDown", _RECREATED),
    "a model comes back": ("VllmDown", {
        **_FIRST,
        deployment("status_replicas_available"): f"1x9 stale _x{AT - 11} 0x24 1x{END - AT - 25}",
        deployment("spec_replicas"): f"1x9 stale _x{AT - 11} 1x{END - AT}",
        deployment("created"): f"0x9 stale _x{AT - 11} {AT * 60}x{END - AT}",
        vllm("num_requests_running", PODS[0]): "1x9 stale",
    }),
    "one rollout takes the place of another": ("VllmDown", {
        **_ROLLS,
        **replicas(f"1x{AT - 1} 0x{BUDGET + 10} 1x{END - AT - BUDGET - 11}", f"1x{END}"),
        **replicaset(OLD, created=NEVER, wanted=until("1", "0")),
        **replicaset(NEXT, created=_ONE_MORE, wanted=f"_x{AT} 1x29 0x{END}"),
        **replicaset("chat-8f9g7h6j5", created=f"_x{AT + 30} {(AT + 30) * 60}x{END}", wanted=f"_x{AT + 30} 1x{END}"),
        **pod(NEW, created=f"_x{AT + 30} {(AT + 30) * 60}x{END}", ready=f"_x{AT + 30} 0x{BUDGET - 20} 1x{END}"),
        vllm("num_requests_running", NEW): f"_x{AT + BUDGET + 11} 1x{END}",
    }),
    "kube-state-metrics moves while one pod rolls": ("VllmDown", _MOVED),
    "Prometheus forgets everything while one pod rolls": (
        "VllmDown", {key: values for key, values in _MOVED.items() if 'instance="a"' not in key},
    ),
    "Prometheus forgets everything while an engine starts again after a rollout": (
        "VllmStartsSlowly", {
            **replicas(f"_x{AT} 0x24 1x{END - AT - 25}", f"_x{AT} 1x{END - AT}"),
            **pod(NEW, created=f"_x{AT} {(AT - 10) * 60}x{END - AT}", ready=f"_x{AT} 0x24 1x{END - AT - 25}"),
            **_SERVES,
            **replicaset(OLD, created=f"_x{AT} {(AT - 10) * 60}x{END - AT}", wanted=f"_x{AT} 1x{END - AT}"),
        },
    ),
    "a server of several is lost": ("VllmDown", _changed({
        **replicas(f"2x{AT - 1} 1x30 2x{END}", f"2x{END}"),
        vllm("num_requests_running", PODS[1]): f"5x{AT - 1} _x31 5x{END - AT}",
    })),
    "a rolling update": ("VllmStartsSlowly", _changed(replicas(f"2x{AT - 1} 1x20 2x{END - AT - 20}", f"2x{END}"))
        | {key: f"{values.partition('x')[0]}x{AT - 1} stale"
           for key, values in pod(PODS[1], created=NEVER, ready="1x0").items()}
        | pod(NEW, created=_ONE_MORE, ready=f"_x{AT} 0x19 1x{END - AT - 20}")),
    "an engine starts again in an old pod": ("VllmStartsSlowly", _changed({
        pod_series("status_ready", PODS[0], condition="true"): f"1x{AT - 1} 0x19 1x{END - AT - 20}",
    })),
    "a server on a node that is lost is replaced": ("VllmStartsSlowly", _changed({
        deployment("status_replicas_available"): f"2x{AT - 1} 1x29 2x{END}",
        pod_series("status_ready", PODS[1], condition="true"): until("1", "0"),
        pod_series("deletion_timestamp", PODS[1]): f"_x{AT + 5} {(AT + 5) * 60}x{END}",
        vllm("num_requests_running", PODS[1]): f"5x{AT - 1} stale",
        **pod(NEW, created=f"_x{AT + 5} {(AT + 5) * 60}x{END}", ready=f"_x{AT + 5} 0x24 1x{END}"),
        vllm("num_requests_running", NEW): f"_x{AT + 30} 1x{END}",
    })),
    "a pod is ready in the last minute of its budget": (
        "VllmStartsSlowly",
        _changed(pod(NEW, created=_ONE_MORE, ready=f"_x{AT} 0x{BUDGET - 1} 1x{END}")),
    ),
    "evicted long ago": (
        "VllmStartsSlowly", _changed(pod("chat-5d9f8c7b6-zzzzz", created=NEVER, ready=NEVER, phase="Failed")),
    ),
    "pods of the download wait long": (
        "VllmStartsSlowly", _changed(pod("chat-download-0a1b2c3d-abcde", created=NEVER, ready=NEVER)),
    ),
    "a container beside the server is restarted": ("VllmEngineDies", _changed({
        pod_series("container_status_restarts_total", PODS[0], container="proxy"): until("0", "1"),
    })),
    "a download takes as long as it may": ("VllmDownloadLate", _changed({
        download("succeeded", "chat-download-4e5f6a7b"): f"_x{AT} 0x120 1x{END}",
        download("start_time", "chat-download-4e5f6a7b"): f"_x{AT} {AT * 60}x{END}",
    })),
    "an old download is over, and a new one begins": ("VllmDownloadLate", _changed({
        download("succeeded", "chat-download-4e5f6a7b"): f"_x{AT} 0x30 1x{END}",
        download("start_time", "chat-download-4e5f6a7b"): f"_x{AT} {AT * 60}x{END}",
    })),
    # --- does it answer? ---
    "long answers of a full server": ("VllmEngineStalled", _changed(_BATCH)),
    "embeddings": ("VllmEngineStalled", _EMBEDS),
    "one error": ("VllmErrors", _changed({requests(PODS[0], "5xx"): once(1)})),
    "one error in a quiet hour": ("VllmErrors", {**idle(), requests(PODS[0], "5xx"): once(1)}),
    "few errors among many requests": ("VllmErrors", _changed({requests(PODS[0], "5xx"): grows(2)})),
    "clients send nonsense": ("VllmErrors", _changed({requests(PODS[0], "4xx"): grows(60)})),
    "errors outside of the API": ("VllmErrors", _changed({requests(PODS[0], "5xx", "/health"): grows(60)})),
    "errors of another program": ("VllmErrors", _changed({requests("shop-5d9f8c7b6-abcde", "5xx"): grows(60)})),
    "one request rejected": (
        "VllmRejectsRequests", _changed(both("admission_rejections_total", once(1), reason="max_num_queued_reqs")),
    ),
    # --- is it fast? ---
    "one slow request in a quiet day": ("VllmTtftBudgetBurnsFast", idle() | _ONE_SLOW),
    "as many slow first tokens as the slo allows": ("VllmTtftBudgetBurnsSlowly", _changed({
        vllm("time_to_first_token_seconds_bucket", name, le="2.5"): f"0+57x{END}" for name in PODS
    })),
    "requests wait as long as they may": ("VllmQueueTimeHigh", _changed({
        vllm("request_queue_time_seconds_bucket", name, le="2.5"): NEVER for name in PODS
    } | {vllm("request_queue_time_seconds_bucket", name, le="0.3"): NEVER for name in PODS})),
    "one preemption": ("VllmPreemptions", _changed(both("num_preemptions_total", once(1)))),
    "preemptions are rare": ("VllmPreemptions", _changed({
        vllm("num_preemptions_total", PODS[0]): "".join(f"{each}x8 " for each in range(END // 9)),
    })),
    "the cache is as full as it may be": ("VllmKvCacheFull", _changed(both("kv_cache_usage_perc", f"0.95x{END}"))),
    # --- is it seen, and does it scale? ---
    "a pod that still starts is not scraped": ("VllmMetricsMissing", _changed({
        deployment("spec_replicas"): until("2", "3"),
        **pod(NEW, created=_ONE_MORE, ready=f"_x{AT} 0x30 1x{END}"),
        deployment("status_replicas_available"): f"2x{AT + 30} 3x{END}",
        vllm("num_requests_running", NEW): f"_x{AT + 31} 1x{END}",
    })),
    "the first pod, without conditions": (
        "VllmScalerFailing", {key: values for key, values in _FIRST.items() if KSM[0] not in key},
    ),
    "Prometheus was away for a minute": ("VllmScalerFailing", _changed({
        keda("scaler_empty_upstream_responses_total"): once(16), **THREE_ERRORS,
    }, without=KSM)),
    "KEDA counts what is no fallback": ("VllmScalerInFallback", _changed(EMPTY)),
    "one failed reading in four minutes": ("VllmScalerFailing", _changed({
        keda("scaler_empty_upstream_responses_total"): "".join(f"{2 * each}x3 " for each in range(END // 4)),
    }, without=KSM)),
    "a fixed number of servers": ("VllmAtMaxReplicas", _changed({}, without=(*KSM, "kube_horizontal"))),
    "the number of servers is fixed by an autoscaler": ("VllmAtMaxReplicas", _changed({
        **scaled(f"4x{END}"), autoscaler("spec_min_replicas"): f"4x{END}",
    })),
    "one below the top": ("VllmAtMaxReplicas", _changed(scaled(until("2", "3")))),
    "the autoscaler has nothing to scale": ("VllmScalingInactive", _ZERO),
}  # fmt: skip
"""The alert that may be expected, empty where it is none, and the series."""


def silent(name: str, series: Series, minutes: int = QUIET) -> Scene:
    """Nothing fires at any minute."""
    ever = f'count by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{minutes}m]))'
    return Scene(name, series, [(ever, f"{minutes}m", {})], interval="1m")
