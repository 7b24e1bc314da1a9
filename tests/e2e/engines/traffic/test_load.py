"""Load makes replicas and its end takes them away; without Prometheus or KEDA what runs stays."""

import os
import time

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


def test_without_prometheus_what_runs_stays(
    cluster: Cluster, gitops: Gitops, busy: None, record_property: Record
) -> None:
    prometheus_ = "prometheus/kps-prometheus -n monitoring"
    with patched(cluster, prometheus_, {"spec": {"replicas": 0}}, {"spec": {"replicas": 1}}):
        seconds = eventually("fallback", lambda: fallback(cluster) == "True", within=120)
        record_property("from Prometheus away to Fallback", f"{seconds:.1f} s")
        stays(cluster, 40)


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
