"""charts/vllm: what the alerts of a stack are told about one model. The alerts themselves: test_alerts.py."""

import re
from typing import Any

import helm_python
import pytest

from tests.chart.rendering import case, objects

Spec = dict[str, Any]


def facts(name: str = "shared-cache", **changes: Any) -> dict[str, Spec]:
    """Recording rules by what they record."""
    found = objects(case(name, **changes))
    rules = (found[kind] for kind in ("PrometheusRule", "download-PrometheusRule") if kind in found)
    return {rule["record"]: rule for each in rules for group in each["spec"]["groups"] for rule in group["rules"]}


def test_a_model_brings_facts_and_no_alert() -> None:
    assert facts().keys() == {
        "gpuyard:start_budget_seconds",
        "gpuyard:download_budget_seconds",
        "gpuyard:ttft_error_budget",
    }
    assert facts("default", prometheusRule={"enabled": True}).keys() == {"gpuyard:start_budget_seconds"}


def test_a_fact_says_whose_it_is() -> None:
    for rule in facts().values():
        labels = {key: value for key, value in rule["labels"].items() if key != "le"}
        assert labels == {"namespace": "inference", "deployment": "chat", "model_name": "llama-3.1-8b"}


def test_a_start_takes_what_the_budget_says() -> None:
    budget = {"scheduleSeconds": 600, "startSeconds": 1234}
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    assert facts(budget=budget, strategy=surge)["gpuyard:start_budget_seconds"]["expr"] == "vector(1834)"
    found = facts(download={"timeoutSeconds": 4321})
    assert found["gpuyard:download_budget_seconds"]["expr"] == "vector(4321)"


@pytest.mark.parametrize(
    ("strategy", "waits"),
    [
        ({}, True),
        ({"type": "Recreate"}, True),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}, True),
        ({"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 1}}, True),
        ({"rollingUpdate": {"maxSurge": 2}}, False),
        ({"rollingUpdate": {"maxUnavailable": 0}}, False),
        ({"type": "RollingUpdate"}, False),
    ],
)
def test_a_pod_that_takes_the_place_of_another_waits_until_that_has_finished(strategy: Spec, waits: bool) -> None:
    drain = {"preStopSeconds": 15, "shutdownSeconds": 3600, "marginSeconds": 15}
    found = facts(budget={"scheduleSeconds": 600, "startSeconds": 1234}, strategy=strategy, drain=drain)
    assert found["gpuyard:start_budget_seconds"]["expr"] == f"vector({1834 + waits * 3630})"


def test_the_fact_about_the_download_is_there_before_the_model() -> None:
    """It goes where the Job goes; an alert about a first download could not be raised otherwise."""
    found = objects(case("shared-cache"))
    job, rule = found["download-Job"], found["PrometheusRule"]
    for label in ("app.kubernetes.io/component", "app.kubernetes.io/name", "app.kubernetes.io/instance"):
        assert rule["metadata"]["labels"][label] == job["metadata"]["labels"][label]
    assert rule["metadata"]["name"] == found["Deployment"]["metadata"]["name"]
    alone = objects(case("shared-cache", download={"enabled": False}))
    assert "download" not in str(alone["PrometheusRule"])
    assert "PrometheusRule" not in objects(case("shared-cache", prometheusRule={"enabled": False}))


def test_prometheus_finds_it_by_its_labels() -> None:
    assert objects(case("shared-cache"))["PrometheusRule"]["metadata"]["labels"]["release"] == "kps"


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [(2.5, "2.5"), (2, "2.5"), (1, "1.0"), (0.3, "0.5"), (600, "640.0"), (2560, "2560.0"), (0.001, "0.001")],
)
def test_the_objective_is_a_bound_of_the_histogram(seconds: float, bound: str) -> None:
    found = facts(prometheusRule={"slo": {"ttftSeconds": seconds}})
    assert found["gpuyard:ttft_error_budget"]["labels"]["le"] == bound


@pytest.mark.parametrize(("objective", "budget"), [(95, "0.05"), (99, "0.01"), (99.9, "0.001")])
def test_what_the_objective_leaves_is_the_error_budget(objective: float, budget: str) -> None:
    found = facts(prometheusRule={"slo": {"objective": objective}})
    assert found["gpuyard:ttft_error_budget"]["expr"] == f"vector({budget})"


def test_without_an_objective_there_is_no_fact_about_it() -> None:
    assert "gpuyard:ttft_error_budget" not in facts(prometheusRule={"slo": {"ttftSeconds": 0}})


def test_an_objective_that_could_never_be_missed_fast_enough_is_refused() -> None:
    """14.4 times an error budget of 7 % is more than all requests."""
    with pytest.raises(helm_python.HelmError, match="objective"):
        facts(prometheusRule={"slo": {"objective": 93}})


def test_a_pod_that_still_starts_is_no_target() -> None:
    """kube-prometheus-stack's TargetDown would fire in every start of more than ten minutes."""
    (endpoint,) = objects(case("shared-cache"))["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert endpoint["relabelings"] == [
        {"action": "keep", "sourceLabels": ["__meta_kubernetes_pod_ready"], "regex": "true"}
    ]


@pytest.mark.parametrize("length", [45, 46, 47, 53])
def test_kubernetes_keeps_the_name_of_a_pod_whole(length: int) -> None:
    """What is before the last five characters is cut to 58, and a ReplicaSet's hash has up to ten."""
    values = case("shared-cache", fullnameOverride="", nameOverride="a")
    found = {
        kind: obj["metadata"]["name"]
        for kind, obj in objects(values, name="a" * length).items()
        if kind != "ServiceAccount"
    }
    assert len(f"{found['Deployment']}-{'0' * 10}-") <= 58
    assert re.fullmatch(r".+-download-[0-9a-f]{8}", found["download-Job"])
    assert max(map(len, found.values())) <= 63


def test_a_name_that_would_be_cut_is_refused() -> None:
    assert objects(case("shared-cache", fullnameOverride="a" * 46))
    with pytest.raises(helm_python.HelmError):
        objects(case("shared-cache", fullnameOverride="a" * 47))
