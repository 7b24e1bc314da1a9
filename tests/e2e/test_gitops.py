"""The compiled demo repository on a real API server with a real Flux: what people do to it, and what happens.

The tests follow each other: each leaves the cluster in step with the repository.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
import yaml

from gpuyard.catalogue.shapes import catalogue
from tests.cluster import conditions
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.cluster.objects import read as read_objects
from tests.cluster.repository import Repository
from tests.e2e.gitops import CLUSTER, Gitops
from tests.e2e.scaler import Scaler
from tests.releases.stored import load

Record = Callable[[str, object], None]
BLUEPRINTS = {"chat": "a10", "docs": "a100", "assistant": "h100"}
LAYERS = ("demo-platform-crds", "demo-platform-controllers", "demo-platform-configs")
KINDS = (
    *("deployment", "horizontalpodautoscaler", "job", "networkpolicy", "persistentvolumeclaim"),
    *("poddisruptionbudget", "podmonitor", "prometheusrule", "scaledobject", "service", "serviceaccount"),
)
FLUX = "-n flux-system"
HERE = "-n inference"


@pytest.fixture(scope="module")
def gitops(cluster: Cluster, repo: Repository) -> Iterator[Gitops]:
    """The repository, compiled, pushed, and applied to an empty cluster by its entry point alone."""
    if cluster.objects("kustomization.kustomize.toolkit.fluxcd.io", namespace="flux-system"):
        remove(cluster)  # what a run that was broken off has left in a kept world
    scaler, gitops = Scaler(cluster), Gitops(repo)
    scaler.start()
    began = time.monotonic()
    cluster.kubectl("apply", "-f", str(gitops.entry))
    try:
        arrive(cluster, gitops.repo.revision, *everything(gitops), within=180)
        gitops.ready_after = time.monotonic() - began
        yield gitops
    finally:
        scaler.stop()
        remove(cluster)


def remove(cluster: Cluster) -> None:
    """Everything that the repository brought, so that a kept world can run the tests again."""
    cluster.kubectl(
        "delete", "kustomization,gitrepository", "--all", "-n", "flux-system", "--wait=true", "--timeout=120s"
    )
    # First the API that a pod in one of them serves: no namespace goes while what it has there can't be asked for.
    cluster.kubectl("delete", "apiservice", "v1beta1.external.metrics.k8s.io", "--ignore-not-found")
    for namespace in ("inference", "monitoring", "keda"):
        cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=120s")


def fetch(cluster: Cluster) -> None:
    """Ask Flux for the newest commit now rather than within a minute."""
    cluster.reconcile(f"gitrepository/demo {FLUX}")


def arrive(cluster: Cluster, revision: str, *names: str, within: float = 90) -> None:
    """Wait until these Kustomizations are at a revision and ready."""

    def arrived(item: Object | None) -> bool:
        """At the revision and Ready, as it is defined now."""
        status = (item or {}).get("status", {})
        return status.get("lastAppliedRevision") == revision and is_ready(item)

    is_ready = conditions.check("Ready")
    for name in names:
        cluster.wait(f"kustomization/{name} {FLUX}", arrived, within=within)


def everything(gitops: Gitops) -> list[str]:
    inference = [each["metadata"]["name"] for each in yaml.safe_load_all(entry(gitops)) if each]
    return ["demo", *LAYERS, *inference]


def entry(gitops: Gitops) -> str:
    """The objects of all models."""
    return "---\n".join(file.read_text(encoding="utf-8") for file in sorted(gitops.entry.glob("inference-*.yaml")))


def deployment(cluster: Cluster, name: str) -> Object:
    return cluster.get(f"deployment/{name} {HERE}")


def pods(cluster: Cluster, name: str) -> list[Object]:
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "server"}
    found = cluster.objects("pod", namespace="inference", labels=labels)
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def ready(cluster: Cluster, name: str) -> set[str]:
    """Pods that serve."""
    found = [pod for pod in pods(cluster, name) if condition(pod, "Ready").get("status") == "True"]
    return {pod["metadata"]["uid"] for pod in found}


@contextmanager
def watched(cluster: Cluster, name: str) -> Iterator[list[set[str]]]:
    """Pods that serve, ten times a second."""
    seen: list[set[str]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            seen.append(ready(cluster, name))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def download(cluster: Cluster, name: str) -> Object:
    """The Job that copies a blueprint's weights: there is one, also while Flux replaces it."""
    labels = {"app.kubernetes.io/name": f"{name}-download"}
    (found,) = cluster.objects("job", namespace="inference", labels=labels)
    return found


