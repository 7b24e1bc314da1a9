"""Whatever KEDA gets that is no number of requests: what runs stays, and somebody is told."""

import pytest

from tests.cluster.cluster import Cluster
from tests.e2e.engines import prometheus
from tests.e2e.engines.traffic.chain import HERE, Record, fallback, patched, stays
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops


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
