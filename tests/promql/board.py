"""Scenes of the dashboard, and what every query of every panel answers in them; pods and engines all differ."""

from tests.promql.promtool import Samples, Scene, Series
from tests.promql.series import PODS, autoscaler, condition, deployment, histogram, keda, others, vllm

__all__ = ["ANSWERS", "STATES", "VARIABLES", "fleet", "scene"]

STATES = ("busy", "idle", "blind", "empty")
"""Blind: nobody shows the cluster, KEDA and the GPUs; empty: nor the servers."""

_MINUTES = 60
_A, _B = PODS
_HISTOGRAMS = {  # the first bound; the second is twice as much
    "request_prompt_tokens": 1000.0,
    "request_generation_tokens": 200.0,
    "time_to_first_token_seconds": 1.0,
    "inter_token_latency_seconds": 0.1,
    "request_time_per_output_token_seconds": 0.08,
    "e2e_request_latency_seconds": 10.0,
    "request_queue_time_seconds": 0.5,
    "request_prefill_time_seconds": 0.3,
    "request_decode_time_seconds": 8.0,
}
_COUNTERS = {  # a minute, of each pod
    "prompt_tokens_total": (6000, 3000),
    "generation_tokens_total": (1200, 600),
    "prefix_cache_queries_total": (100, 300),
    "prefix_cache_hits_total": (50, 30),
    "num_preemptions_total": (6, 3),
    "request_queue_time_seconds_sum": (30, 18),
    "request_prefill_time_seconds_sum": (12, 24),
    "request_decode_time_seconds_sum": (300, 420),
}
_STATUSES = (("2xx", (54, 114)), ("4xx", (3, 6)), ("5xx", (3, None)))  # one pod never failed
_RENAMED = 'namespace="keda",exported_namespace="inference"'  # by a scrape without honorLabels
_GPUS = {  # of the first and the second GPU of one pod, and of the other pod's; idle: of each
    "DCGM_FI_DEV_GPU_UTIL": ((80, 60, 40), 0),
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": ((0.5, 0.4, 0.2), 0),
    "DCGM_FI_DEV_FB_USED": ((70000, 71000, 20000), 15000),
    "DCGM_FI_DEV_FB_FREE": ((10000, 9000, 60000), 65000),
    "DCGM_FI_DEV_POWER_USAGE": ((400, 390, 150), 70),
    "DCGM_FI_DEV_GPU_TEMP": ((60, 61, 45), 30),
    "DCGM_FI_DEV_XID_ERRORS": ((0, 79, 31), 0),
}


def _grows(step: int) -> str:
    return f"0+{step}x{_MINUTES}"


def _stays(value: float) -> str:
    return f"{value}x{_MINUTES}"


def _gauges(busy: int) -> Series:
    found = {}
    for pod, engine, running, waiting, cache in ((_A, "0", 5, 2, 0.6), (_A, "1", 4, 1, 0.8), (_B, "0", 3, 7, 0.3)):
        values = {"num_requests_running": running, "num_requests_waiting": waiting, "kv_cache_usage_perc": cache}
        found.update({vllm(name, pod, engine): _stays(value * busy) for name, value in values.items()})
    return found


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
        for status, counts in _STATUSES:
            if (count := counts[index]) is not None:
                found[_answered("/v1/chat/completions", status, pod)] = _grows(count * busy)
        found[_answered("/tokenize", "5xx", pod)] = _grows(9 * busy)
    return found


def _answered(handler: str, status: str, pod: str) -> str:
    where = f'namespace="inference",job="inference/chat",pod="{pod}"'
    return f'http_requests_total{{{where},handler="{handler}",method="POST",status="{status}"}}'


def _cluster(wanted: int, ready: int, busy: int) -> Series:
    return {
        deployment("spec_replicas"): _stays(wanted),
        deployment("status_replicas_available"): _stays(ready),
        autoscaler("spec_max_replicas"): _stays(4),
        condition("Fallback"): _stays(busy),
        condition("Ready"): _stays(1),
        keda("scaler_empty_upstream_responses_total"): _grows(16 * busy),
        keda("scaler_http_requests_total", status_code="200"): _grows(16),
        keda("scaler_http_requests_total", status_code="503"): _grows(2 * busy),
        keda("scaled_object_errors_total", _RENAMED): _grows(busy),
    }