def wanted_job(gitops: Gitops, name: str) -> str:
    """What the repository calls it."""
    return str(yaml.safe_load(gitops.read(f"base/{name}/weights/job.yaml"))["metadata"]["name"])


def state_of(cluster: Cluster) -> dict[str, Object]:
    """What the repository says of every object of the blueprints, without what the API server and others add."""
    found = {}
    for kind in KINDS:
        for item in cluster.objects(kind, namespace="inference"):
            metadata = {key: item["metadata"].get(key) for key in ("labels", "annotations")}
            (metadata["annotations"] or {}).pop("deployment.kubernetes.io/revision", None)
            content = {key: value for key, value in item.items() if key not in {"metadata", "status"}}
            found[f"{kind}/{item['metadata']['name']}"] = {**content, "metadata": metadata}
    assert len(found) > 8 * len(BLUEPRINTS)
    return found


def node_shape(cluster: Cluster, pod: Object) -> str:
    node = cluster.get(f"node/{pod['spec']['nodeName']}")
    return str(node["metadata"]["labels"]["node.kubernetes.io/instance-type"])


def test_one_apply_on_an_empty_cluster(cluster: Cluster, gitops: Gitops, record_property: Record) -> None:
    """`kubectl apply -f clusters/<cluster>` alone: every Kustomization and release Ready, no step by hand."""
    record_property("from one apply to everything Ready", f"{gitops.ready_after:.1f} s")
    for release in cluster.objects("helmrelease"):
        assert condition(release, "Ready")["status"] == "True", release["metadata"]["name"]
    assert {release["metadata"]["name"] for release in cluster.objects("helmrelease")} == {
        "keda",
        "kube-prometheus-stack",
        "prometheus-operator-crds",
    }


@pytest.mark.parametrize(("name", "shape"), BLUEPRINTS.items())
def test_pods_run_on_the_nodes_of_their_shape(cluster: Cluster, gitops: Gitops, name: str, shape: str) -> None:
    found = pods(cluster, name)
    assert found
    for pod in found:
        assert node_shape(cluster, pod) in catalogue()[shape].nodes


def test_every_object_of_every_overlay_is_accepted_without_a_warning(cluster: Cluster, gitops: Gitops) -> None:
    """By the real API server, as a server-side dry run."""
    count = 0
    for overlay in sorted(gitops.root.glob("overlays/*/*/**/kustomization.yaml")):
        built = cluster.kubectl("kustomize", str(overlay.parent))
        objects = read_objects(built)
        for item in objects:
            item["metadata"]["namespace"] = "inference"
        assert cluster.apply(objects, dry_run=True) == [], overlay
        count += len(objects)
    for folder in ("platform/configs", "platform/controllers", "platform/crds"):
        assert cluster.apply(read_objects(cluster.kubectl("kustomize", str(gitops.root / folder))), dry_run=True) == []
    assert count >= 12 * len(list(gitops.root.glob("overlays/*/*/")))


def test_a_changed_context_rolls_that_blueprint_only_and_a_revert_restores_it(cluster: Cluster, gitops: Gitops) -> None:
    before = state_of(cluster)
    uids = {name: {pod["metadata"]["uid"] for pod in pods(cluster, name)} for name in BLUEPRINTS}
    revision = gitops.change("blueprints/chat.yaml", "contextLength: 16384", "contextLength: 8192")
    fetch(cluster)
    arrive(cluster, revision, *everything(gitops))
    (server,) = deployment(cluster, "chat")["spec"]["template"]["spec"]["containers"]
    assert "--max-model-len=8192" in server["args"]
    assert not uids["chat"] & {pod["metadata"]["uid"] for pod in pods(cluster, "chat")}
    for other in ("docs", "assistant"):
        assert {pod["metadata"]["uid"] for pod in pods(cluster, other)} == uids[other]
    gitops.repo.revert()  # of the commit that gpuyard made
    gitops.repo.revert("HEAD~2")  # and of the edit
    fetch(cluster)
    arrive(cluster, gitops.repo.revision, *everything(gitops))
    assert state_of(cluster) == before


