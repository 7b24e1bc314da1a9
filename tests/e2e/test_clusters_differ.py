"""One repository, two clusters that differ: each gets its own replicas, host, version and limits from a real Flux.

The world has one API server, which is one cluster after the other.
"""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.repository import Repository
from tests.e2e.test_gitops import FLUX, HERE, arrive, deployment, fetch, pods, ready, remove

BLUEPRINT = """\
apiVersion: gpuyard.dev/v1alpha1
kind: Blueprint
metadata: {name: chat}
spec:
  model: {name: qwen3-8b}
  scaling: {min: 1, max: 1}
  clientNamespaces: [apps]
  expose: {host: chat.example.com}
  storage: {cache: {kind: ephemeral, size: 60Gi}}
  budget: {startSeconds: 60, scheduleSeconds: 0, shutdownSeconds: 1}
"""
STACK = """\
apiVersion: gpuyard.dev/v1alpha1
kind: Stack
metadata: {name: demo}
spec:
  repository: {url: URL, insecure: true}
  ingress: {className: nginx, namespace: ingress, plainHttp: true}
  platform:
    keda: {enabled: false}
    prometheus: {enabled: false, address: "http://prometheus.monitoring.svc:9090"}
  clusters:
    - name: production
      shapes: {a10: [VM.GPU.A10.1, VM.GPU.A10.2]}
      blueprints: {chat: {shape: a10, min: 2, max: 2, zones: ZONES}}
    - name: staging
      shapes: {a10: [VM.GPU.A10.1, VM.GPU.A10.2]}
      vllm: {version: 0.33.0}
      ingress: {className: internal}
      alerts: {labels: {env: staging}}
      policy: {maxGpus: 8}
      blueprints: {chat: {shape: a10, host: chat.staging.example.com}}
"""
ZONE = "topology.kubernetes.io/zone"


class Fleet:
    """What the platform engineer of both clusters does."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo

    def write(self, zones: list[str]) -> str:
        """Commit and compile the stack; returns the revision as Flux writes it."""
        stack = STACK.replace("URL", self.repo.url).replace("ZONES", f"[{', '.join(zones)}]")
        self.repo.commit({"stack.yaml": stack, "blueprints/chat.yaml": BLUEPRINT}, "Write the stack")
        argv = [sys.executable, "-m", "gpuyard", "compile", str(self.repo.directory)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.repo.push()
        return self.repo.revision

    def names(self, cluster: Cluster) -> list[str]:
        """The Kustomizations that the entry point has brought."""
        return [each["metadata"]["name"] for each in cluster.objects("kustomization.kustomize.toolkit.fluxcd.io")]


@pytest.fixture
def fleet(cluster: Cluster, repo: Repository, crds: None) -> Iterator[Fleet]:
    yield Fleet(repo)
    remove(cluster)


def apply(cluster: Cluster, fleet: Fleet, name: str, revision: str) -> None:
    """What the README says, and everything Ready."""
    cluster.kubectl("apply", "-f", str(fleet.repo.directory / "clusters" / name))
    arrive(cluster, revision, "demo", within=60)
    wanted = {"demo", "demo-platform-configs", "demo-inference-chat"}
    assert set(fleet.names(cluster)) == wanted
    arrive(cluster, revision, *sorted(wanted), within=120)


def server(cluster: Cluster) -> Object:
    (found,) = deployment(cluster, "chat")["spec"]["template"]["spec"]["containers"]
    return found


def ingress(cluster: Cluster) -> tuple[str, str]:
    spec = cluster.get(f"ingress/chat {HERE}")["spec"]
    return spec["ingressClassName"], spec["rules"][0]["host"]


def zones(cluster: Cluster) -> set[str]:
    nodes = (cluster.get(f"node/{pod['spec']['nodeName']}") for pod in pods(cluster, "chat"))
    return {node["metadata"]["labels"][ZONE] for node in nodes}


def limits(cluster: Cluster) -> tuple[str, set[str]]:
    quota = cluster.get(f"resourcequota/demo-gpus {HERE}")["spec"]["hard"]["requests.nvidia.com/gpu"]
    rules = cluster.get(f"prometheusrule/demo-alerts {HERE}")["spec"]["groups"][0]["rules"]
    return quota, {each["labels"].get("env", "") for each in rules if "alert" in each}


def test_each_cluster_has_its_own(cluster: Cluster, fleet: Fleet) -> None:
    everywhere = sorted({node["metadata"]["labels"][ZONE] for node in cluster.objects("node")})
    revision = fleet.write(everywhere[:2])

    apply(cluster, fleet, "production", revision)
    assert server(cluster)["image"].endswith(":v0.32.0")
    assert (len(ready(cluster, "chat")), ingress(cluster)) == (2, ("nginx", "chat.example.com"))
    assert zones(cluster) <= set(everywhere[:2])
    assert limits(cluster) == ("64", {""})

    # A change of one cluster is a change there.
    revision = fleet.write(everywhere[-1:])
    fetch(cluster)
    arrive(cluster, revision, "demo", "demo-inference-chat", within=120)
    assert zones(cluster) == set(everywhere[-1:])
    remove(cluster)

    apply(cluster, fleet, "staging", revision)
    assert server(cluster)["image"].endswith(":v0.33.0")
    assert (len(ready(cluster, "chat")), ingress(cluster)) == (1, ("internal", "chat.staging.example.com"))
    assert limits(cluster) == ("8", {"staging"})
    labels = cluster.get(f"service/chat {HERE}")["metadata"]["labels"]
    assert labels["app.kubernetes.io/version"] == "v0.33.0"
    entry = yaml.safe_load((fleet.repo.directory / "clusters/staging/chat/kustomization.yaml").read_text())
    assert entry["resources"] == ["inference-chat.yaml"]
    assert cluster.get(f"kustomization/demo-inference-chat {FLUX}")["spec"]["path"] == "./clusters/staging/chat/server"
