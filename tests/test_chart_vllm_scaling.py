"""charts/vllm: the ScaledObject, its queries and the PodMonitor."""

import re
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.rendering import CASES, ROOT, case, objects, text

Spec = dict[str, Any]

METRICS: Spec = yaml.load((ROOT / "generator/gpuyard/catalogue/vllm/0.32.yaml").read_text("utf-8"), yaml.CSafeLoader)[
    "metrics"
]
CLUSTER_METRICS = {
    "keda_scaled_object_errors_total",
    "keda_scaler_empty_upstream_responses_total",
    "keda_scaler_http_requests_total",
    "kube_customresource_scaledobject_status_condition",
    "kube_deployment_spec_replicas",
    "kube_deployment_status_replicas_available",
    "kube_horizontalpodautoscaler_spec_max_replicas",
    "kube_horizontalpodautoscaler_status_condition",
    "kube_horizontalpodautoscaler_status_desired_replicas",
    "kube_job_status_active",
    "kube_pod_container_status_restarts_total",
    "kube_pod_created",
    "kube_pod_status_phase",
    "kube_pod_status_ready",
}
SERIES = '{namespace="inference",model_name="llama-3.1-8b"}'


def scaled(name: str = "default", **changes: Any) -> Spec:
    changes.setdefault("scaling", {}).setdefault("enabled", True)
    spec: Spec = objects(case(name, **changes))["ScaledObject"]["spec"]
    return spec


def triggers(signal: str) -> dict[str, Spec]:
    found = scaled("shared-cache", scaling={"signal": signal})["triggers"]
    return {trigger["name"]: trigger for trigger in found}


# --- the ScaledObject ---------------------------------------------------------------------------------------


def test_keda_alone_owns_the_number_of_pods() -> None:
    assert objects(case("volume"))["Deployment"]["spec"]["replicas"] == 3
    found = objects(case("shared-cache"))
    assert "replicas" not in found["Deployment"]["spec"]
    target = found["ScaledObject"]["spec"]["scaleTargetRef"]
    assert target == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": found["Deployment"]["metadata"]["name"],
    }


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ("concurrency", ["concurrency"]),
        ("queue", ["concurrency", "queue"]),
        ("ttft", ["concurrency", "ttft"]),
        ("kv", ["concurrency", "kv"]),
        ("composite", ["concurrency", "queue", "ttft", "kv"]),
    ],
)
def test_every_signal_stands_on_concurrency(signal: str, expected: list[str]) -> None:
    assert list(triggers(signal)) == expected


def test_queries_and_thresholds() -> None:
    found = {
        name: (trigger["metadata"]["query"], trigger["metadata"]["threshold"])
        for name, trigger in triggers("composite").items()
    }
    bucket = "vllm:time_to_first_token_seconds_bucket" + SERIES
    quantile = f"histogram_quantile(0.95, sum by (le) (rate({bucket}[120s])))"
    assert found == {
        "concurrency": (
            f"sum(vllm:num_requests_running{SERIES}) + sum(vllm:num_requests_waiting{SERIES})",
            "16",
        ),
        "queue": (f"sum(vllm:num_requests_waiting{SERIES})", "4"),
        "ttft": (f"{quantile} >= 0 or 0 * sum(vllm:num_requests_running{SERIES})", "2"),
        "kv": (f"sum(avg by (pod) (vllm:kv_cache_usage_perc{SERIES}))", "0.8"),
    }


def test_a_missing_signal_is_an_error_and_never_idleness() -> None:
    for name, trigger in triggers("composite").items():
        assert trigger["metadata"]["ignoreNullValues"] == "false"
        assert "vector(0)" not in trigger["metadata"]["query"]
        assert trigger["metricType"] == ("Value" if name == "ttft" else "AverageValue")


def test_keda_reads_texts() -> None:
    for name in ("shared-cache", "bucket"):
        for trigger in objects(case(name))["ScaledObject"]["spec"]["triggers"]:
            assert all(isinstance(value, str) for value in trigger["metadata"].values())


