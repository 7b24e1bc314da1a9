"""Each of our alerts is seen to fire: what it tells of is made to happen in the chain that scales, all of it real.

Only the times are shorter: everything is scraped and evaluated every five seconds, each `for` is a thirtieth, and the
budget of one download is seconds. Nothing is put back, but that Flux works again.
"""

import http.client
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import pytest
import yaml

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.standins.vllm import SHOW
from tests.conftest import ROOT
from tests.e2e.engines import prometheus
from tests.e2e.engines.traffic.chain import HERE, Record
from tests.e2e.gitops import Gitops
from tests.e2e.test_gitops import everything

OFTEN = {"interval": "5s"}
SHORTER, LEAST = 30, 15  # a new pod is found and scraped within the least of seconds
ALERTS = {
    each["alert"] for each in yaml.safe_load((ROOT / "generator/gpuyard/catalogue/alerts.yaml").read_text())["alerts"]
}
Shown = Mapping[str, tuple[float, float]]
# Each series: its value, and its growth per second.
CHAT: Shown = {
    'http_requests_total{handler="/v1/completions",method="POST",status="5xx"}': (0, 5),
    'vllm:admission_rejections_total{model_name="chat",reason="max_num_queued_reqs"}': (0, 1),
    'vllm:kv_cache_usage_perc{engine="0",model_name="chat"}': (0.99, 0),
    'vllm:num_preemptions_total{engine="0",model_name="chat"}': (0, 1),
    'vllm:request_queue_time_seconds_bucket{engine="0",le="+Inf",model_name="chat"}': (1, 2),
    'vllm:request_queue_time_seconds_count{engine="0",model_name="chat"}': (1, 2),
    'vllm:request_success_total{engine="0",finished_reason="length",model_name="chat"}': (1, 2),
    'vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="chat"}': (1, 2),
    'vllm:time_to_first_token_seconds_count{engine="0",model_name="chat"}': (1, 2),
}
DOCS: Shown = {'vllm:num_requests_running{engine="0",model_name="docs"}': (3, 0)}
ASSISTANT: Shown = {
    'vllm:num_requests_running{engine="0",model_name="assistant"}': (100, 0),
    'vllm:iteration_tokens_total_count{engine="0",model_name="assistant"}': (20, 5),
}


@pytest.fixture(scope="module", autouse=True)
def shorter(cluster: Cluster, gitops: Gitops) -> Iterator[None]:
    """The rules with shorter times, and Flux told to leave that alone."""
    names = everything(gitops)
    for name in names:  # the root first, which would put the others back
        cluster.patch(f"kustomization/{name} -n flux-system", {"spec": {"suspend": True}})
    rewrite(cluster, "demo-alerts", sooner)
    for kind, endpoints in {"servicemonitor": "endpoints", "podmonitor": "podMetricsEndpoints"}.items():
        for each in cluster.objects(kind):
            named = f"{kind}/{each['metadata']['name']} -n {each['metadata']['namespace']}"
            cluster.patch(named, {"spec": {endpoints: [{**found, **OFTEN} for found in each["spec"][endpoints]]}})
    yield
    for name in reversed(names):
        cluster.patch(f"kustomization/{name} -n flux-system", {"spec": {"suspend": False}})


@pytest.fixture(scope="module")
def seen() -> set[tuple[str, str]]:
    """The alerts that fired in these tests, each with the model that it named."""
    return set()


def rewrite(cluster: Cluster, rules: str, change: Callable[[Object], Object | None]) -> None:
    """Every rule of a PrometheusRule as it is after a change, or left out."""
    spec = cluster.get(f"prometheusrule/{rules} {HERE}")["spec"]
    groups = [
        {**each, **OFTEN, "rules": [new for rule in each["rules"] if (new := change(rule))]} for each in spec["groups"]
    ]
    cluster.patch(f"prometheusrule/{rules} {HERE}", {"spec": {"groups": groups}})


def sooner(rule: Object) -> Object:
    found = re.fullmatch(r"(\d+)m", rule.get("for", ""))
    return {**rule, "for": f"{max(LEAST, int(found[1]) * 60 // SHORTER)}s"} if found and found[1] != "0" else rule


def show(model: str, series: Shown) -> None:
    """What the model's server shows from now on."""
    with closing(http.client.HTTPConnection(f"{model}.inference.svc.cluster.local", 8000, timeout=10)) as connection:
        connection.request("POST", SHOW, json.dumps(series))
        assert connection.getresponse().status == 200


def firing() -> set[tuple[str, str]]:
    """Our alerts that fire now, each with its model."""
    found = prometheus.ask('ALERTS{alertstate="firing",namespace="inference"}')
    return {(each["alertname"], each.get("deployment") or each.get("model_name", "")) for each, _ in found}


def fires(seen: set[tuple[str, str]], model: str, *alerts: str, within: float = 300) -> None:
    """Wait until all of these have fired for a model."""
    wanted = {(alert, model) for alert in alerts}
    end = time.monotonic() + within
    while not wanted <= seen:
        assert time.monotonic() < end, f"not within {within:.0f} s: {sorted(wanted - seen)}; fired: {sorted(seen)}"
        time.sleep(1)
        seen |= firing()


