"""The chain that scales: PodMonitor, operator, Prometheus, KEDA, HPA, Deployment, scheduler, GPU node, all of it real.

One apply of the compiled repository brings it. What answers in the pods is a stand-in for vLLM with its metrics. The
tests follow each other: each leaves one replica and no load.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.cluster.errors import ApiError, NotFoundError
from tests.cluster.repository import Repository
from tests.e2e.engines import prometheus
from tests.e2e.engines.load import Load
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops
from tests.e2e.test_gitops import arrive, everything, remove

Record = Callable[[str, object], None]
HERE = "-n inference"
PEACE = int(os.environ.get("GPUYARD_E2E_PEACE", "60"))
"""Seconds in which nothing happens."""
# The time of a start is one minute here, and a load that falls is believed five minutes later; a test has less time.
SOONER = """\
  values:
    autoscaling:
      behavior:
        scaleDown: {stabilizationWindowSeconds: 30}
"""
SIGNAL = 'sum(vllm:num_requests_running{model_name="chat"}) + sum(vllm:num_requests_waiting{model_name="chat"})'


@pytest.fixture(scope="module")
def gitops(cluster: Cluster, repo: Repository) -> Iterator[Gitops]:
    """The repository, applied to an empty cluster by its entry point, until KEDA and Prometheus answer."""
    gitops = Gitops(repo)
    gitops.write("blueprints/chat.yaml", gitops.read("blueprints/chat.yaml") + SOONER)
    began = time.monotonic()
    cluster.kubectl("apply", "-f", str(gitops.entry))
    try:
        arrive(cluster, gitops.repo.revision, *everything(gitops), within=300)
        gitops.ready_after = time.monotonic() - began
        eventually("Prometheus measures chat", lambda: bool(prometheus.ask(SIGNAL)), within=120)
        yield gitops
    finally:
        remove(cluster)


@pytest.fixture
def load(gitops: Gitops) -> Iterator[Load]:
    """On chat; it ends with the test."""
    load = Load("chat.inference.svc.cluster.local", "chat")
    yield load
    load.set(0)


def replicas(cluster: Cluster, name: str = "chat") -> int:
    return int(cluster.get(f"deployment/{name} {HERE}")["spec"]["replicas"])


def fallback(cluster: Cluster) -> str:
    return str(condition(cluster.get(f"scaledobject/chat {HERE}"), "Fallback").get("status"))


def most_in(cluster: Cluster, seconds: float) -> int:
    """The most replicas that are asked for in a time."""
    end, most = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        most = max(most, replicas(cluster))
        time.sleep(0.5)
    return most


def rest(cluster: Cluster, load: Load) -> float:
    """No load any more, one replica; returns the seconds to it."""
    load.set(0)
    return eventually("one replica without load", lambda: replicas(cluster) == 1, within=300)


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


@pytest.fixture
def busy(cluster: Cluster, load: Load) -> Iterator[None]:
    """Three replicas for 80 requests at once; afterwards none of it."""
    load.set(80)
    eventually("three replicas", lambda: replicas(cluster) == 3, within=180)
    yield
    eventually("no fallback", lambda: fallback(cluster) == "False", within=180)
    rest(cluster, load)


@contextmanager
def patched(cluster: Cluster, named: str, change: Object, back: Object) -> Iterator[None]:
    """An object changed by hand; Flux would put it back within ten minutes."""
    cluster.patch(named, change)
    try:
        yield
    finally:
        cluster.patch(named, back)


def stays(cluster: Cluster, seconds: float, *, replicas_: int = 3) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert replicas(cluster) == replicas_
        time.sleep(0.5)


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


def test_without_keda_what_runs_stays_and_follows_again(cluster: Cluster, gitops: Gitops, load: Load) -> None:
    load.set(80)
    eventually("three replicas", lambda: replicas(cluster) == 3, within=180)
    with patched(cluster, "deployment/keda-operator -n keda", {"spec": {"replicas": 0}}, {"spec": {"replicas": 1}}):
        load.set(0)
        stays(cluster, 40)
    rest(cluster, load)


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