def test_a_field_changed_by_hand_is_put_back_but_replicas_are_the_scalers(cluster: Cluster, gitops: Gitops) -> None:
    image = deployment(cluster, "docs")["spec"]["template"]["spec"]["containers"][0]["image"]
    change = {"spec": {"template": {"spec": {"containers": [{"name": "vllm", "image": "example.com/evil:1"}]}}}}
    patch = f"--patch={json.dumps(change)}"
    cluster.kubectl("patch", "deployment", "docs", "-n", "inference", "--type=strategic", patch)
    cluster.kubectl("scale", "deployment", "chat", "-n", "inference", "--replicas=2")
    for name in ("docs", "chat"):
        cluster.reconcile(f"kustomization/demo-inference-{name} {FLUX}", within=120)
    assert deployment(cluster, "docs")["spec"]["template"]["spec"]["containers"][0]["image"] == image
    assert deployment(cluster, "chat")["spec"]["replicas"] == 2
    cluster.kubectl("scale", "deployment", "chat", "-n", "inference", "--replicas=1")
    arrive(cluster, gitops.repo.revision, *everything(gitops))


def test_removing_a_blueprint_keeps_its_cache_and_adding_it_back_adopts_it(cluster: Cluster, gitops: Gitops) -> None:
    claim = cluster.get(f"persistentvolumeclaim/docs-cache {HERE}")
    text, stack = gitops.read("blueprints/docs.yaml"), gitops.read("stack.yaml")
    gitops.repo.commit({"stack.yaml": stack.replace("      docs: a100\n", "")}, "No docs")
    gitops.write("blueprints/docs.yaml", None)
    fetch(cluster)
    cluster.wait(f"kustomization/demo-inference-docs {FLUX}", "deleted", within=60)
    for kind in set(KINDS) - {"persistentvolumeclaim"}:
        cluster.wait(f"{kind}/docs {HERE}", "deleted", within=30)
    kept = cluster.get(f"persistentvolumeclaim/docs-cache {HERE}")
    assert kept["metadata"]["uid"] == claim["metadata"]["uid"]
    assert kept["status"]["phase"] == "Bound"
    gitops.repo.commit({"stack.yaml": stack}, "Docs again")
    revision = gitops.write("blueprints/docs.yaml", text)
    fetch(cluster)
    arrive(cluster, revision, *everything(gitops))
    assert cluster.get(f"persistentvolumeclaim/docs-cache {HERE}")["metadata"]["uid"] == claim["metadata"]["uid"]
    assert pods(cluster, "docs")


def test_a_model_that_loads_slowly_but_within_its_budget_never_fails(cluster: Cluster, gitops: Gitops) -> None:
    seen: set[str] = set()

    def watched(item: Object | None) -> bool:
        """At the revision and Ready, and never failed on the way."""
        ready = condition(item or {}, "Ready")
        seen.add(f"{ready.get('status')} {ready.get('reason')}")
        return (item or {}).get("status", {}).get("lastAppliedRevision") == revision and ready.get("status") == "True"

    cluster.pods.ready_after("chat", 45)
    try:
        revision = gitops.change("blueprints/chat.yaml", "contextLength: 16384", "contextLength: 12288")
        fetch(cluster)
        cluster.wait(f"kustomization/demo-inference-chat {FLUX}", watched, within=150)
        [slow] = pods(cluster, "chat")
    finally:
        cluster.pods.ready_after("chat", 0)
    began, ended = slow["status"]["startTime"], condition(slow, "Ready")["lastTransitionTime"]
    assert datetime.fromisoformat(ended) - datetime.fromisoformat(began) >= timedelta(seconds=44)
    assert "Unknown Progressing" in seen
    assert not {each for each in seen if each.startswith("False") and "Dependency" not in each}, seen
    progressing = condition(deployment(cluster, "chat"), "Progressing")
    assert progressing["reason"] == "NewReplicaSetAvailable"
    arrive(cluster, revision, *everything(gitops))


MODEL = "    name: llama-3.1-8b-instruct\n"


def revised(commit: str) -> str:
    """The same model at another commit of its repository."""
    return f"{MODEL}    source: hf://meta-llama/Llama-3.1-8B-Instruct@{commit * 40}\n"


