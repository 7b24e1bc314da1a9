"""charts/vllm: the alerts."""

import re
from typing import Any

import helm_python
import pytest

from tests.chart.rendering import case, objects
from tests.promql.alerts import WAITS

Spec = dict[str, Any]


def rules(name: str = "shared-cache", **changes: Any) -> dict[str, Spec]:
    changes.setdefault("prometheusRule", {}).setdefault("enabled", True)
    (group,) = objects(case(name, **changes))["PrometheusRule"]["spec"]["groups"]
    found = {rule["alert"]: rule for rule in group["rules"]}
    assert len(found) == len(group["rules"])
    return found


SERVING = {
    "VllmQueueTimeHigh", "VllmPreemptions", "VllmKvCacheFull", "VllmRejectsRequests",
    "VllmTtftBudgetBurnsFast", "VllmTtftBudgetBurnsSlowly", "VllmDown", "VllmStartsSlowly",
    "VllmEngineDies", "VllmMetricsMissing",
}  # fmt: skip
SCALING = {"VllmScalerInFallback", "VllmScalingInactive", "VllmAtMaxReplicas"}


def test_alerts() -> None:
    assert set(rules()) == SERVING | SCALING
    assert set(rules("volume")) == SERVING


def test_every_alert_says_whose_it_is_and_what_to_do() -> None:
    for name, rule in rules().items():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert (rule["labels"]["namespace"], rule["labels"]["model"]) == ("inference", "llama-3.1-8b")
        assert rule["labels"]["team"] == "search"
        assert rule["annotations"]["runbook_url"] == f"https://runbooks.example.com/vllm/{name}"
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")
    assert "runbook_url" not in rules("volume")["VllmDown"]["annotations"]


CRITICAL = {"VllmDown", "VllmTtftBudgetBurnsFast"}


def test_every_alert_waits_as_long_as_it_should() -> None:
    """Too short is an alarm at every burst, too long is an outage that nobody hears of."""
    found = rules()
    assert {name: rule["for"] for name, rule in found.items()} == {name: f"{WAITS[name]}m" for name in found}
    assert {name for name, rule in found.items() if rule["labels"]["severity"] == "critical"} == CRITICAL
    for name, minutes in (("VllmDown", "for 5 minutes"), ("VllmAtMaxReplicas", "for 30 minutes")):
        assert minutes in found[name]["annotations"]["description"]


@pytest.mark.parametrize(
    ("seconds", "bound"),
    [(2.5, "2.5"), (2, "2.5"), (1, "1.0"), (0.3, "0.5"), (600, "640.0"), (2560, "2560.0")],
)
def test_the_objective_is_a_bound_of_the_histogram(seconds: float, bound: str) -> None:
    expression = rules(prometheusRule={"ttftSeconds": seconds})["VllmTtftBudgetBurnsFast"]["expr"]
    assert set(re.findall('le="([^"]*)"', expression)) == {bound}


def test_the_budget_burns() -> None:
    found = rules(prometheusRule={"ttftObjective": 99})
    assert found["VllmTtftBudgetBurnsFast"]["expr"].count("> 0.144") == 2
    assert found["VllmTtftBudgetBurnsSlowly"]["expr"].count("> 0.06") == 2


def test_a_starting_server_is_not_down() -> None:
    budget = 900 + 1800
    assert f"< {budget}" in rules("volume")["VllmDown"]["expr"]
    assert f"> {budget}" in rules("volume")["VllmStartsSlowly"]["expr"]
    assert f"> {budget}" in rules()["VllmStartsSlowly"]["expr"]
    assert "kube_job" not in rules("volume")["VllmDown"]["expr"]


def test_blindness_is_said_before_pods_are_taken_away() -> None:
    assert WAITS["VllmMetricsMissing"] == 3
    spec = objects(case("default", scaling={"enabled": True}))["ScaledObject"]["spec"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] > 180


@pytest.mark.parametrize(("signal", "gated"), [("concurrency", True), ("composite", True), ("upstream", False)])
def test_without_a_ready_pod_only_upstream_can_be_blind(signal: str, gated: bool) -> None:
    upstream = {"query": "sum(a)"} if signal == "upstream" else {}
    found = rules(scaling={"enabled": True, "signal": signal, "upstream": upstream})["VllmScalerInFallback"]["expr"]
    assert ("kube_deployment_status_replicas_available" in found) is gated


@pytest.mark.parametrize(("polling", "half"), [(15, "10"), (60, "2.5"), (300, "0.5")])
def test_half_of_the_polls_are_enough(polling: int, half: str) -> None:
    found = rules(scaling={"enabled": True, "pollingSeconds": polling})["VllmScalerInFallback"]["expr"]
    assert f") > {half} unless " in found


@pytest.mark.parametrize("length", [45, 46, 47, 53])
def test_kubernetes_keeps_the_name_of_a_pod_whole(length: int) -> None:
    """What is before the last five characters is cut to 58, and a ReplicaSet's hash has up to ten."""
    name = "a" * length
    values = case("shared-cache", fullnameOverride="", nameOverride="a")
    found = {
        kind: obj["metadata"]["name"] for kind, obj in objects(values, name=name).items() if kind != "ServiceAccount"
    }
    pod = f"{found['Deployment']}-{'0' * 10}-"
    assert len(pod) <= 58
    rule = objects(values, name=name)["PrometheusRule"]["spec"]["groups"][0]["rules"]
    (dies,) = [each["expr"] for each in rule if each["alert"] == "VllmEngineDies"]
    (down,) = [each["expr"] for each in rule if each["alert"] == "VllmDown"]
    assert re.fullmatch(re.findall('pod=~"([^"]*)"', dies)[0], pod + "abcde")
    assert re.fullmatch(re.findall('job_name=~"([^"]*)"', down)[0], found["download-Job"])
    assert max(map(len, found.values())) <= 63


def test_a_name_that_would_be_cut_is_refused() -> None:
    assert objects(case("shared-cache", fullnameOverride="a" * 46))
    with pytest.raises(helm_python.HelmError):
        objects(case("shared-cache", fullnameOverride="a" * 47))
