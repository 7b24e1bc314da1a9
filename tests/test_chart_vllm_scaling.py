"""charts/vllm: the ScaledObject, its queries and the PodMonitor."""

import json
import math
import re
from typing import Any

import helm_python
import pytest
import yaml

from tests.chart.rendering import CASES, ROOT, case, objects

Spec = dict[str, Any]

METRICS: Spec = yaml.load((ROOT / "generator/gpuyard/catalogue/vllm/0.32.yaml").read_text("utf-8"), yaml.CSafeLoader)[
    "metrics"
]
SERIES = '{namespace="inference",model_name="llama-3.1-8b"}'


def scaled(name: str = "default", **changes: Any) -> Spec:
    changes.setdefault("autoscaling", {}).setdefault("enabled", True)
    spec: Spec = objects(case(name, **changes))["ScaledObject"]["spec"]
    return spec


def triggers(signal: str) -> dict[str, Spec]:
    found = scaled("shared-cache", autoscaling={"signal": signal})["triggers"]
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
    spec = scaled(autoscaling={"minReplicas": least, "maxReplicas": 5})
    assert spec["fallback"] == {
        "failureThreshold": 3,
        "replicas": least,
        "behavior": "currentReplicasIfHigher",
    }
    assert spec["advanced"].keys() == {"horizontalPodAutoscalerConfig"}  # KEDA leaves the pods when it goes
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (least, 5)


def test_zero_is_woken_from_upstream() -> None:
    spec = scaled("bucket")
    assert spec["minReplicaCount"] == 0
    assert "fallback" not in spec  # it would wake the model whenever Prometheus is away
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["query"] == case("bucket")["autoscaling"]["upstream"]["query"]
    assert trigger["metadata"]["activationThreshold"] == "0"


@pytest.mark.parametrize(
    ("autoscaling", "words"),
    [
        ({"minReplicas": 0}, "0 needs autoscaling.signal upstream"),
        ({"minReplicas": 0, "signal": "composite"}, "0 needs autoscaling.signal upstream"),
        ({"signal": "upstream"}, "signal upstream needs a query"),
        ({"signal": "upstream", "upstream": {"query": "sum(a) or vector(0)"}}, "only for minReplicas 0; with 1 a lost"),
        ({"signal": "upstream", "upstream": {"query": "sum(a) OR on () vector(0)"}}, "is only for minReplicas 0"),
        ({"signal": "kv", "kv": {"target": 0.91}}, "0.9"),
        ({"minReplicas": 3, "maxReplicas": 2}, "3 is more than autoscaling.maxReplicas, 2"),
        ({"prometheus": {"auth": {"mode": "basic"}}}, "mode basic needs the Secret"),
        ({"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 1801}]}}}, "want 1,800"),
        ({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 3601}}}, "want 3,600"),
        ({"behavior": {"scaleUp": {"policies": []}}}, "minItems"),
        ({"behavior": {"scaleup": {}}}, "additional properties 'scaleup' not allowed"),
    ],
)
def test_what_cannot_scale_is_refused(autoscaling: Spec, words: str) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        scaled(autoscaling=autoscaling)
    assert words in str(refusal.value)


@pytest.mark.parametrize("signal", ["ttft", "composite"])
def test_a_rate_needs_some_scrapes(signal: str) -> None:
    monitor = {"enabled": True, "intervalSeconds": 30}
    with pytest.raises(helm_python.HelmError, match=r"119 is less than four times podMonitor\.intervalSeconds, 30"):
        scaled(autoscaling={"signal": signal, "ttft": {"windowSeconds": 119}}, podMonitor=monitor)
    assert scaled(autoscaling={"signal": signal}, podMonitor=monitor)
    assert scaled(autoscaling={"ttft": {"windowSeconds": 119}}, podMonitor=monitor)