def test_a_new_revision_leaves_no_second_without_a_server(
    cluster: Cluster, gitops: Gitops, record_property: Record
) -> None:
    """The old servers run until its weights are in the cache, and then make room one by one."""
    cluster.kubectl("scale", "deployment", "chat", "-n", "inference", "--replicas=2")
    cluster.wait(f"deployment/chat {HERE}", ".status.availableReplicas=2", within=60)
    old, before = ready(cluster, "chat"), download(cluster, "chat")["metadata"]["name"]
    cluster.pods.ready_after("chat-download", 15)
    cluster.pods.ready_after("chat", 3)
    try:
        with watched(cluster, "chat") as seen:
            revision = gitops.change("blueprints/chat.yaml", MODEL, revised("1"))
            fetch(cluster)
            job = wanted_job(gitops, "chat")
            assert job != before
            cluster.wait(f"job/{job} {HERE}", "exists", within=60)
            began = len(seen)
            cluster.wait(f"job/{job} {HERE}", "Complete", within=60)
            copied = len(seen)
            arrive(cluster, revision, *everything(gitops), within=120)
    finally:
        cluster.pods.reset()
    assert copied - began > 100, "the copy was too short to show anything"
    assert all(each == old for each in seen[:copied])
    assert min(map(len, seen)) == 1, "two servers in place are never both away"
    assert len(ready(cluster, "chat") - old) == 2
    assert download(cluster, "chat")["metadata"]["name"] == job
    record_property("a new revision", f"{copied / 10:.0f} s of copy with 2 servers, {len(seen) / 10:.0f} s in all")
    cluster.kubectl("scale", "deployment", "chat", "-n", "inference", "--replicas=1")
    cluster.wait(f"deployment/chat {HERE}", ".status.replicas=1", within=60)


def test_a_download_that_fails_leaves_the_old_server_until_it_is_mended(cluster: Cluster, gitops: Gitops) -> None:
    old, generation = ready(cluster, "chat"), deployment(cluster, "chat")["metadata"]["generation"]

    def waits(item: Object | None) -> bool:
        """Waiting for its weights."""
        found = condition(item or {}, "Ready")
        return found.get("reason") == "DependencyNotReady" and "demo-inference-chat-weights" in found["message"]

    cluster.pods.ready_after("chat-download", "never")
    try:
        with watched(cluster, "chat") as seen:
            revision = gitops.change("blueprints/chat.yaml", revised("1"), revised("2"))
            fetch(cluster)
            cluster.wait(f"kustomization/demo-inference-chat {FLUX}", waits, within=60)
            others = [name for name in everything(gitops) if not name.startswith("demo-inference-chat")]
            arrive(cluster, revision, *others)
            time.sleep(10)
        assert all(each == old for each in seen)
        assert deployment(cluster, "chat")["metadata"]["generation"] == generation
        assert condition(download(cluster, "chat"), "Complete") == {}
    finally:
        cluster.pods.ready_after("chat-download", 0)  # a token, a license, the network, the volume
    arrive(cluster, revision, *everything(gitops), within=120)
    assert not ready(cluster, "chat") & old


def test_a_new_vllm_makes_the_same_download_anew(cluster: Cluster, gitops: Gitops) -> None:
    """A Job's pod can't be changed: Flux replaces it under its name, and it finds its weights in the cache."""
    before = {name: download(cluster, name)["metadata"] for name in BLUEPRINTS}
    stack = gitops.read("stack.yaml")
    revision = gitops.change("stack.yaml", "spec:\n", "spec:\n  vllm: {version: 0.33.0}\n")
    fetch(cluster)
    arrive(cluster, revision, *everything(gitops), within=180)
    for name, old in before.items():
        new = download(cluster, name)
        assert new["metadata"]["name"] == old["name"]
        assert new["metadata"]["uid"] != old["uid"]
        images = {
            each["spec"]["template"]["spec"]["containers"][0]["image"] for each in (new, deployment(cluster, name))
        }
        assert len(images) == 1
        assert images.pop().endswith(":v0.33.0")
    revision = gitops.write("stack.yaml", stack)
    fetch(cluster)
    arrive(cluster, revision, *everything(gitops), within=180)


