"""The compiled repository on a real API server with a real Argo CD: by one apply, and the same objects as with Flux.

The tests follow each other: each leaves the cluster in step with the repository.
"""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.engines.argo import applications, arrive, commands, refresh, remove
from tests.e2e.engines.ends import goes_on
from tests.e2e.engines.held import Shelf, held
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops
from tests.e2e.test_rename import shell

Record = Callable[[str, object], None]
HERE = "-n inference"
PAUSED = "autoscaling.keda.sh/paused"


@pytest.fixture(scope="module")
def gitops(
    cluster: Cluster, repo: Repository, world: State, installed_argocd: None, request: pytest.FixtureRequest
) -> Iterator[Gitops]:
    """The repository, applied to an empty cluster by its entry file."""
    gitops = Gitops(repo, "argocd")
    began = time.monotonic()
    shell(cluster, gitops, commands(gitops))
    try:
        arrive(cluster, gitops, within=600)
        gitops.ready_after = time.monotonic() - began
        yield gitops
    finally:
        if goes_on(request, world):
            remove(cluster)


def test_one_apply_on_an_empty_cluster(
    cluster: Cluster, gitops: Gitops, from_empty: Shelf, record_property: Record
) -> None:
    record_property("from one apply to all Applications Synced and Healthy", f"{gitops.ready_after:.1f} s")
    assert {"chat", "docs", "assistant"} <= {
        each["metadata"]["name"] for each in cluster.objects("deployment", namespace="inference")
    }
    # More than an annotation may hold: applied by the server, or not at all.
    largest = max(len(json.dumps(each["spec"])) for each in cluster.objects("crd"))
    assert largest > 262_144
    from_empty.put("argocd", held(cluster))


def test_a_commit_arrives_and_a_revert_restores(cluster: Cluster, gitops: Gitops) -> None:
    before = cluster.get(f"deployment/chat {HERE}")["spec"]["template"]
    gitops.change("blueprints/chat.yaml", "contextLength: 16384", "contextLength: 8192")
    arrive(cluster, gitops, within=180)
    (server,) = cluster.get(f"deployment/chat {HERE}")["spec"]["template"]["spec"]["containers"]
    assert "--max-model-len=8192" in server["args"]
    gitops.repo.revert()
    gitops.repo.revert("HEAD~2")
    arrive(cluster, gitops, within=180)
    assert cluster.get(f"deployment/chat {HERE}")["spec"]["template"] == before


@pytest.fixture
def nobody_scales_docs(cluster: Cluster, gitops: Gitops) -> Iterator[None]:
    """KEDA pauses: without load its autoscaler would take a second replica away within seconds."""
    scaled, autoscaler = f"scaledobject/docs {HERE}", f"horizontalpodautoscaler/keda-hpa-docs {HERE}"
    cluster.patch(scaled, {"metadata": {"annotations": {PAUSED: "true"}}})
    eventually("the autoscaler is away", lambda: not cluster.exists(autoscaler), within=60)
    yield
    cluster.patch(scaled, {"metadata": {"annotations": {PAUSED: None}}})
    eventually("the autoscaler is back", lambda: cluster.exists(autoscaler), within=60)


def test_drift_is_repaired_and_replicas_are_the_scalers(
    cluster: Cluster, gitops: Gitops, nobody_scales_docs: None
) -> None:
    cluster.patch(f"service/docs {HERE}", {"spec": {"selector": {"app.kubernetes.io/name": "other"}}})
    cluster.kubectl("scale", "deployment", "docs", "-n", "inference", "--replicas=2")

    def repaired() -> bool:
        return bool(cluster.get(f"service/docs {HERE}")["spec"]["selector"]["app.kubernetes.io/name"] == "docs")

    eventually("the selector is put back", repaired, within=60)
    assert cluster.get(f"deployment/docs {HERE}")["spec"]["replicas"] == 2
    cluster.kubectl("scale", "deployment", "docs", "-n", "inference", "--replicas=1")


def test_a_removed_blueprint_goes_and_its_cache_stays(cluster: Cluster, gitops: Gitops) -> None:
    claim = cluster.get(f"persistentvolumeclaim/docs-cache {HERE}")["metadata"]["uid"]
    stack = gitops.read("stack.yaml")
    gitops.repo.commit({"stack.yaml": stack.replace("      docs: a100\n", ""), "blueprints/docs.yaml": None}, "No docs")
    gitops.compile()
    refresh(cluster, applications(cluster))
    eventually("docs is deleted", lambda: not cluster.exists(f"deployment/docs {HERE}"), within=120)
    assert cluster.get(f"persistentvolumeclaim/docs-cache {HERE}")["metadata"]["uid"] == claim