def behavior(**changes: Any) -> Spec:
    found: Spec = scaled(**changes)["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    return found


@pytest.mark.parametrize(
    ("start", "up", "down"), [(60, 60, 300), (660, 660, 660), (2100, 1800, 2100), (21600, 1800, 3600)]
)
def test_times_follow_from_the_start(start: int, up: int, down: int) -> None:
    """No pod is ordered twice while the first one starts, or taken away before it serves."""
    found = behavior(budget={"startSeconds": start, "scheduleSeconds": 900})
    assert found == {
        "scaleUp": {
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": up},
                {"type": "Pods", "value": 2, "periodSeconds": up},
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": down,
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
        },
    }


def test_behavior_is_merged_over_what_is_computed() -> None:
    own = {"type": "Pods", "value": 4, "periodSeconds": 120}
    given = {"scaleUp": {"policies": [own]}, "scaleDown": {"stabilizationWindowSeconds": 0, "tolerance": "0.2"}}
    found, computed = behavior(autoscaling={"behavior": given}), behavior()
    assert found["scaleUp"] == {**computed["scaleUp"], "policies": [own]}
    assert found["scaleDown"] == {**computed["scaleDown"], "stabilizationWindowSeconds": 0, "tolerance": "0.2"}
    off = behavior(autoscaling={"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}})
    assert off["scaleDown"] == {**computed["scaleDown"], "selectPolicy": "Disabled"}


@pytest.mark.parametrize(("schedule", "start", "cooldown"), [(0, 60, 600), (300, 400, 700), (900, 21600, 22500)])
def test_who_was_woken_serves_before_it_goes(schedule: int, start: int, cooldown: int) -> None:
    spec = scaled("bucket", budget={"startSeconds": start, "scheduleSeconds": schedule})
    assert (spec["pollingInterval"], spec["cooldownPeriod"]) == (15, cooldown)
    given = scaled("bucket", autoscaling={"pollingInterval": 30, "cooldownPeriod": 120})
    assert (given["pollingInterval"], given["cooldownPeriod"]) == (30, 120)


def test_keda_is_told_only_what_it_uses() -> None:
    """Where pods stay, the HPA asks and waits; KEDA's webhook warns of these at every apply."""
    changes = {"minReplicas": 1, "pollingInterval": 30, "cooldownPeriod": 120}
    assert {"pollingInterval", "cooldownPeriod"}.isdisjoint(scaled(autoscaling=changes))


@pytest.mark.parametrize("pods", [1, 3])
def test_where_there_is_nothing_to_decide_there_is_no_scaler(pods: int) -> None:
    auth = {"auth": {"mode": "bearer", "secret": "login"}}
    changes = {"enabled": True, "minReplicas": pods, "maxReplicas": pods, "prometheus": auth}
    found = objects(case("default", autoscaling=changes, replicas=7))
    assert {"ScaledObject", "TriggerAuthentication"}.isdisjoint(found)
    assert found["Deployment"]["spec"]["replicas"] == pods


# --- how fast -----------------------------------------------------------------------------------------------


def seconds_to(wanted: int, rules: Spec, pods: int = 1) -> int:
    """How long the HPA takes, by its own rule (calculateScaleUpLimitWithScalingRules), asked every 15 s."""
    added: list[tuple[int, int]] = []
    for now in range(0, 24 * 3600, 15):
        if pods >= wanted:
            return now - 15
        limits = []
        for policy in rules["policies"]:
            before = pods - sum(count for when, count in added if when > now - policy["periodSeconds"])
            more = policy["value"] if policy["type"] == "Pods" else math.ceil(before * policy["value"] / 100)
            limits.append(before + more)
        more = max(0, min(wanted, max(limits)) - pods)
        added.append((now, more))
        pods += more
    raise AssertionError("not within a day")


@pytest.mark.parametrize(("start", "minutes"), [(660, 33), (1800, 90), (2100, 90), (21600, 90)])
def test_the_twentieth_pod_is_ordered_after_three_starts(start: int, minutes: int) -> None:
    """1, 3, 6, 12, 20. By twos, and with the time for a node in the period, it took about four hours."""
    budget = {"startSeconds": start, "scheduleSeconds": 900}
    found = behavior(budget=budget, autoscaling={"maxReplicas": 20})["scaleUp"]
    assert [seconds_to(pods, found) // 60 for pods in (3, 20)] == [0, minutes]
    by_twos = {"policies": [{"type": "Pods", "value": 2, "periodSeconds": min(1800, 900 + start)}]}
    assert seconds_to(20, by_twos) // 60 in (234, 270)


@pytest.mark.parametrize("pods", [1, 2, 5, 10])
def test_no_step_more_than_doubles_a_fleet_that_is_not_tiny(pods: int) -> None:
    """What was ordered last has had the time of a start before the load is judged again."""
    found = behavior(budget={"startSeconds": 600}, autoscaling={"maxReplicas": 256})["scaleUp"]
    assert seconds_to(max(2 * pods, pods + 2), found, pods) == 0
    assert seconds_to(max(2 * pods, pods + 2) + 1, found, pods) == 600


# --- Prometheus ---------------------------------------------------------------------------------------------


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
    found = objects(case("default", autoscaling={"enabled": True, "prometheus": {"auth": auth}}))
    references = found["TriggerAuthentication"]["spec"]["secretTargetRef"]
    assert references == [{"parameter": key, "name": "login", "key": key} for key in keys]
    (trigger,) = found["ScaledObject"]["spec"]["triggers"]
    assert trigger["authenticationRef"] == {"name": found["TriggerAuthentication"]["metadata"]["name"]}
    assert trigger["metadata"]["authModes"] == mode  # without it KEDA ignores the rest, the CA too


def test_prometheus_without_a_login() -> None:
    found = objects(case("default", autoscaling={"enabled": True}))
    assert "TriggerAuthentication" not in found
    assert "authenticationRef" not in found["ScaledObject"]["spec"]["triggers"][0]


@pytest.mark.parametrize("namespace", ['a"b', "a\nb", "a\\", 'a"} or vector(1) #'])
def test_a_namespace_cannot_end_the_query(namespace: str) -> None:
    spec = objects(case("shared-cache"), namespace=namespace)["ScaledObject"]["spec"]
    for trigger in spec["triggers"]:
        series = re.findall(
            r'\{namespace=("(?:[^"\\]|\\.)*"),model_name="llama-3.1-8b"\}', trigger["metadata"]["query"]
        )
        assert {json.loads(each) for each in series} == {namespace}


# --- metrics ------------------------------------------------------------------------------------------------


def test_pods_are_scraped() -> None:
    found = objects(case("shared-cache"))
    monitor, deployment = found["PodMonitor"], found["Deployment"]
    assert monitor["spec"]["selector"] == deployment["spec"]["selector"]
    assert monitor["metadata"]["labels"]["release"] == "kps"
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["interval"]) == ("http", "15s")
    (dropped,) = endpoint["metricRelabelings"]
    assert not any(re.fullmatch(dropped["regex"], name) for name in used())


@pytest.mark.parametrize(("interval", "timeout"), [(5, "5s"), (15, "10s"), (60, "10s")])
def test_a_scrape_ends_before_the_next(interval: int, timeout: str) -> None:
    found = objects(case("default", podMonitor={"enabled": True, "intervalSeconds": interval}))
    assert found["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["scrapeTimeout"] == timeout


def expressions() -> list[str]:
    """Every question to Prometheus."""
    return [
        trigger["metadata"]["query"] for trigger in objects(case("shared-cache"))["ScaledObject"]["spec"]["triggers"]
    ]


def used() -> set[str]:
    """Names of the metrics in them."""
    return {name for expression in expressions() for name in re.findall(r"([a-z_]+:?[a-z_]+)\{", expression)}


def test_every_metric_exists_in_this_vllm() -> None:
    assert len(used()) == 4
    for name in used():
        family = re.sub("_(bucket|count|sum)$", "", name)
        assert name in METRICS or METRICS[family]["type"] == "histogram", name


def test_every_series_is_of_this_server() -> None:
    for expression in expressions():
        assert not re.findall(r"\bvllm:\w+\b(?!\{)", expression), expression
        assert set(re.findall(r"\{[^{}]*\}", expression)) == {SERIES}


@pytest.mark.parametrize("name", CASES)
def test_nothing_needs_an_operator_unless_asked_for(name: str) -> None:
    wanted = case(name).get("autoscaling", {}).get("enabled", False)
    assert ("ScaledObject" in objects(case(name))) is wanted
