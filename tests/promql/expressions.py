"""Every expression that the chart and the dashboard ask, and the metrics and labels in them."""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import yaml

from gpuyard.tree import Tree
from tests.chart.rendering import case, objects
from tests.promql import metrics

__all__ = ["dashboard", "filled", "panels", "problems", "queries", "rules"]

# What is read beside vLLM's own metrics, and the labels that its queries use. tests/e2e/test_kube_state_metrics.py asks
# a real kube-state-metrics for its names. The GPUs' are in etc/default-counters.csv of dcgm-exporter 4.5.3-4.8.2, their
# labels in internal/pkg/rendermetrics/render_metrics.go and internal/pkg/transformation/const.go there; requests by
# status are the prometheus-fastapi-instrumentator's, as vLLM 0.32.0 shows them.
_KUBE = {"namespace"}
_GPU = {"namespace", "pod", "exported_namespace", "exported_pod", "gpu", "GPU_I_ID"}
OTHERS = {
    "DCGM_FI_DEV_FB_USED": _GPU,
    "DCGM_FI_DEV_GPU_TEMP": _GPU,
    "DCGM_FI_DEV_GPU_UTIL": _GPU,
    "DCGM_FI_DEV_POWER_USAGE": _GPU,
    "DCGM_FI_DEV_XID_ERRORS": _GPU,
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": _GPU,
    "gpuyard:start_budget_seconds": {"namespace", "deployment", "model_name"},
    "http_requests_total": {"namespace", "pod", "handler", "status"},
    "kube_customresource_scaledobject_status_condition": _KUBE | {"scaledobject", "condition"},
    "kube_deployment_spec_replicas": _KUBE | {"deployment"},
    "kube_deployment_status_replicas_available": _KUBE | {"deployment"},
    "kube_horizontalpodautoscaler_spec_max_replicas": _KUBE | {"horizontalpodautoscaler"},
    "kube_horizontalpodautoscaler_status_condition": _KUBE | {"horizontalpodautoscaler", "condition", "status"},
    "kube_horizontalpodautoscaler_status_desired_replicas": _KUBE | {"horizontalpodautoscaler"},
    "kube_job_status_active": _KUBE | {"job_name"},
    "kube_pod_container_status_restarts_total": _KUBE | {"pod", "container"},
    "kube_pod_created": _KUBE | {"pod"},
    "kube_pod_status_phase": _KUBE | {"pod", "phase"},
    "kube_pod_status_ready": _KUBE | {"pod", "condition"},
    "keda_scaled_object_errors_total": _KUBE | {"exported_namespace", "scaledObject"},
    "keda_scaler_empty_upstream_responses_total": _KUBE | {"exported_namespace", "scaledResource"},
    "keda_scaler_http_requests_total": _KUBE | {"exported_namespace", "scaled_resource", "status_code"},
}
_SELECTOR = re.compile(r'([a-zA-Z_:][\w:]*)\{((?:[a-zA-Z_]\w*(?:=~|!~|!=|=)"[^"]*",?)*)\}')
_MATCHER = re.compile(r'([a-zA-Z_]\w*)(?:=~|!~|!=|=)"[^"]*"')
_GROUPING = re.compile(r"\b(?:by|on|group_left) \(([\w, ]*)\)")
_LANGUAGE = {
    *("sum", "avg", "max", "min", "count", "rate", "increase", "histogram_quantile"),
    *(
        "max_over_time",
        "min_over_time",
        "last_over_time",
        "time",
        "vector",
        "and",
        "or",
        "unless",
        "group",
        "label_replace",
    ),
}


def rules(name: str = "shared-cache", **changes: Any) -> list[dict[str, Any]]:
    """The groups of the chart's PrometheusRule."""
    found: list[dict[str, Any]] = objects(case(name, **changes))["PrometheusRule"]["spec"]["groups"]
    return found


def queries() -> dict[str, str]:
    """The query of every signal."""
    triggers = [
        *objects(case("shared-cache"))["ScaledObject"]["spec"]["triggers"],
        *objects(case("bucket"))["ScaledObject"]["spec"]["triggers"],
    ]
    return {trigger["name"]: trigger["metadata"]["query"] for trigger in triggers}


def dashboard(tree: Tree) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    data = yaml.safe_load(tree[PurePosixPath("platform/configs/dashboard.yaml")])["data"]
    (text,) = data.values()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def panels(tree: Tree, model: str = r"llama-3\\.1-8b", server: str = "chat") -> Iterator[tuple[str, str]]:
    """Title and expression of every panel, with the variables as Grafana fills them in."""
    for panel in dashboard(tree)["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], filled(target["expr"], model, server)


def filled(query: str, model: str, server: str) -> str:
    """A query with the variables as Grafana fills them in."""
    values = {"namespace": "inference", "model_name": model, "server": server}
    for name, value in {**values, "__rate_interval": "5m", "__range": "1h"}.items():
        query = query.replace(f"${name}", value)
    return query


def problems(expression: str, version: str) -> list[str]:
    """Metrics and labels that don't exist, and words that aren't understood."""
    found = []
    names = set()
    for name, matchers in _SELECTOR.findall(expression):
        labels = set(_MATCHER.findall(matchers))
        names.add(name)
        if name in OTHERS:
            found += [f"{name} has no label {label}" for label in labels - OTHERS[name]]
        elif problem := metrics.problem(name, labels, version):
            found.append(problem)
    for label in re.findall(r"\w+", " ".join(_GROUPING.findall(expression))):
        said = [_lacks(name, label, version) for name in sorted(names)]
        found += [text for text in said if text] if all(said) else []
    rest = _GROUPING.sub(" ", _SELECTOR.sub(" ", expression))
    words = set(re.findall(r"[a-zA-Z_:][\w:]*", re.sub(r'\[\d+[smhd]\]|offset \d+s|"[^"]*"', "", rest)))
    return found + [f"{word} is neither a function nor a metric with a selector" for word in sorted(words - _LANGUAGE)]


def _lacks(name: str, label: str, version: str) -> str | None:
    if name in OTHERS:
        return None if label in OTHERS[name] else f"{name} has no label {label}"
    return metrics.problem(name, [label], version)