def test_an_upgrade_from_0_2_keeps_the_cache_and_fails_nowhere(cluster: Cluster, gitops: Gitops) -> None:
    """There the download was part of its model's Kustomization: what is now in one of its own goes over to it."""
    claim = cluster.get(f"persistentvolumeclaim/chat-cache {HERE}")["metadata"]["uid"]
    release = load("0.2.1")["a10"]
    chat = [each for each in release if each["metadata"]["labels"]["app.kubernetes.io/name"].startswith("chat")]
    models, name = f"clusters/{CLUSTER}/inference-chat.yaml", "demo-inference-chat"
    [kept] = [each for each in yaml.safe_load_all(gitops.read(models)) if each["metadata"]["name"] == name]
    kept["spec"]["dependsOn"] = [{"name": "demo-platform-configs"}]
    content = {
        models: yaml.safe_dump(kept),
        "overlays/a10/chat/kustomization.yaml": yaml.safe_dump({"resources": ["chat.yaml"]}),
        "overlays/a10/chat/chat.yaml": yaml.safe_dump_all(chat),
    }
    gitops.repo.commit(content, "As 0.2 made it")
    fetch(cluster)
    cluster.wait(f"kustomization/demo-inference-chat-weights {FLUX}", "deleted", within=60)
    arrive(cluster, gitops.repo.revision, name)
    cluster.reconcile(f"kustomization/{name} {FLUX}", within=120)  # what went with the other
    assert owner(cluster, "networkpolicy/chat-download") == owner(cluster, "job/" + old_job(chat)) == name
    assert owner(cluster, "persistentvolumeclaim/chat-cache") == name

    seen: set[str] = set()

    def upgraded(item: Object | None) -> bool:
        """At the revision and Ready, and never failed on the way."""
        found = condition(item or {}, "Ready")
        seen.add(f"{found.get('status')} {found.get('reason')}")
        return (item or {}).get("status", {}).get("lastAppliedRevision") == revision and found.get("status") == "True"

    gitops.repo.revert()
    revision = gitops.repo.revision
    fetch(cluster)
    cluster.wait(f"kustomization/{name} {FLUX}", upgraded, within=120)
    arrive(cluster, revision, *everything(gitops), within=120)
    assert not {each for each in seen if each.startswith("False") and "Dependency" not in each}, seen
    cache = cluster.get(f"persistentvolumeclaim/chat-cache {HERE}")["metadata"]
    assert cache["uid"] == claim
    assert "deletionTimestamp" not in cache
    job = download(cluster, "chat")["metadata"]["name"]
    first = ("persistentvolumeclaim/chat-cache", "networkpolicy/chat-download", "prometheusrule/chat")
    for named in (*first, f"job/{job}"):
        assert owner(cluster, named) == f"{name}-weights"
    assert owner(cluster, "deployment/chat") == name
    assert job != old_job(chat)


def owner(cluster: Cluster, named: str) -> str:
    """The Kustomization that an object belongs to."""
    labels: dict[str, str] = cluster.get(f"{named} {HERE}")["metadata"]["labels"]
    return labels["kustomize.toolkit.fluxcd.io/name"]


def old_job(objects: list[Object]) -> str:
    (name,) = [each["metadata"]["name"] for each in objects if each["kind"] == "Job"]
    return str(name)


def test_a_broken_branch_changes_nothing_and_says_so(cluster: Cluster, gitops: Gitops) -> None:
    before = state_of(cluster)
    gitops.repo.switch("broken")
    kustomization = "overlays/a10/chat/kustomization.yaml"
    gitops.repo.commit({kustomization: gitops.read(kustomization) + "- path: nowhere.yaml\n"}, "Break it")

    def refused(item: Object | None) -> bool:
        """BuildFailed."""
        return condition(item or {}, "Ready").get("reason") == "BuildFailed"

    # The entry would put the branch back: that it follows the repository is what is switched off here.
    cluster.patch(f"kustomization/demo {FLUX}", {"spec": {"suspend": True}})
    try:
        cluster.patch(f"gitrepository/demo {FLUX}", {"spec": {"ref": {"branch": "broken"}}})
        fetch(cluster)
        failed = cluster.wait(f"kustomization/demo-inference-chat {FLUX}", refused, within=60)
        assert "nowhere.yaml" in condition(failed, "Ready")["message"]
        assert state_of(cluster) == before
    finally:
        gitops.repo.switch("main")
        cluster.patch(f"gitrepository/demo {FLUX}", {"spec": {"ref": {"branch": "main"}}})
        # First the source, then the entry: else the entry may still apply the broken revision.
        fetch(cluster)
        cluster.patch(f"kustomization/demo {FLUX}", {"spec": {"suspend": False}})
    cluster.reconcile(f"kustomization/demo {FLUX}")
    arrive(cluster, gitops.repo.revision, *everything(gitops))


