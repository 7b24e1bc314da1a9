"""The compiled repository on a real API server with a real Argo CD: by one apply, and the same objects as with Flux.

The tests follow each other: each leaves the cluster in step with the repository.
"""

import time
from collections.abc import Callable, Iterator, Mapping

import pytest
import yaml

from tests.cluster import argocd, facts
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops

Record = Callable[[str, object], None]
ENTRY = "clusters/phx/entry.yaml"
HERE = "-n inference"
PROGRAMS = ("deployment/argocd-redis", "deployment/argocd-repo-server", "deployment/argocd-applicationset-controller")


@pytest.fixture(scope="module")
def installed_argocd(cluster: Cluster, world: State) -> Iterator[None]:
    """Argo CD, up and at work."""
    manifests = facts.read(world).argocd
    assert manifests, "this world has no Argo CD: GPUYARD_E2E_ENGINES=1 asks for one"
    cluster.apply(manifests)
    for named in PROGRAMS:
        cluster.wait(f"{named} -n {argocd.NAMESPACE}", "Available", within=180)
    yield
    cluster.kubectl("delete", "namespace", argocd.NAMESPACE, "--timeout=120s")


@pytest.fixture(scope="module")
def gitops(cluster: Cluster, repo: Repository, installed_argocd: None) -> Iterator[Gitops]:
    """The repository, applied to an empty cluster by its entry file."""
    gitops = Gitops(repo, "argocd")
    began = time.monotonic()
    for command in commands(gitops):
        cluster.kubectl(*command)
    try:
        arrive(cluster, gitops, within=400)
        gitops.ready_after = time.monotonic() - began
        yield gitops
    finally:
        remove(cluster)


def commands(gitops: Gitops) -> Iterator[list[str]]:
    """Those of the README's block of this cluster; the Secrets of the pages are for what is simulated here."""
    (block,) = [part for part in gitops.read("README.md").split("```")[1::2] if "apply --server-side" in part]
    for line in block.strip().splitlines():
        if line.startswith("kubectl --context phx "):
            yield line.replace(ENTRY, str(gitops.root / ENTRY)).split()[3:]


def remove(cluster: Cluster) -> None:
    """All that it brought; the root first, which would make the others again."""
    cluster.kubectl("delete", "application", "demo", "-n", argocd.NAMESPACE, "--timeout=60s", "--ignore-not-found")
    cluster.kubectl("delete", "application", "--all", "-n", argocd.NAMESPACE, "--timeout=180s")
    cluster.kubectl("delete", "apiservice", "v1beta1.external.metrics.k8s.io", "--ignore-not-found")
    for namespace in ("inference", "monitoring", "keda"):
        cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s")


def applications(cluster: Cluster) -> Mapping[str, Object]:
    found = cluster.objects("application.argoproj.io", namespace=argocd.NAMESPACE)
    return {each["metadata"]["name"]: each for each in found}


def refresh(cluster: Cluster) -> None:
    """Ask Argo CD to look now rather than within its period."""
    for name in applications(cluster):
        change = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        cluster.patch(f"application/{name} -n {argocd.NAMESPACE}", change)


def late(cluster: Cluster, gitops: Gitops) -> dict[str, str]:
    """Applications that are not in step with the newest commit, and how they are."""
    found = {}
    for name, each in applications(cluster).items():
        status = each.get("status", {})
        sync, health = status.get("sync", {}), status.get("health", {}).get("status", "Healthy")
        phase = status.get("operationState", {}).get("phase", "Succeeded")
        revisions = {sync.get("revision"), *sync.get("revisions", [])}
        here = "chart" in each["spec"].get("source", {}) or gitops.repo.head in revisions
        if (sync.get("status"), health, phase, here) != ("Synced", "Healthy", "Succeeded", True):
            conditions = "; ".join(item["message"][:200] for item in status.get("conditions", []))
            message = status.get("operationState", {}).get("message", "")[:200]
            found[name] = f"{sync.get('status')} {health} {phase} {here} {conditions} {message}"
    return found


def arrive(cluster: Cluster, gitops: Gitops, *, within: float) -> None:
    """Wait until every Application has all of the newest commit and is healthy; says which ones do not."""
    names = {each["metadata"]["name"] for each in entries(gitops)}
    end = time.monotonic() + within
    while time.monotonic() < end:
        missing = names - applications(cluster).keys()
        if not missing and not late(cluster, gitops):
            return
        refresh(cluster)
        time.sleep(3)
    raise AssertionError(f"missing: {names - applications(cluster).keys()}; late: {late(cluster, gitops)}")


def entries(gitops: Gitops) -> list[Object]:
    """All Applications of the repository."""
    files = [gitops.root / ENTRY, *sorted(gitops.entry.glob("platform.yaml")), *sorted(gitops.entry.glob("inf*.yaml"))]
    objects = [each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [each for each in objects if each["kind"] == "Application"]


def test_one_apply_on_an_empty_cluster(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    record_property("from one apply to all Applications Synced and Healthy", f"{gitops.ready_after:.1f} s")
    assert {"chat", "docs", "assistant"} <= {
        each["metadata"]["name"] for each in cluster.objects("deployment", namespace="inference")
    }


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


def test_drift_is_repaired_and_replicas_are_the_scalers(cluster: Cluster, gitops: Gitops) -> None:
    cluster.patch(f"service/docs {HERE}", {"spec": {"selector": {"app.kubernetes.io/name": "other"}}})
    cluster.kubectl("scale", "deployment", "docs", "-n", "inference", "--replicas=2")

    def repaired() -> bool:
        return cluster.get(f"service/docs {HERE}")["spec"]["selector"]["app.kubernetes.io/name"] == "docs"

    eventually("the selector is put back", repaired, within=60)
    assert cluster.get(f"deployment/docs {HERE}")["spec"]["replicas"] == 2
    cluster.kubectl("scale", "deployment", "docs", "-n", "inference", "--replicas=1")


def test_a_removed_blueprint_goes_and_its_cache_stays(cluster: Cluster, gitops: Gitops) -> None:
    claim = cluster.get(f"persistentvolumeclaim/docs-cache {HERE}")["metadata"]["uid"]
    stack = gitops.read("stack.yaml")
    gitops.repo.commit({"stack.yaml": stack.replace("      docs: a100\n", ""), "blueprints/docs.yaml": None}, "No docs")
    gitops.compile()
    refresh(cluster)
    eventually("docs is deleted", lambda: not cluster.exists(f"deployment/docs {HERE}"), within=120)
    assert cluster.get(f"persistentvolumeclaim/docs-cache {HERE}")["metadata"]["uid"] == claim
