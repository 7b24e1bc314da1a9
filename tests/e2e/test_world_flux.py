"""The world's own tests: pods that really run, Flux, the platform's charts, and what a failed wait says."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cluster.addresses import GIT_HOST
from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.errors import ApiError, NotFoundError, WaitError
from tests.cluster.flux import COMPONENTS
from tests.cluster.repository import Repository
from tests.cluster.state import State
from tests.e2e.samples import config, pod, sync

# Pods that really run


def test_a_program_that_ends_is_started_again_in_the_same_pod(cluster: Cluster, namespace: str) -> None:
    wrong = pod("wrong", namespace)
    wrong["spec"]["containers"][0] |= {"image": "ghcr.io/fluxcd/source-controller:v1", "args": ["--no-such-flag"]}
    cluster.apply(wrong)

    def has_restarted(item: Object | None) -> bool:
        """Started again."""
        statuses = (item or {}).get("status", {}).get("containerStatuses", [])
        return any(status["restartCount"] > 0 and status["lastState"] for status in statuses)

    seen = cluster.wait(f"pod/wrong -n {namespace}", has_restarted, within=30)
    assert seen["status"]["phase"] == "Running"
    assert seen["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] != 0
    assert "unknown flag: --no-such-flag" in cluster.logs(namespace, "wrong")
    cluster.delete(f"pod/wrong -n {namespace}", within=10)


# Flux


def test_flux_runs_from_its_own_manifests_with_its_own_rights(cluster: Cluster) -> None:
    for name in COMPONENTS:
        deployment = cluster.wait(f"deployment/{name} -n flux-system", "Available", within=30)
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        [running] = cluster.objects("pod", namespace="flux-system", labels={"app": name})
        # No option but the manifest's own: what runs is what the manifest says.
        [process] = _processes(f"/{name}")
        assert process[1:] == [_expanded(argument) for argument in container["args"]]
        assert running["status"]["podIP"].startswith("198.18.2.")
        assert running["spec"]["serviceAccountName"] == name
        [status] = running["status"]["containerStatuses"]
        assert status["restartCount"] == 0


def test_a_real_pod_has_only_its_own_token(cluster: Cluster) -> None:
    [running] = cluster.objects("pod", namespace="flux-system", labels={"app": "source-controller"})
    user = f"system:serviceaccount:flux-system:{running['spec']['serviceAccountName']}"
    [process] = _pids("/source-controller")
    # As the process sees it; no other way in was given to it.
    token = Path(f"/proc/{process}/root/var/run/secrets/kubernetes.io/serviceaccount/token").read_text()
    assert b"KUBECONFIG=" not in Path(f"/proc/{process}/environ").read_bytes()
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    status = cluster.api.send("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review).body["status"]
    assert status["user"]["username"] == user
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-uid"] == [running["metadata"]["uid"]]

    account = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    wanted = {
        "user": user,
        "resourceAttributes": {"verb": "create", "group": "apps", "resource": "deployments"},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert not cluster.api.send("POST", path, {**account, "spec": wanted}).body["status"]["allowed"]


def unsync(cluster: Cluster, name: str) -> None:
    """Whether the test passed or not: what it leaves would be taken for a synced repository."""
    cluster.delete(f"kustomization/{name} -n flux-system", within=60)
    cluster.delete(f"gitrepository/{name} -n flux-system", within=60)


def test_flux_syncs_a_repository_and_every_commit_to_it(
    cluster: Cluster, world: State, namespace: str, request: pytest.FixtureRequest
) -> None:
    name = f"tiny-{uuid4().hex[:6]}"
    tiny = Repository(world, name)
    first = tiny.commit({"app/config.yaml": config(namespace, "one")}, "first")
    request.addfinalizer(lambda: unsync(cluster, name))
    cluster.apply(sync(name, tiny.url))
    synced = cluster.wait(f"kustomization/{name} -n flux-system", within=60)
    assert synced["status"]["lastAppliedRevision"] == f"main@sha1:{first}"
    assert cluster.get(f"configmap/app -n {namespace}")["data"] == {"value": "one"}

    tiny.commit({"app/config.yaml": config(namespace, "two")}, "second")
    cluster.reconcile(f"gitrepository/{name} -n flux-system")
    cluster.wait(f"kustomization/{name} -n flux-system", f".status.lastAppliedRevision={tiny.revision}", within=30)
    assert cluster.get(f"configmap/app -n {namespace}")["data"] == {"value": "two"}

    cluster.patch(f"configmap/app -n {namespace}", {"data": {"value": "by hand"}})
    cluster.reconcile(f"kustomization/{name} -n flux-system")
    assert cluster.get(f"configmap/app -n {namespace}")["data"] == {"value": "two"}

    cluster.delete(f"kustomization/{name} -n flux-system", within=60)
    cluster.wait(f"configmap/app -n {namespace}", "deleted", within=30)


# The platform's charts


def test_flux_installs_keda_and_its_metrics_api_becomes_available(
    cluster: Cluster, installed: Callable[[str], str]
) -> None:
    cluster.wait(f"helmrelease/keda -n {installed('keda')}", within=180)
    for name in ("scaledobjects", "scaledjobs", "triggerauthentications"):
        cluster.wait(f"crd/{name}.keda.sh", "Established", within=10)
    cluster.wait("apiservice/v1beta1.external.metrics.k8s.io", "Available", within=120)


def test_flux_installs_kube_prometheus_stack_over_its_crds(cluster: Cluster, installed: Callable[[str], str]) -> None:
    cluster.wait(f"helmrelease/prometheus-operator-crds -n {installed('prometheus-operator-crds')}", within=180)
    for crd in ("podmonitors", "prometheusrules", "prometheuses"):
        cluster.wait(f"crd/{crd}.monitoring.coreos.com", "Established", within=10)
    namespace = installed("kube-prometheus-stack")
    cluster.wait(f"helmrelease/kube-prometheus-stack -n {namespace}", within=180)
    deployments = [item["metadata"]["name"] for item in cluster.objects("deployment", namespace=namespace)]
    assert "kps-operator" in deployments


# The language


def test_a_failed_wait_shows_what_a_person_would_look_at(
    cluster: Cluster, namespace: str, request: pytest.FixtureRequest
) -> None:
    name = f"broken-{uuid4().hex[:6]}"
    request.addfinalizer(lambda: unsync(cluster, name))
    cluster.apply(sync(name, f"http://{GIT_HOST}/none.git"))
    cluster.apply(pod("greedy", namespace, gpus=3, shape="VM.GPU.A10.2"))
    cluster.wait(f"gitrepository/{name} -n flux-system", "Ready=False", within=30)
    with pytest.raises(WaitError) as caught:
        cluster.wait(f"kustomization/{name} -n flux-system", within=2)
    for expected in (
        f"kustomization/{name} -n flux-system: not Ready within 2 s",
        "Source artifact not found",
        f"{namespace}/greedy Pending: ",
        f"Warning GitRepository/flux-system/{name}",
        "source-controller",
    ):
        assert expected in str(caught.value)


def test_apply_hands_on_refusals_and_warnings(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(NotFoundError, match="is its CRD installed"):
        cluster.apply({"apiVersion": "example.com/v1", "kind": "Nothing", "metadata": {"name": "none"}})
    wrong = pod("wrong", namespace)
    wrong["spec"]["containers"][0]["imagePullPolicy"] = "Sometimes"
    with pytest.raises(ApiError, match="imagePullPolicy"):
        cluster.apply(wrong, dry_run=True)
    twice = pod("twice", namespace)
    twice["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    twice["metadata"]["annotations"] = {"seccomp.security.alpha.kubernetes.io/pod": "runtime/default"}
    assert cluster.apply(pod("fine", namespace), dry_run=True) == []
    assert cluster.apply(twice, dry_run=True) != []
    assert not cluster.exists(f"pod/twice -n {namespace}")


def _processes(program: str) -> list[list[str]]:
    return list(_running(program).values())


def _pids(program: str) -> list[int]:
    return list(_running(program))


def _running(program: str) -> dict[int, list[str]]:
    """The command lines of this program's processes, by their numbers."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        arguments = path.read_bytes().decode().split("\0")[:-1] if os.access(path, os.R_OK) else []
        if arguments and arguments[0].endswith(program):
            found[int(path.parent.name)] = arguments
    return found


def _expanded(argument: str) -> str:
    return argument.replace("$(RUNTIME_NAMESPACE)", "flux-system")