def test_in_peace_none_fires(gitops: Gitops, seen: set[tuple[str, str]]) -> None:
    end = time.monotonic() + 60  # the new times of all but one, twice and more
    while time.monotonic() < end:
        assert firing() == set()
        time.sleep(2)


def test_what_a_server_shows(gitops: Gitops, seen: set[tuple[str, str]], record_property: Record) -> None:
    for model, series in {"chat": CHAT, "docs": DOCS, "assistant": ASSISTANT}.items():
        show(model, series)
    began = time.monotonic()
    fires(seen, "chat", "VllmErrors", "VllmRejectsRequests", "VllmQueueTimeHigh", "VllmPreemptions", "VllmKvCacheFull")
    fires(seen, "chat", "VllmTtftBudgetBurnsFast", "VllmTtftBudgetBurnsSlowly")
    fires(seen, "docs", "VllmEngineStalled")
    fires(seen, "assistant", "VllmAtMaxReplicas")
    record_property("from what servers show to nine alerts", f"{time.monotonic() - began:.0f} s")
    assert {model for alert, model in seen if alert != "VllmAtMaxReplicas"} <= {"chat", "docs"}


def test_a_server_that_dies_and_does_not_come_back(
    cluster: Cluster, gitops: Gitops, seen: set[tuple[str, str]]
) -> None:
    cluster.pods.crash("docs")
    fires(seen, "docs", "VllmEngineDies", "VllmDown")
    cluster.pods.ready_after("docs", "never")
    labels = {"app.kubernetes.io/name": "docs", "app.kubernetes.io/component": "server"}
    (pod,) = cluster.objects("pod", namespace="inference", labels=labels)
    cluster.delete(f"pod/{pod['metadata']['name']} {HERE}")
    fires(seen, "docs", "VllmStartsSlowly")


def test_a_download_that_takes_too_long(cluster: Cluster, gitops: Gitops, seen: set[tuple[str, str]]) -> None:
    def short(rule: Object) -> Object:
        return {**rule, "expr": "vector(20)"} if rule["record"] == "gpuyard:download_budget_seconds" else rule

    (rules,) = [
        each["metadata"]["name"]
        for each in cluster.objects("prometheusrule", namespace="inference")
        if "gpuyard:download_budget_seconds" in json.dumps(each) and "assistant" in each["metadata"]["name"]
    ]
    rewrite(cluster, rules, short)
    labels = {"app.kubernetes.io/name": "assistant-download"}
    (job,) = cluster.objects("job", namespace="inference", labels=labels)
    template = job["spec"]["template"]
    cluster.pods.ready_after("assistant-download", "never")
    cluster.delete(f"job/{job['metadata']['name']} {HERE}")
    own = {key: value for key, value in template["metadata"]["labels"].items() if "controller-uid" not in key}
    own = {key: value for key, value in own.items() if "job-name" not in key}
    metadata = {"name": job["metadata"]["name"], "namespace": "inference", "labels": job["metadata"]["labels"]}
    spec = {"template": {**template, "metadata": {**template["metadata"], "labels": own}}}
    cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
    fires(seen, "assistant", "VllmDownloadLate")


def test_a_scaler_that_sees_nothing(cluster: Cluster, gitops: Gitops, seen: set[tuple[str, str]]) -> None:
    endpoints = cluster.get(f"podmonitor/chat {HERE}")["spec"]["podMetricsEndpoints"]
    nowhere = [{**endpoints[0], "path": "/nowhere"}]
    cluster.patch(f"podmonitor/chat {HERE}", {"spec": {"podMetricsEndpoints": nowhere}})
    fires(seen, "chat", "VllmMetricsMissing", "VllmScalerInFallback")


def test_where_nothing_shows_the_conditions_of_a_scaler_its_failures_are_counted(
    cluster: Cluster, gitops: Gitops, seen: set[tuple[str, str]]
) -> None:
    rewrite(cluster, "demo-alerts", lambda rule: None if rule.get("record") == "gpuyard:scaler_blind" else rule)
    fires(seen, "chat", "VllmScalerFailing", within=480)


def test_an_autoscaler_without_metrics(cluster: Cluster, gitops: Gitops, seen: set[tuple[str, str]]) -> None:
    (adapter,) = [
        each["metadata"]["name"]
        for each in cluster.objects("deployment", namespace="keda")
        if each["metadata"]["name"].endswith("metrics-apiserver")  # the real chart has more before it
    ]
    cluster.patch(f"deployment/{adapter} -n keda", {"spec": {"replicas": 0}})
    fires(seen, "chat", "VllmScalingInactive")


def test_every_alert_was_seen(seen: set[tuple[str, str]], record_property: Record) -> None:
    record_property("our alerts that were seen to fire", len({alert for alert, _ in seen}))
    assert {alert for alert, _ in seen} == ALERTS