def _gpus(busy: int) -> Series:
    """One pod's as a scrape with honorLabels shows them, the other's as one without."""
    ours = f'namespace="inference",pod="{_A}"'
    renamed = f'exported_namespace="inference",exported_pod="{_B}",namespace="gpu-operator",pod="dcgm-exporter-x"'
    found = {}
    for name, (values, idle) in _GPUS.items():
        for labels, gpu, value in zip((ours, ours, renamed), "010", values, strict=True):
            found[f'{name}{{{labels},gpu="{gpu}",UUID="GPU-{gpu}"}}'] = _stays(value if busy else idle)
    return found


_SERVERS = {**_gauges(1), **_counters(1)}
_AROUND = {**_cluster(3, 2, 1), **_gpus(1)}
_SERIES = {
    "busy": {**_SERVERS, **_AROUND},
    "idle": {**_gauges(0), **_counters(0), **_cluster(2, 2, 0), **_gpus(0)},
    "blind": _SERVERS,
    "empty": Series(),
}


def _fact(model: str, deployment: str) -> Series:
    """What the chart records of a model, whether it has servers or not."""
    labels = f'namespace="inference",deployment="{deployment}",model_name="{model}"'
    return {f"gpuyard:start_budget_seconds{{{labels}}}": _stays(1800)}


VARIABLES = {
    "serving": _SERVERS,
    "at zero": {**_fact("llama-3.1-8b", "chat"), **_cluster(0, 0, 0)},
    "first start": _fact("llama-3.1-8b", "chat"),
}
"""States in which a model can be chosen."""


def _one(value: float) -> Samples:
    return {"{}": value}


def _model(value: float) -> Samples:
    return {'{model_name="llama-3.1-8b"}': value}


def _line(value: float) -> Samples:
    return {'{namespace="inference",model_name="llama-3.1-8b"}': value}


def _pods(a: float, b: float) -> Samples:
    return {f'{{pod="{_A}"}}': a, f'{{pod="{_B}"}}': b}


def _cards(name: str, scale: float = 1) -> tuple[Samples, Samples]:
    labels = [f'{{pod="{pod}",gpu="{gpu}"}}' for pod, gpu in ((_A, 0), (_A, 1), (_B, 0))]
    values, idle = _GPUS[name]
    busy = {label: value * scale for label, value in zip(labels, values, strict=True)}
    return busy, dict.fromkeys(labels, idle * scale)


def _quantiles(name: str) -> list[tuple[Samples, Samples]]:
    """Of 120 a minute, 90 are below the bound and the rest below twice as much; without any there is no quantile."""
    bound = _HISTOGRAMS[name]
    return [(_model(bound * share), {}) for share in (60 / 90, 1.8, 1.96)]


_REASONS = ('{finished_reason="stop"}', '{finished_reason="length"}')
_CODES = ('{status="2xx"}', '{status="4xx"}', '{status="5xx"}')
ANSWERS: dict[str, list[tuple[Samples, Samples]]] = {
    "Models": [
        (_line(2), _line(2)),
        *((_line(value), _line(0)) for value in (12, 10, 3.5, 150, 30)),
        *((_line(value), {}) for value in (1.8, 18, 3 / 180)),
        (_line(0.8), _line(0)),
    ],
    "Running": [(_pods(9, 3), _pods(0, 0))],
    "Waiting": [(_pods(3, 7), _pods(0, 0))],
    "Tokens per second": [(_model(150), _model(0)), (_model(30), _model(0))],
    "Finished requests": [
        (dict(zip(_REASONS, (3, 0.5), strict=True)), dict.fromkeys(_REASONS, 0)),
        (_one(0.3), _one(0)),
    ],
    "HTTP status": [(dict(zip(_CODES, (168 / 180, 9 / 180, 3 / 180), strict=True)), {})],
    "Prompt length": _quantiles("request_prompt_tokens"),
    "Answer length": _quantiles("request_generation_tokens"),
    "Time to first token": _quantiles("time_to_first_token_seconds"),
    "Between tokens": _quantiles("inter_token_latency_seconds"),
    "Time per output token": _quantiles("request_time_per_output_token_seconds"),
    "Whole request": _quantiles("e2e_request_latency_seconds"),
    "Average request": [(_one(0.4), {}), (_one(0.3), {}), (_one(6), {})],
    "Queue": _quantiles("request_queue_time_seconds"),
    "Prefill": _quantiles("request_prefill_time_seconds"),
    "Decode": _quantiles("request_decode_time_seconds"),
    "KV cache used": [(_pods(0.8, 0.3), _pods(0, 0))],
    "Prefix cache hits": [(_model(0.2), {})],
    "Preemptions": [(_model(0.15), _model(0))],
    "Servers": [(_one(2), _one(2)), (_one(2), _one(2)), (_one(3), _one(2)), (_one(4), _one(4))],
    "Fallback": [({'{scaledobject="chat"}': 1}, {'{scaledobject="chat"}': 0}), (_one(95), _one(0))],
    "GPU utilisation": [_cards("DCGM_FI_DEV_GPU_UTIL", 0.01), _cards("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE")],
    "GPU memory used": [_cards("DCGM_FI_DEV_FB_USED")],
    "GPU power": [_cards("DCGM_FI_DEV_POWER_USAGE")],
    "GPU temperature": [_cards("DCGM_FI_DEV_GPU_TEMP")],
    "GPU errors": [_cards("DCGM_FI_DEV_XID_ERRORS")],
}
"""By panel, of each of its queries: busy and idle."""


