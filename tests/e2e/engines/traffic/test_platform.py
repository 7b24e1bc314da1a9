"""A node is lost, a chart of the platform gets a new version, a model sleeps and wakes."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.cluster import facts
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.fleet import nodes, shapes
from tests.cluster.registry import push_chart
from tests.cluster.state import State
from tests.conftest import ROOT
from tests.e2e.engines import prometheus
from tests.e2e.engines.load import Load
from tests.e2e.engines.traffic.chain import HERE, Record, patched, replicas, rest
from tests.e2e.engines.waiting import eventually
from tests.e2e.gitops import Gitops
from tests.e2e.test_gitops import arrive, everything, fetch, pods, ready

SPARE = 140
"""The number of a node that the fleet does not have."""
OLD, NEW = "2.20.2", "2.20.99"
AWAKE = "  scaling: {min: 1, max: 2}\n"
SLEEPS = """\
  scaling:
    min: 0
    max: 2
    signal: upstream
    upstream: {query: 'sum(gateway_requests{model="docs"}) or vector(0)', target: 2}
"""


def window(seconds: int) -> Object:
    """For how long a load must have fallen before a pod goes; 300 s unless a test has less time."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": seconds}}
    return {"spec": {"advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}}}}


def test_a_lost_node_under_load(cluster: Cluster, gitops: Gitops, load: Load, record_property: Record) -> None:
    """What was asked of the lost server is asked again later, and until then it is no load."""
    (spare,) = nodes([next(each for each in shapes(ROOT / "overlays") if each.shape == "BM.GPU.A10.4")], first=SPARE)
    cluster.create([spare])
    with patched(cluster, f"scaledobject/chat {HERE}", window(300), window(30)):
        load.set(80)
        eventually("three servers", lambda: len(ready(cluster, "chat")) >= 3, within=240)
        (lost, *_) = pods(cluster, "chat")
        node, old = cluster.get(f"node/{lost['spec']['nodeName']}"), ready(cluster, "chat")
        cluster.delete(f"node/{node['metadata']['name']}")
        fewest = len(old)

        def again() -> bool:
            nonlocal fewest
            fewest = min(fewest, replicas(cluster))
            found = ready(cluster, "chat")
            return len(found) >= 3 and lost["metadata"]["uid"] not in found

        seconds = eventually("three servers again", again, within=240)
        record_property("from a lost node to three servers", f"{seconds:.1f} s")
        assert fewest >= 3, "a lost server counted as no load"
        assert old & ready(cluster, "chat"), "the other servers stay"
        later = Load("chat.inference.svc.cluster.local", "chat")
        later.set(8)
        time.sleep(15)
        later.set(0)
        assert set(later.answers) == {"200"}, later.answers
    cluster.create([{key: node[key] for key in ("apiVersion", "kind", "spec", "status")} | renamed(node)])
    rest(cluster, load)
    eventually("one server", lambda: len(pods(cluster, "chat")) == 1, within=60)
    cluster.delete(f"node/{spare['metadata']['name']}")

    def at_home() -> bool:
        """The server that is left may have been on that node."""
        found = pods(cluster, "chat")
        there = [pod["spec"].get("nodeName") for pod in found]
        return len(ready(cluster, "chat")) == len(found) == 1 and there != [spare["metadata"]["name"]]

    eventually("one server on a node of the fleet", at_home, within=240)


def renamed(item: Object) -> Object:
    """What a new object of this name and these labels has for metadata."""
    return {
        "metadata": {key: item["metadata"][key] for key in ("name", "labels", "annotations") if key in item["metadata"]}
    }


@pytest.fixture
def newer(world: State, tmp_path: Path) -> str:
    """KEDA's chart under another version, in the registry."""
    known = facts.read(world)
    (package,) = [chart.package for chart in known.charts if chart.package.name == f"keda-{OLD}.tgz"]
    helm = str(known.programs["helm"])
    subprocess.run(["tar", "-xzf", str(package), "-C", str(tmp_path)], check=True)
    command = [helm, "package", str(tmp_path / "keda"), "--version", NEW, "--destination", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    push_chart(known.programs["helm"], tmp_path / f"keda-{NEW}.tgz")
    return NEW


def installed(cluster: Cluster) -> str:
    """The version of KEDA's chart, without the digest that Flux adds to it."""
    newest: str = cluster.get("helmrelease/keda -n keda")["status"]["history"][0]["chartVersion"]
    return newest.partition("+")[0]


def test_a_platform_chart_gets_a_new_version(
    cluster: Cluster, gitops: Gitops, newer: str, record_property: Record
) -> None:
    before = {name: ready(cluster, name) for name in ("chat", "docs", "assistant")}
    stack = gitops.read("stack.yaml")
    assert "  platform: {" in stack
    began = time.monotonic()
    changed = stack.replace("  platform: {", f"  platform: {{keda: {{version: {newer}}}, ")
    revision = gitops.write("stack.yaml", changed)
    fetch(cluster)
    arrive(cluster, revision, *everything(gitops), within=300)
    # A Kustomization waits for its HelmRelease, which may still be Ready of the chart that it had.
    eventually("the new chart", lambda: installed(cluster) == newer, within=120)
    cluster.wait("helmrelease/keda -n keda", within=120)
    record_property("from a commit to a new chart of KEDA", f"{time.monotonic() - began:.1f} s")
    assert {name: ready(cluster, name) for name in before} == before
    gitops.repo.revert()
    gitops.repo.revert("HEAD~2")
    fetch(cluster)
    arrive(cluster, gitops.repo.revision, *everything(gitops), within=300)
    eventually("the old chart", lambda: installed(cluster) == OLD, within=120)
    cluster.wait("helmrelease/keda -n keda", within=120)
    assert {name: ready(cluster, name) for name in before} == before


def test_a_model_sleeps_and_wakes(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    text = gitops.read("blueprints/docs.yaml")
    assert AWAKE in text
    gateway(cluster, 0)
    text = text.replace(AWAKE, SLEEPS).replace("    autoscaling:\n", "    autoscaling:\n      cooldownPeriod: 30\n")
    revision = gitops.write("blueprints/docs.yaml", text)
    fetch(cluster)
    arrive(cluster, revision, *everything(gitops), within=240)
    seconds = eventually("no server", lambda: replicas(cluster, "docs") == 0, within=400)
    record_property("from no requests to no server", f"{seconds:.1f} s")
    time.sleep(30)  # a model that sleeps is no alarm
    assert prometheus.firing() <= {"Watchdog"}
    assert pods(cluster, "docs") == []
    gateway(cluster, 3)
    seconds = eventually("two servers", lambda: len(ready(cluster, "docs")) == 2, within=240)
    record_property("from requests at the gateway to two servers", f"{seconds:.1f} s")
    assert prometheus.firing() <= {"Watchdog"}
    gitops.repo.revert()
    gitops.repo.revert("HEAD~2")
    fetch(cluster)
    arrive(cluster, gitops.repo.revision, *everything(gitops), within=240)
    eventually("one server", lambda: replicas(cluster, "docs") == 1, within=400)


def gateway(cluster: Cluster, requests: int) -> None:
    """What a gateway in front of the models would count; here a rule says it."""
    rule = {"record": "gateway_requests", "expr": f"vector({requests})", "labels": {"model": "docs"}}
    cluster.apply(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "gateway", "namespace": "monitoring"},
            "spec": {"groups": [{"name": "gateway", "interval": "5s", "rules": [rule]}]},
        }
    )