def test_a_blueprint_that_asks_for_more_than_the_fleet_has_blocks_no_other(cluster: Cluster, gitops: Gitops) -> None:
    """Three replicas of eight GPUs on a fleet with two such nodes: one stays Pending and is reported."""
    old = "    h100: {}\n"
    big = "    h100: {tensorParallel: 8, scaling: {min: 2, max: 3}}\n"
    gitops.change("blueprints/assistant.yaml", old, big)
    fetch(cluster)
    cluster.wait(f"scaledobject/assistant {HERE}", ".spec.minReplicaCount=2", within=60)
    cluster.kubectl("scale", "deployment", "assistant", "-n", "inference", "--replicas=3")

    def pending(item: Object | None) -> bool:
        """One replica short."""
        status = (item or {}).get("status", {})
        return status.get("replicas") == 3 and status.get("readyReplicas") == 2

    cluster.wait(f"deployment/assistant {HERE}", pending, within=90)
    (waiting,) = [pod for pod in pods(cluster, "assistant") if pod["status"]["phase"] == "Pending"]
    waiting = cluster.wait(f"pod/{waiting['metadata']['name']} {HERE}", "PodScheduled=False", within=30)
    assert "Insufficient nvidia.com/gpu" in condition(waiting, "PodScheduled")["message"]
    revision = gitops.change("blueprints/docs.yaml", "concurrency: 16", "concurrency: 12")
    fetch(cluster)
    arrive(cluster, revision, "demo-inference-docs")
    assert cluster.get(f"scaledobject/docs {HERE}")["spec"]["triggers"][0]["metadata"]["threshold"] == "12"
    assert condition(cluster.get(f"kustomization/demo-inference-assistant {FLUX}"), "Ready")["status"] != "True"
    cluster.kubectl("scale", "deployment", "assistant", "-n", "inference", "--replicas=1")
    revision = gitops.change("blueprints/assistant.yaml", big, old)
    fetch(cluster)
    arrive(cluster, revision, *everything(gitops), within=180)


def test_a_model_that_never_becomes_ready_fails_in_the_time_its_budget_says(
    cluster: Cluster, gitops: Gitops, record_property: Record
) -> None:
    generation = deployment(cluster, "docs")["metadata"]["generation"]

    def rolls_out(item: Object | None) -> bool:
        """Changed."""
        return item is not None and item["metadata"]["generation"] > generation

    def failed(item: Object | None) -> bool:
        """Failed its health check."""
        ready = condition(item or {}, "Ready")
        return ready.get("status") == "False" and ready.get("reason") == "HealthCheckFailed"

    cluster.pods.ready_after("docs", "never")
    try:
        gitops.change("blueprints/docs.yaml", "contextLength: 16384", "contextLength: 4096")
        fetch(cluster)
        rolling = cluster.wait(f"deployment/docs {HERE}", rolls_out, within=60)
        began, deadline = time.monotonic(), rolling["spec"]["progressDeadlineSeconds"]
        item = cluster.wait(f"kustomization/demo-inference-docs {FLUX}", failed, within=deadline + 90)
        waited = time.monotonic() - began
    finally:
        cluster.pods.ready_after("docs", 0)
    assert "docs" in condition(item, "Ready")["message"]
    progressing = condition(deployment(cluster, "docs"), "Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert waited >= deadline - 5
    record_property("a model that is never ready failed", f"after {waited:.0f} s; its deadline is {deadline} s")
    for other in ("chat", "assistant"):
        cluster.wait(f"kustomization/demo-inference-{other} {FLUX}", within=60)
    gitops.repo.revert()
    gitops.repo.revert("HEAD~2")
    fetch(cluster)
    arrive(cluster, gitops.repo.revision, *everything(gitops), within=240)
