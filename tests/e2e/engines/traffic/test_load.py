"""Load makes replicas and its end takes them away; whatever goes blind, what runs stays."""

import os
import time
from collections.abc import Iterator

import pytest

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.cluster.errors import ApiError, NotFoundError
from tests.e2e.engines import prometheus
from tests.e2e.engines.load import Load
from tests.e2e.engines.traffic.chain import HERE, Record, fallback, most_in, patched, replicas, rest, stays
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops

TARGET = 32
"""`serving.concurrency` of blueprints/chat.yaml."""
SIGNAL = 'sum(vllm:num_requests_running{model_name="chat"}) + sum(vllm:num_requests_waiting{model_name="chat"})'
PEACE = int(os.environ.get("GPUYARD_E2E_PEACE", "60"))
"""Seconds in which nothing happens."""


def test_one_apply_brings_all_of_it(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    record_property("from one apply to everything Ready, KEDA and Prometheus at work", f"{gitops.ready_after:.1f} s")
    service = cluster.get("apiservice/v1beta1.external.metrics.k8s.io")
    assert condition(service, "Available")["status"] == "True"
    assert prometheus.targets(), "nothing is scraped"
    unhealthy = {address: health for address, health in prometheus.targets().items() if health == "down"}
    assert not unhealthy


def test_idle_is_one_replica_and_no_alert(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    """An alert that is pending all the time fires once its time is over, and counts as one that fires."""
    end, always = time.monotonic() + PEACE, prometheus.alerts()
    while time.monotonic() < end:
        assert most_in(cluster, 5) == 1
        assert prometheus.firing() <= {"Watchdog"}
        always &= prometheus.alerts()
    record_property("no load and no alert", f"{PEACE} s")
    assert always <= {"Watchdog"}
    assert fallback(cluster) == "False"
    autoscaler = cluster.get(f"horizontalpodautoscaler/keda-hpa-chat {HERE}")
    assert condition(autoscaler, "ScalingActive")["status"] == "True"


def test_load_adds_what_the_formula_says_and_no_more(
    cluster: Cluster, gitops: Gitops, load: Load, record_property: Record
) -> None:
    load.set(80)  # 2.5 targets
    seconds = eventually("three replicas", lambda: replicas(cluster) == 3, within=180)
    record_property("from 80 requests at once to 3 replicas", f"{seconds:.1f} s")
    assert most_in(cluster, 30) == 3
    assert {name: replicas(cluster, name) for name in ("docs", "assistant")} == {"docs": 1, "assistant": 1}
    record_property("from no load to 1 replica", f"{rest(cluster, load):.1f} s")
    assert set(load.answers) == {"200"}, load.answers


@pytest.fixture(scope="module")
def three(cluster: Cluster, gitops: Gitops) -> Iterator[Load]:
    """Three replicas for 80 requests at once; the tests from here on leave them."""
    load = Load("chat.inference.svc.cluster.local", "chat")
    load.set(80)
    eventually("three replicas", lambda: replicas(cluster) == 3, within=180)
    yield load
    rest(cluster, load)


@pytest.fixture
def busy(cluster: Cluster, three: Load) -> Iterator[None]:
    """Three replicas, and afterwards KEDA sees again all that they have to do.

    A Prometheus that was away knows only some of the pods for as long as the interval of a scrape; the five minutes
    for which it must see less before a pod goes are half a minute here.
    """
    yield
    eventually("the whole load is measured", lambda: measured() > 2 * TARGET, within=180)
    eventually("no fallback", lambda: fallback(cluster) == "False", within=180)
    eventually("three replicas", lambda: replicas(cluster) >= 3, within=120)


def measured() -> float:
    """Requests that Prometheus knows of."""
    return sum(value for _, value in prometheus.ask(SIGNAL))


def test_without_prometheus_what_runs_stays(
    cluster: Cluster, gitops: Gitops, busy: None, record_property: Record
) -> None:
    prometheus_ = "prometheus/kps-prometheus -n monitoring"
    with patched(cluster, prometheus_, {"spec": {"replicas": 0}}, {"spec": {"replicas": 1}}):
        seconds = eventually("fallback", lambda: fallback(cluster) == "True", within=120)
        record_property("from Prometheus away to Fallback", f"{seconds:.1f} s")
        stays(cluster, 40)


def test_when_no_pod_can_be_scraped_what_runs_stays_and_somebody_is_told(
    cluster: Cluster, gitops: Gitops, busy: None, record_property: Record
) -> None:
    endpoints = cluster.get(f"podmonitor/chat {HERE}")["spec"]["podMetricsEndpoints"]
    nowhere = {"spec": {"podMetricsEndpoints": [{**endpoints[0], "path": "/nowhere"}]}}
    with patched(cluster, f"podmonitor/chat {HERE}", nowhere, {"spec": {"podMetricsEndpoints": endpoints}}):
        eventually("fallback", lambda: fallback(cluster) == "True", within=120)
        seconds = eventually("the alert", lambda: "VllmScalerInFallback" in prometheus.firing(), within=300)
        record_property("from Fallback to VllmScalerInFallback", f"{seconds:.1f} s")
        stays(cluster, 10)


@pytest.mark.parametrize(
    "query",
    {
        "NaN": "vector(NaN)",
        "infinite": "vector(1) / 0",
        "nothing": "none_of_this_name",
        "two elements": 'vllm:num_requests_running{namespace="inference"}',
    }.values(),
    ids=lambda text: str(text)[:24],
)
def test_an_answer_that_is_no_number_scales_nothing(cluster: Cluster, gitops: Gitops, busy: None, query: str) -> None:
    triggers = cluster.get(f"scaledobject/chat {HERE}")["spec"]["triggers"]
    (trigger,) = triggers
    changed = [{**trigger, "metadata": {**trigger["metadata"], "query": query}}]
    with patched(
        cluster, f"scaledobject/chat {HERE}", {"spec": {"triggers": changed}}, {"spec": {"triggers": triggers}}
    ):
        eventually("fallback", lambda: fallback(cluster) == "True", within=120)
        stays(cluster, 15)


def test_without_keda_what_runs_stays_and_follows_again(cluster: Cluster, gitops: Gitops, three: Load) -> None:
    with patched(cluster, "deployment/keda-operator -n keda", {"spec": {"replicas": 0}}, {"spec": {"replicas": 1}}):
        three.set(0)
        stays(cluster, 40)
    rest(cluster, three)


def test_a_second_scaler_of_the_same_model_is_refused(cluster: Cluster, gitops: Gitops) -> None:
    second: Object = cluster.get(f"scaledobject/chat {HERE}")
    second = {
        "apiVersion": second["apiVersion"],
        "kind": second["kind"],
        "metadata": {"name": "again", "namespace": "inference"},
        "spec": second["spec"],
    }
    with pytest.raises(ApiError, match="already managed"):
        cluster.apply(second)
    with pytest.raises(NotFoundError):
        cluster.get(f"scaledobject/again {HERE}")