@pytest.mark.parametrize("least", [1, 3])
def test_without_a_signal_nothing_shrinks(least: int) -> None:
    spec = scaled(scaling={"min": least, "max": 5})
    assert spec["fallback"] == {
        "failureThreshold": 3,
        "replicas": least,
        "behavior": "currentReplicasIfHigher",
    }
    assert spec["advanced"]["restoreToOriginalReplicaCount"] is False
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (least, 5)


def test_zero_is_woken_from_upstream() -> None:
    spec = scaled("bucket")
    assert spec["minReplicaCount"] == 0
    assert "fallback" not in spec  # it would wake the model whenever Prometheus is away
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["query"] == case("bucket")["scaling"]["upstream"]["query"]
    assert trigger["metadata"]["activationThreshold"] == "0"


@pytest.mark.parametrize(
    ("scaling", "words"),
    [
        ({"min": 0}, "0 needs scaling.signal upstream"),
        ({"min": 0, "signal": "composite"}, "0 needs scaling.signal upstream"),
        ({"signal": "upstream"}, "signal upstream needs a query"),
        ({"signal": "upstream", "upstream": {"query": "sum(a) or vector(0)"}}, "is for scaling.min 0; with 1 pods"),
        ({"signal": "upstream", "upstream": {"query": "sum(a) OR on () vector(0)"}}, "is for scaling.min 0"),
        ({"cooldownSeconds": 59}, "scaling.cooldownSeconds: at least 60, or 0"),
        ({"down": {"stabilizationSeconds": 59}}, "scaling.down.stabilizationSeconds: at least 60, or 0"),
        ({"signal": "kv", "kv": {"target": 0.91}}, "0.9"),
        ({"min": 3, "max": 2}, "3 is more than scaling.max, 2"),
        ({"prometheus": {"auth": {"mode": "basic"}}}, "mode basic needs the Secret"),
    ],
)
def test_what_cannot_scale_is_refused(scaling: Spec, words: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        scaled(scaling=scaling)
    assert words in str(refusal.value)


@pytest.mark.parametrize("signal", ["ttft", "composite"])
def test_a_rate_needs_some_scrapes(signal: str) -> None:
    monitor = {"enabled": True, "intervalSeconds": 30}
    with pytest.raises(helm_python.HelmError, match=r"119 is less than four times podMonitor\.intervalSeconds, 30"):
        scaled(scaling={"signal": signal, "ttft": {"windowSeconds": 119}}, podMonitor=monitor)
    assert scaled(scaling={"signal": signal}, podMonitor=monitor)
    assert scaled(scaling={"ttft": {"windowSeconds": 119}}, podMonitor=monitor)


@pytest.mark.parametrize(
    ("schedule", "start", "up", "down", "cooldown"),
    [
        (0, 60, 60, 300, 600),
        (300, 400, 700, 400, 700),
        (900, 660, 1560, 660, 1560),
        (900, 2100, 1800, 2100, 3000),
        (900, 21600, 1800, 3600, 22500),
    ],
)
def test_times_follow_from_the_start(schedule: int, start: int, up: int, down: int, cooldown: int) -> None:
    """No pod is ordered twice while the first one starts, or taken away before it serves."""
    spec = scaled(budget={"startSeconds": start, "scheduleSeconds": schedule})
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleUp"]["policies"] == [{"type": "Pods", "value": 2, "periodSeconds": up}]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == down
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    assert spec["cooldownPeriod"] == cooldown


def test_times_of_ones_own() -> None:
    scaling = {"up": {"pods": 4, "periodSeconds": 120}, "down": {"stabilizationSeconds": 90}, "cooldownSeconds": 120}
    spec = scaled(scaling=scaling)
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleUp"]["policies"] == [{"type": "Pods", "value": 4, "periodSeconds": 120}]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 90
    assert spec["cooldownPeriod"] == 120


@pytest.mark.parametrize(
    ("mode", "ca", "keys"),
    [
        ("bearer", False, ["bearerToken"]),
        ("basic", True, ["username", "password", "ca"]),
        ("tls", True, ["cert", "key", "ca"]),
    ],
)
def test_prometheus_behind_a_login(mode: str, ca: bool, keys: list[str]) -> None:
    auth = {"mode": mode, "secret": "login", "ca": ca}
    found = objects(case("default", scaling={"enabled": True, "prometheus": {"auth": auth}}))
    references = found["TriggerAuthentication"]["spec"]["secretTargetRef"]
    assert references == [{"parameter": key, "name": "login", "key": key} for key in keys]
    (trigger,) = found["ScaledObject"]["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": found["TriggerAuthentication"]["metadata"]["name"]}
    assert trigger["metadata"]["authModes"] == mode  # without it KEDA ignores the rest, the CA too


def test_prometheus_without_a_login() -> None:
    found = objects(case("default", scaling={"enabled": True}))
    assert "TriggerAuthentication" not in found
    assert "authenticationRef" not in found["ScaledObject"]["spec"]["triggers"][0]


@pytest.mark.parametrize("namespace", ['a"b', "a\nb", "A"])
def test_a_namespace_cannot_end_the_query(namespace: str) -> None:
    with pytest.raises(helm_python.HelmError):
        text(case("shared-cache"), namespace=namespace)


# --- metrics ------------------------------------------------------------------------------------------------


def test_pods_are_scraped() -> None:
    found = objects(case("shared-cache"))
    monitor, deployment = found["PodMonitor"], found["Deployment"]
    assert monitor["spec"]["selector"] == deployment["spec"]["selector"]
    assert monitor["metadata"]["labels"]["release"] == "kps"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"], endpoint["interval"]) == ("http", "/metrics", "15s")
    (dropped,) = endpoint["metricRelabelings"]
    assert not any(re.fullmatch(dropped["regex"], name) for name in used() - CLUSTER_METRICS)


@pytest.mark.parametrize(("interval", "timeout"), [(5, "5s"), (15, "10s"), (60, "10s")])
def test_a_scrape_ends_before_the_next(interval: int, timeout: str) -> None:
    found = objects(case("default", podMonitor={"enabled": True, "intervalSeconds": interval}))
    assert found["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["scrapeTimeout"] == timeout


def expressions() -> list[str]:
    """Every PromQL expression of the chart."""
    found = objects(case("shared-cache"))
    (group,) = found["PrometheusRule"]["spec"]["groups"]
    queries = [trigger["metadata"]["query"] for trigger in found["ScaledObject"]["spec"]["triggers"]]
    return [*queries, *(rule["expr"] for rule in group["rules"])]


def used() -> set[str]:
    """Names of the metrics in them."""
    return {name for expression in expressions() for name in re.findall(r"([a-z_]+:?[a-z_]+)\{", expression)}


def test_every_metric_exists_in_this_vllm() -> None:
    for name in used() - CLUSTER_METRICS:
        family = re.sub("_(bucket|count|sum)$", "", name)
        assert name in METRICS or METRICS[family]["type"] == "histogram", name
    assert used() >= CLUSTER_METRICS


def test_every_series_is_ours_alone() -> None:
    for expression in expressions():
        # A name without labels would be everybody's; in a text between quotes it is no metric.
        bare = re.sub('"[^"]*"', '""', expression)
        assert not re.findall(r"\b(?:vllm:|kube_|keda_)\w+\b(?!\{)", bare), expression
        for labels in re.findall(r"\{([^{}]*=[^{}]*(?:\{[58]\})?[^{}]*)\}", expression):
            assert 'namespace="inference"' in labels, expression
            assert re.search(
                'model_name="llama-3.1-8b"|(deployment|scaled(o|O)bject|scaled_?(r|R)esource)="chat"|'
                'pod=~"chat-|job_name=~"chat-download-|keda-hpa-chat',
                labels,
            )


@pytest.mark.parametrize("name", CASES)
def test_nothing_needs_an_operator_unless_asked_for(name: str) -> None:
    wanted = case(name).get("scaling", {}).get("enabled", False)
    assert ("ScaledObject" in objects(case(name))) is wanted
