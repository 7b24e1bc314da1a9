"""Every expression that the stack, its charts and its dashboard ask, and the metrics and labels in them."""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import yaml

from gpuyard.catalogue.alerts import catalogue
from gpuyard.render import prometheusrule
from gpuyard.tree import Tree
from tests.chart.rendering import case, objects
from tests.projects import resolved
from tests.promql import metrics

__all__ = ["dashboard", "facts", "filled", "panels", "problems", "queries", "rules"]

# What is read besides vLLM's own metrics, and the labels of it that are used. tests/e2e/test_kube_state_metrics.py asks
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
    "http_requests_total": _KUBE | {"pod", "handler", "method", "status"},
    "kube_customresource_scaledobject_status_condition": _KUBE | {"scaledobject", "condition"},
    "kube_deployment_created": _KUBE | {"deployment"},
    "kube_deployment_spec_replicas": _KUBE | {"deployment"},
    "kube_deployment_status_replicas_available": _KUBE | {"deployment"},
    "kube_horizontalpodautoscaler_spec_max_replicas": _KUBE | {"horizontalpodautoscaler"},
    "kube_horizontalpodautoscaler_spec_min_replicas": _KUBE | {"horizontalpodautoscaler"},
    "kube_horizontalpodautoscaler_status_condition": _KUBE | {"horizontalpodautoscaler", "condition", "status"},
    "kube_horizontalpodautoscaler_status_desired_replicas": _KUBE | {"horizontalpodautoscaler"},
    "kube_job_status_start_time": _KUBE | {"job_name"},
    "kube_job_status_succeeded": _KUBE | {"job_name"},
    "kube_pod_container_status_restarts_total": _KUBE | {"pod", "container"},
    "kube_pod_created": _KUBE | {"pod"},
    "kube_pod_deletion_timestamp": _KUBE | {"pod"},
    "kube_pod_status_phase": _KUBE | {"pod", "phase"},
    "kube_pod_status_ready": _KUBE | {"pod", "condition"},
    "kube_replicaset_created": _KUBE | {"replicaset"},
    "kube_replicaset_spec_replicas": _KUBE | {"replicaset"},
    "keda_scaled_object_errors_total": _KUBE | {"exported_namespace", "scaledObject"},
    "keda_scaler_empty_upstream_responses_total": _KUBE | {"exported_namespace", "scaledResource"},
    "keda_scaler_http_requests_total": _KUBE | {"exported_namespace", "scaled_resource", "status_code"},
}
_MODEL = _KUBE | {"deployment", "model_name"}
FACTS = {
    "gpuyard:start_budget_seconds": _MODEL,
    "gpuyard:download_budget_seconds": _MODEL,
    "gpuyard:ttft_error_budget": _MODEL | {"le"},
}
"""What the chart records about a model."""
_RECORDED = dict.fromkeys(
    (series.record for series in catalogue().series), _MODEL | {"pod", "engine", "replicaset", "status", "failure"}
)
_SELECTOR = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*(?:=~|!~|!=|=)"[^"]*",?)*)\})?')
_MATCHER = re.compile(r'([a-zA-Z_]\w*)(?:=~|!~|!=|=)"[^"]*"')
_GROUPING = re.compile(r"\b(?:by|on|group_left|without) \(([\w, ]*)\)")
_LANGUAGE = {
    *("sum", "avg", "max", "min", "count", "group", "rate", "increase", "histogram_quantile", "label_replace"),
    *("clamp_min", "max_over_time", "min_over_time", "last_over_time", "sum_over_time", "time", "timestamp", "vector"),
    *("and", "or", "unless", "by", "on", "without", "group_left", "bool"),
}
_MADE = re.compile(r'"(\w+)", "\$1"')
"""The label that label_replace makes."""


_SURGE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def facts(**changes: Any) -> list[dict[str, Any]]:
    """The groups that the chart of a model brings: with a download, an slo of 2.5 s and GPUs for a surge."""
    found = objects(case("shared-cache", **{"strategy": _SURGE, **changes}))
    rules = (found[kind] for kind in ("PrometheusRule", "download-PrometheusRule") if kind in found)
    return [group for rule in rules for group in rule["spec"]["groups"]]


def rules(**stack: Any) -> dict[str, Any]:
    """The group of a stack, whose namespace is inference."""
    (rule,) = prometheusrule.objects(resolved({}, stack))
    (group,) = rule["spec"]["groups"]
    found: dict[str, Any] = group
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
    made = set(_MADE.findall(expression))
    bare = re.sub(r"\[\d+[smhd]\]", "", _GROUPING.sub(" ", expression))
    bare = re.sub(r'(?<=[ (,])"[^"]*"', "", bare)  # what label_replace is told
    asked = [(name, set(_MATCHER.findall(inside))) for name, inside in _SELECTOR.findall(bare) if name not in _LANGUAGE]
    found = [text for name, labels in asked for text in _wrong(name, labels, version)]
    for label in {*re.findall(r"\w+", " ".join(_GROUPING.findall(expression)))} - made:
        said = [_wrong(name, {label}, version) for name in sorted({name for name, _ in asked})]
        found += [text for each in said for text in each] if all(said) else []
    return found


def _wrong(name: str, labels: set[str], version: str) -> list[str]:
    """What is wrong with a metric and its labels."""
    if known := (OTHERS | FACTS | _RECORDED).get(name):
        return [f"{name} has no label {label}" for label in labels - known]
    if not name.startswith("vllm:"):
        return [f"{name} is neither a function nor a metric that we know"]
    problem = metrics.problem(name, labels, version)
    return [problem] if problem else []