def scene(name: str, asked: list[tuple[str, str]]) -> Scene:
    """Titles and expressions of every panel in one state, with busy neighbours that mustn't count; NaN is nothing."""
    wanted = [query for answers in ANSWERS.values() for query in answers]
    answers = [
        (f"({expression}) >= 0", f"{_MINUTES}m", _wanted(name, expression, want))
        for (_, expression), want in zip(asked, wanted, strict=True)
    ]
    return Scene(name, {**others(_SERIES["busy"]), **_SERIES[name]}, answers, interval="1m")


def _wanted(name: str, expression: str, want: tuple[Samples, Samples]) -> Samples:
    around = any(prefix in expression for prefix in ("kube_", "keda_", "DCGM_"))
    if name == "empty" or (name == "blind" and around):
        return {}
    return want[name == "idle"]


# --- all models ----------------------------------------------------------------------------------------------

_OF_TOKENS = (
    *("generation_tokens", "time_to_first_token_seconds", "inter_token_latency_seconds"),
    *("request_time_per_output_token_seconds", "request_decode_time_seconds"),
)


def _of(model: str, *, shown: bool) -> Series:
    """The first pod's series for a model that generates no tokens; whether vLLM shows their series all the same."""
    found = {}
    for key, values in _SERVERS.items():
        tokens = any(name in key for name in _OF_TOKENS)
        if _A in key and (shown or not (tokens or 'status="5xx"' in key)):
            name = key.replace("llama-3.1-8b", model).replace("chat-", f"{model}-").replace("/chat", f"/{model}")
            found[name] = _grows(0) if tokens else values
    return found


def _lines(**values: float) -> Samples:
    """Of the models whose values are known."""
    return {
        f'{{namespace="inference",model_name="{model.replace("chat", "llama-3.1-8b")}"}}': value
        for model, value in values.items()
    }


def fleet(asked: list[tuple[str, str]]) -> Scene:
    """The table of all models, where NaN is seen. Of other queries only that Prometheus can answer them.

    One model generates, two do not, one had its last server 20 minutes ago, and one never had any.
    """
    series = {
        **_SERVERS,
        **_AROUND,
        **_of("embed", shown=True),
        **_of("rerank", shown=False),
        vllm("num_requests_running").replace("llama-3.1-8b", "gone"): f"1x{_MINUTES - 20} stale",
        **_fact("new", "new"),
        **_fact("embed", "embed"),
    }
    table = [
        _lines(chat=2, embed=1, rerank=1, gone=0, new=0),
        _lines(chat=12, embed=9, rerank=9),
        _lines(chat=10, embed=3, rerank=3),
        _lines(chat=3.5, embed=1.5, rerank=1.5),
        _lines(chat=150, embed=100, rerank=100),
        _lines(chat=30, embed=0),
        _lines(chat=1.8),
        _lines(chat=18, embed=19, rerank=19),
        _lines(chat=3 / 180, embed=3 / 60, rerank=0),
        _lines(chat=0.8, embed=0.8, rerank=0.8),
    ]
    models = [expression for title, expression in asked if title == "Models"]
    answers = [(expression, f"{_MINUTES}m", want) for expression, want in zip(models, table, strict=True)]
    answers += [(f"(count({expression}) or vector(0)) >= bool 0", f"{_MINUTES}m", _one(1)) for _, expression in asked]
    return Scene("fleet", series, answers, interval="1m")
