"""The world's own tests: the machine, nodes, simulated pods, volumes, Git, registry and Services."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from tests.cluster import registry
from tests.cluster.addresses import GIT_HOST
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.cluster.errors import WaitError
from tests.cluster.facts import read
from tests.cluster.processes import ended
from tests.cluster.programs.catalogue import program
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.samples import NO_IMAGE, ROOT, pod

OVERLAYS = ROOT / "overlays"


def decided(item: Object, what: str) -> datetime:
    """A point in time that the node agent has set for a simulated pod."""
    return datetime.fromisoformat(item["metadata"]["annotations"][f"world.gpuyard.dev/{what}"])


def became_ready(item: Object) -> datetime:
    """In whole seconds, rounded down: up to one more may have passed."""
    return datetime.fromisoformat(condition(item, "Ready")["lastTransitionTime"]) + timedelta(seconds=1)


def created(item: Object) -> datetime:
    return datetime.fromisoformat(item["metadata"]["creationTimestamp"])


# The machine


def test_every_process_runs(world: State) -> None:
    assert ended(world) == {}


def test_nothing_outside_the_world_can_be_reached() -> None:
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("192.0.2.1", 443), 1)
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.com", 443)


def test_the_api_server_says_its_version(cluster: Cluster) -> None:
    version = f"v{program('kube-apiserver').version}"
    assert cluster.api.get("/version")["gitVersion"] == version
    assert f"Server Version: {version}" in cluster.kubectl("version")


def test_every_shape_has_ready_nodes_that_look_like_those_of_oke(cluster: Cluster) -> None:
    nodes = cluster.objects("node")
    assert all(condition(node, "Ready")["status"] == "True" for node in nodes)
    for path in OVERLAYS.glob("*/shape.yaml"):
        document = yaml.safe_load(path.read_text())
        family = document["node"]
        for shape, facts in document["shapes"].items():
            of_shape = [node for node in nodes if node["metadata"]["labels"][family["instanceTypeLabel"]] == shape]
            assert of_shape
            for node in of_shape:
                assert node["status"]["allocatable"][family["resource"]] == str(facts["gpus"])
                assert node["spec"]["taints"] == [family["taint"]]
                assert "topology.kubernetes.io/zone" in node["metadata"]["labels"]


# Simulated pods


def test_a_pod_is_ready_after_the_delay_that_the_table_sets(cluster: Cluster, namespace: str) -> None:
    cluster.pods.ready_after("slow", 4)
    cluster.apply(pod("slow", namespace, labels={"app.kubernetes.io/instance": "slow"}))
    ready = cluster.wait(f"pod/slow -n {namespace}", within=60)
    assert decided(ready, "ready-at") >= created(ready) + timedelta(seconds=4)
    assert became_ready(ready) >= decided(ready, "ready-at")


def test_a_pod_is_ready_after_the_delay_that_its_annotation_sets(cluster: Cluster, namespace: str) -> None:
    cluster.apply(pod("slow", namespace, annotations={"world.gpuyard.dev/ready-after": "3"}))
    waiting = cluster.wait(f"pod/slow -n {namespace}", ".status.phase=Running", within=30)
    # A change to a waiting pod must not start its delay anew.
    cluster.patch(f"pod/slow -n {namespace}", {"metadata": {"labels": {"touched": "yes"}}})
    ready = cluster.wait(f"pod/slow -n {namespace}", within=60)
    assert decided(ready, "ready-at") == decided(waiting, "ready-at") >= created(ready) + timedelta(seconds=3)
    assert became_ready(ready) >= decided(ready, "ready-at")


def test_a_pod_that_never_becomes_ready_does_so_once_the_table_allows_it(cluster: Cluster, namespace: str) -> None:
    cluster.pods.ready_after("stuck", "never")
    cluster.apply(pod("stuck", namespace, labels={"app.kubernetes.io/instance": "stuck"}))
    cluster.wait(f"pod/stuck -n {namespace}", ".status.phase=Running", within=10)
    with pytest.raises(WaitError, match="not Ready within 1 s"):
        cluster.wait(f"pod/stuck -n {namespace}", within=1)
    cluster.pods.ready_after("stuck", 0)
    cluster.wait(f"pod/stuck -n {namespace}", within=30)


def test_a_pod_can_crash(cluster: Cluster, namespace: str) -> None:
    cluster.pods.crash("bad")
    cluster.apply(pod("bad", namespace, labels={"app.kubernetes.io/instance": "bad"}))

    def crashes(item: Object | None) -> bool:
        """In CrashLoopBackOff."""
        statuses = (item or {}).get("status", {}).get("containerStatuses", [])
        return any(status["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" for status in statuses)

    cluster.wait(f"pod/bad -n {namespace}", crashes, within=10)


def test_a_pod_ends_when_the_table_says_and_at_the_latest_with_its_grace_period(
    cluster: Cluster, namespace: str
) -> None:
    cluster.pods.ends_after("graceful", "grace")
    cluster.pods.ends_after("quick", 4)
    graceful, quick = (pod(name, namespace, labels={"app": name}) for name in ("graceful", "quick"))
    graceful["spec"]["terminationGracePeriodSeconds"] = 4
    cluster.apply([graceful, quick])
    assert time_left_at_its_end(cluster, f"pod/graceful -n {namespace}") == timedelta(0)
    assert timedelta(seconds=20) < time_left_at_its_end(cluster, f"pod/quick -n {namespace}") <= timedelta(seconds=26)


def time_left_at_its_end(cluster: Cluster, named: str) -> timedelta:
    """Delete the pod; what is left of its grace period when it is to end."""

    def has_an_end(item: Object | None) -> bool:
        """Told when to end."""
        return "world.gpuyard.dev/ends-at" in (item or {})["metadata"]["annotations"]

    cluster.wait(named, within=30)
    cluster.patch(named, {"metadata": {"finalizers": ["example.com/look"]}})  # or it may be gone before we look
    cluster.discard(named)
    told = cluster.wait(named, has_an_end, within=30)
    cluster.patch(named, {"metadata": {"finalizers": None}})
    cluster.wait(named, "deleted", within=30)
    # A deletion's time has the grace period in it.
    return datetime.fromisoformat(told["metadata"]["deletionTimestamp"]) - decided(told, "ends-at")


def test_a_job_completes(cluster: Cluster, namespace: str) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": NO_IMAGE}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": namespace}}
    cluster.apply({**job, "spec": {"template": template}})
    cluster.wait(f"job/once -n {namespace}", "Complete", within=15)


def test_one_process_answers_for_every_simulated_pod(cluster: Cluster, namespace: str) -> None:
    labels = {"app": "model", "app.kubernetes.io/name": "chat"}
    cluster.apply([pod(name, namespace, labels=labels) for name in ("one", "two")])
    cluster.apply(pod("slow", namespace, labels=labels, annotations={"world.gpuyard.dev/ready-after": "never"}))
    spec = {"selector": {"app": "model"}, "ports": [{"port": 80, "targetPort": 8000}]}
    metadata = {"name": "model", "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    for name in ("one", "two"):
        cluster.wait(f"pod/{name} -n {namespace}", within=30)
    slow = cluster.wait(f"pod/slow -n {namespace}", ".status.phase=Running", within=30)

    def answering() -> str | None:
        try:
            with urllib.request.urlopen(f"http://model.{namespace}.svc/metrics", timeout=5) as answer:
                assert b'vllm:num_requests_running{engine="0",model_name="chat"} 0.0' in answer.read()
                return str(answer.headers["X-Pod"])
        except OSError:
            return None  # the endpoint, or the pod, isn't known everywhere yet

    seen: set[str | None] = set()
    until(lambda: seen.add(answering()) or {"one", "two"} <= seen)
    assert seen <= {None, "one", "two"}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((slow["status"]["podIP"], 8000), 5)


# Placement and volumes


def test_a_gpu_pod_lands_on_its_shape_with_an_address_of_its_node(cluster: Cluster, namespace: str) -> None:
    cluster.apply(pod("gpu", namespace, gpus=2, shape="VM.GPU.A10.2"))
    placed = cluster.wait(f"pod/gpu -n {namespace}", within=15)
    node = cluster.get(f"node/{placed['spec']['nodeName']}")
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "VM.GPU.A10.2"
    assert placed["status"]["podIP"].rpartition(".")[0] == node["spec"]["podCIDR"].rpartition(".")[0]


def test_a_pod_that_asks_for_more_gpus_than_a_node_has_stays_pending(cluster: Cluster, namespace: str) -> None:
    cluster.apply(pod("greedy", namespace, gpus=3, shape="VM.GPU.A10.2"))
    waiting = cluster.wait(f"pod/greedy -n {namespace}", "PodScheduled=False", within=10)
    assert "Insufficient nvidia.com/gpu" in condition(waiting, "PodScheduled")["message"]


def test_a_pod_without_the_toleration_stays_off_gpu_nodes(cluster: Cluster, namespace: str) -> None:
    intruder = pod("intruder", namespace, shape="VM.GPU.A10.2")
    cluster.apply(intruder)
    waiting = cluster.wait(f"pod/intruder -n {namespace}", "PodScheduled=False", within=10)
    assert "untolerated taint" in condition(waiting, "PodScheduled")["message"]


def test_a_claim_waits_for_its_consumer_and_is_bound_then(cluster: Cluster, namespace: str) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "cache", "namespace": namespace},
        "spec": {
            "storageClassName": "oci-bv",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "50Gi"}},
        },
    }
    consumer = pod("consumer", namespace)
    consumer["spec"]["volumes"] = [{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}]
    cluster.apply(claim)
    with pytest.raises(WaitError):
        cluster.wait(f"pvc/cache -n {namespace}", ".status.phase=Bound", within=1)
    cluster.apply(consumer)
    bound = cluster.wait(f"pvc/cache -n {namespace}", ".status.phase=Bound", within=10)
    cluster.wait(f"pod/consumer -n {namespace}", within=10)
    volume = f"pv/{bound['spec']['volumeName']}"
    assert cluster.get(volume)["spec"]["csi"]["driver"] == "blockvolume.csi.oraclecloud.com"
    cluster.delete(f"pod/consumer -n {namespace}", within=10)
    cluster.delete(f"pvc/cache -n {namespace}", within=10)
    cluster.wait(volume, "deleted", within=10)


def test_a_file_system_is_bound_at_once(cluster: Cluster, namespace: str) -> None:
    spec = {
        "storageClassName": "oci-fss",
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    metadata = {"name": "shared", "namespace": namespace}
    cluster.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    cluster.wait(f"pvc/shared -n {namespace}", ".status.phase=Bound", within=10)


# Git, registry, Services


def test_git_serves_what_was_pushed(world: State, tmp_path: Path) -> None:
    repo = Repository(world, f"large-{uuid4().hex[:6]}")
    large = os.urandom(2**20).hex()  # git sends more than 1 MiB in chunks, and this can't be compressed to less
    commit = repo.commit({"docs/large.txt": large, "README.md": "one\n"}, "first")
    subprocess.run(["git", "clone", "--quiet", repo.url, tmp_path / "clone"], check=True)
    assert (tmp_path / "clone/README.md").read_text() == "one\n"
    repo.commit({"README.md": "two\n", "docs/large.txt": None}, "second")
    repo.revert()
    assert repo.git("rev-parse", "HEAD^{tree}") == repo.git("rev-parse", f"{commit}^{{tree}}")
    assert repo.git("ls-remote", "origin", "main").split()[0] == repo.head
    assert repo.url.startswith(f"http://{GIT_HOST}/")


def test_the_registry_takes_a_chart_and_gives_it_back(world: State, tmp_path: Path) -> None:
    helm, name = read(world).programs["helm"], f"chart-{uuid4().hex[:6]}"
    (tmp_path / name / "templates").mkdir(parents=True)
    (tmp_path / name / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.2.3\n")
    subprocess.run([helm, "package", tmp_path / name, "-d", tmp_path], check=True, capture_output=True)
    registry.push_chart(helm, tmp_path / f"{name}-1.2.3.tgz")
    pulled = tmp_path / "pulled"
    command: list[str | Path] = [
        helm,
        "pull",
        "--plain-http",
        f"{registry.CHARTS}/{name}",
        "--version",
        "1.2.3",
        "-d",
        pulled,
    ]
    pulled.mkdir()
    subprocess.run(command, check=True, capture_output=True)
    assert (pulled / f"{name}-1.2.3.tgz").read_bytes() == (tmp_path / f"{name}-1.2.3.tgz").read_bytes()


def test_a_service_resolves_and_reaches_its_pod_while_that_is_ready(cluster: Cluster) -> None:
    name = "source-controller.flux-system.svc.cluster.local"
    service = cluster.get("service/source-controller -n flux-system")
    assert socket.gethostbyname(name) == service["spec"]["clusterIP"]
    with socket.create_connection((name, 80), 5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.0 200")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((name, 81), 5)


def test_a_service_refuses_while_it_has_no_endpoint(cluster: Cluster, namespace: str) -> None:
    metadata = {"name": "one", "namespace": namespace}
    spec = {"selector": {"app": "one"}, "ports": [{"port": 80}]}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    name = f"one.{namespace}.svc.cluster.local"

    def answer() -> str:
        try:
            socket.create_connection((name, 80), 5).close()
        except socket.gaierror:
            return "unknown"
        except ConnectionRefusedError:
            return "refused"
        return "taken"

    until(lambda: answer() == "refused")
    cluster.apply(pod("one", namespace, labels={"app": "one"}))
    until(lambda: answer() == "taken")
    cluster.delete(f"pod/one -n {namespace}", within=30)
    until(lambda: answer() == "refused")


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
