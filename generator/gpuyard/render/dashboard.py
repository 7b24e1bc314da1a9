"""The stack's Grafana dashboard, in a ConfigMap that a Grafana with the dashboard sidecar picks up."""

import json
from dataclasses import dataclass
from typing import Any

from gpuyard.resolve import Resolved, prometheus

__all__ = ["objects"]

Object = dict[str, Any]

# A PodMonitor's job is called namespace/name, and all objects of a server have one name.
_OURS = '{namespace="$namespace",job="$namespace/$server"}'
_DEPLOYMENT = '{namespace="$namespace",deployment="$server"}'
_HPA = '{namespace="$namespace",horizontalpodautoscaler="keda-hpa-$server"}'
_FALLBACK = '{namespace="$namespace",scaledobject="$server",condition="Fallback"}'
_COUNTERS = (
    'keda_scaler_empty_upstream_responses_total{{scaledResource="$server",{}="$namespace"}}',
    'keda_scaler_http_requests_total{{scaled_resource="$server",{}="$namespace",status_code!~"2.."}}',
    'keda_scaled_object_errors_total{{scaledObject="$server",{}="$namespace"}}',
)
_SOURCE = {"type": "prometheus", "uid": "$datasource"}
_HEIGHT, _WIDTH = 8, 24  # of a panel, and of Grafana's grid


@dataclass(frozen=True, slots=True)
class _Panel:
    """One question; the legend of a query in front of it."""

    title: str
    question: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def _rate(metric: str) -> str:
    return f"sum(rate(vllm:{metric}{_OURS}[$__rate_interval]))"


def _quantiles(title: str, question: str, metric: str) -> _Panel:
    rate = f"sum by (le) (rate(vllm:{metric}_bucket{_OURS}[$__rate_interval]))"
    queries = tuple((f"p{each}", f"histogram_quantile(0.{each}, {rate})") for each in (50, 95))
    return _Panel(title, question, "s", queries)


def _failures() -> str:
    """KEDA's namespace label is renamed by a scrape without honorLabels."""
    labels = ("namespace", "exported_namespace")
    return f"sum({' or '.join(f'increase({each.format(label)}[5m])' for label in labels for each in _COUNTERS)})"


_ROWS: tuple[tuple[str, tuple[_Panel, ...]], ...] = (
    ("Traffic", (
        _Panel("Running", "How many requests are being processed?", "short",
               (("{{pod}}", f"sum by (pod) (vllm:num_requests_running{_OURS})"),)),
        _Panel("Waiting", "How many requests are waiting for a slot?", "short",
               (("{{pod}}", f"sum by (pod) (vllm:num_requests_waiting{_OURS})"),)),
        _Panel("Requests", "How many requests finish, and how?", "reqps",
               (("{{finished_reason}}",
                 f"sum by (finished_reason) (rate(vllm:request_success_total{_OURS}[$__rate_interval]))"),
                ("rejected", _rate("admission_rejections_total")))),
        _Panel("Tokens", "How many tokens per second are read and generated?", "short",
               (("prompt", _rate("prompt_tokens_total")), ("generated", _rate("generation_tokens_total")))),
    )),
    ("Latency", (
        _quantiles("Time to first token", "How long until the first token?", "time_to_first_token_seconds"),
        _quantiles("Between tokens", "How much time passes between tokens?", "inter_token_latency_seconds"),
        _quantiles("Whole request", "How long does a whole request take?", "e2e_request_latency_seconds"),
        _quantiles("Queue", "How much of that is time in the queue?", "request_queue_time_seconds"),
    )),
    ("Cache", (
        _Panel("KV cache used", "How full is the KV cache?", "percentunit",
               (("{{pod}}", f"max by (pod) (vllm:kv_cache_usage_perc{_OURS})"),)),
        _Panel("Prefix cache hits", "What share of prompt tokens is already cached?", "percentunit",
               (("hits", f"{_rate('prefix_cache_hits_total')} / {_rate('prefix_cache_queries_total')}"),)),
        _Panel("Preemptions", "How many requests per second are recomputed because the cache is full?", "cps",
               (("preemptions", _rate("num_preemptions_total")),)),
    )),
    ("Scaling", (
        _Panel("Servers", "How many servers are wanted, ready and allowed?", "short",
               (("wanted", f"sum(kube_deployment_spec_replicas{_DEPLOYMENT})"),
                ("ready", f"sum(kube_deployment_status_replicas_available{_DEPLOYMENT})"),
                ("most", f"sum(kube_horizontalpodautoscaler_spec_max_replicas{_HPA})"))),
        _Panel("Fallback", "Is the scaling signal lost? 1 during a fallback; failed readings in 5 minutes.", "short",
               (("fallback", f"max(kube_customresource_scaledobject_status_condition{_FALLBACK})"),
                ("failed readings", _failures()))),
    )),
)  # fmt: skip


def objects(resolved: Resolved) -> list[Object]:
    """The ConfigMap; beside the models where Prometheus isn't ours, since no other namespace is sure to exist."""
    stack = resolved.stack
    ours = prometheus.installed(stack.platform)
    namespace = ours.namespace if ours else stack.namespace
    metadata = {"name": f"{stack.name}-dashboard", "namespace": namespace, "labels": {"grafana_dashboard": "1"}}
    text = json.dumps(_dashboard(stack.name, stack.namespace), indent=1) + "\n"
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {f"{stack.name}.json": text}}]


def _dashboard(name: str, namespace: str) -> Object:
    return {
        "uid": name,
        "title": f"{name}: model servers",
        "tags": ["gpuyard", "vllm"],
        "editable": False,
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": _variables(namespace)},
        "panels": _panels(),
    }


def _variables(namespace: str) -> list[Object]:
    """Of the HPAs that KEDA makes: vLLM's own series end with the last pod, and a model at zero must be found, too."""
    scaled, ours = "kube_horizontalpodautoscaler_spec_max_replicas", 'horizontalpodautoscaler=~"keda-hpa-.+"'
    server = f'label_values({scaled}{{namespace="$namespace",{ours}}}, horizontalpodautoscaler)'
    return [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        {
            **_variable("namespace", f"label_values({scaled}{{{ours}}}, namespace)"),
            "current": {"text": namespace, "value": namespace},
        },
        {**_variable("server", server), "regex": "/keda-hpa-(.+)/"},
    ]


def _variable(name: str, query: str) -> Object:
    return {"name": name, "type": "query", "datasource": _SOURCE, "query": query, "refresh": 2, "sort": 1}


def _panels() -> list[Object]:
    found: list[Object] = []
    for row, (title, panels) in enumerate(_ROWS):
        top = row * (_HEIGHT + 1)
        place = {"x": 0, "y": top, "w": _WIDTH, "h": 1}
        found.append({"id": len(found) + 1, "type": "row", "title": title, "gridPos": place, "panels": []})
        width = _WIDTH // len(panels)
        for column, panel in enumerate(panels):
            place = {"x": column * width, "y": top + 1, "w": width, "h": _HEIGHT}
            found.append({"id": len(found) + 1, **_panel(panel), "gridPos": place})
    return found


def _panel(panel: _Panel) -> Object:
    targets = [
        {"refId": chr(ord("A") + index), "legendFormat": legend, "expr": expression, "datasource": _SOURCE}
        for index, (legend, expression) in enumerate(panel.queries)
    ]
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.question,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }
