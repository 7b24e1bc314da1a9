"""`gpuyard bootstrap status --probe`: what is asked inside of a cluster, and what an answer means."""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gpuyard.bootstrap.probes.bench import bench
from gpuyard.bootstrap.probes.filewrites import writes
from gpuyard.bootstrap.probes.probed import Verdict
from gpuyard.bootstrap.probes.refusals import refuses
from gpuyard.bootstrap.probes.syncstate import in_sync
from gpuyard.cli.main import cli
from gpuyard.doors.kubernetes import Kubernetes, UnansweredError, opened
from gpuyard.errors import ToolError
from gpuyard.project.load import parse
from gpuyard.project.stack import Stack
from tests.fakekubernetes import FakeKubernetes, serving
from tests.oci.fixture import Running
from tests.ociruns import SPEC, Runs, stack
from tests.projects import sources

FLUX = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations"
ARGOCD = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
STORAGE = "/apis/storage.k8s.io/v1/storageclasses/oci-fss"
IMAGE = "busybox"
USER = {"token": "secret"}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeKubernetes]:
    (tmp_path / "kubernetes").mkdir()
    with serving(tmp_path / "kubernetes", FakeKubernetes()) as found:
        yield found


@pytest.fixture
def api(fake: FakeKubernetes) -> Kubernetes:
    return opened(fake.kubeconfig(**USER))


def network(api: Kubernetes) -> tuple[Verdict, str]:
    with bench(api, IMAGE, lambda _: None) as place:
        return refuses(place)


def files(api: Kubernetes) -> tuple[Verdict, str]:
    with bench(api, IMAGE, lambda _: None) as place:
        return writes(place, "oci-fss")


@pytest.mark.parametrize(
    ("allowed", "refused", "verdict", "message"),
    [
        ("Succeeded", "Failed", Verdict.GOOD, "refused: enforced"),
        ("Succeeded", "Succeeded", Verdict.BAD, "not enforced: .* install Calico"),
        ("Failed", "Failed", Verdict.UNKNOWN, "does not reach another one that a NetworkPolicy lets it reach"),
    ],
)
def test_a_policy_is_enforced_where_only_the_allowed_one_gets_through(
    fake: FakeKubernetes, api: Kubernetes, allowed: str, refused: str, verdict: Verdict, message: str
) -> None:
    fake.ends |= {"allowed": allowed, "refused": refused}
    found, said = network(api)
    assert found is verdict

    assert re.search(message, said)
    assert fake.objects == {}
    assert set(fake.tokens) == {"Bearer secret"}


def test_pods_of_a_probe_are_restricted_and_ask_the_one_that_listens(fake: FakeKubernetes, api: Kubernetes) -> None:
    network(api)
    namespace, policy, *pods = fake.made
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert policy["spec"]["podSelector"]["matchLabels"] == pods[0]["metadata"]["labels"]
    assert {pod["spec"]["securityContext"]["runAsUser"] for pod in pods} == {10001}
    assert [pod["spec"]["containers"][0]["env"] for pod in pods[1:]] == [[{"name": "TARGET", "value": "10.0.0.9"}]] * 2


def test_what_an_interrupted_probe_left_goes_with_the_next(fake: FakeKubernetes, api: Kubernetes) -> None:
    fake.objects["/api/v1/namespaces/gpuyard-probe-old"] = {"metadata": {"name": "gpuyard-probe-old"}}
    network(api)
    assert fake.objects == {}


def test_a_pod_that_never_ends_says_why_and_leaves_nothing(fake: FakeKubernetes, api: Kubernetes) -> None:
    fake.ends["allowed"] = "Pending"
    with pytest.raises(ToolError, match="the pod allowed is not done after 180 seconds"):
        network(api)
    assert fake.objects == {}


@pytest.mark.parametrize(
    ("end", "verdict", "message"),
    [
        ("Succeeded", Verdict.GOOD, "written as user 10001"),
        ("Failed", Verdict.BAD, "user 10001 cannot write: the export must have identitySquash ALL"),
    ],
)
def test_file_storage_takes_what_user_10001_writes(
    fake: FakeKubernetes, api: Kubernetes, end: str, verdict: Verdict, message: str
) -> None:
    fake.lists[STORAGE] = []
    fake.ends["writes"] = end
    found, said = files(api)
    assert found is verdict
    assert message in said
    assert fake.made[1]["spec"]["accessModes"] == ["ReadWriteMany"]
    assert fake.objects == {}


def test_without_its_storage_class_file_storage_is_not_asked(api: Kubernetes) -> None:
    found, said = files(api)
    assert found is Verdict.UNKNOWN
    assert "there is no StorageClass oci-fss; `gpuyard bootstrap facts` commits it" in said


def flux(name: str, status: str, message: str = "", seen: int = 1, **spec: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "message": message}
    return {
        "metadata": {"name": name, "generation": 1},
        "spec": spec,
        "status": {"observedGeneration": seen, "conditions": [ready]},
    }


def argocd(name: str, sync: str, health: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"sync": {"status": sync}, "health": {"status": health}}}


def with_engine(engine: str) -> Stack:
    return parse(sources(SPEC, {**stack(), "engine": engine})).stack


@pytest.mark.parametrize(
    ("items", "verdict", "message"),
    [
        (None, Verdict.BAD, "Flux is not installed"),
        ([flux("other", "True")], Verdict.BAD, "Flux knows nothing of the stack"),
        ([flux("demo", "True"), flux("demo-chat", "True"), flux("x", "False")], Verdict.GOOD, "2 of 2 ready"),
        (
            [flux("demo", "True"), flux("demo-chat", "False", "no such chart")],
            Verdict.BAD,
            "1 of 2 ready; demo-chat: no",
        ),
        ([flux("demo", "True", seen=0)], Verdict.BAD, "0 of 1 ready; demo: it was not looked at yet"),
        ([flux("demo", "True", suspend=True)], Verdict.BAD, "demo: it is suspended"),
    ],
)
def test_flux_is_in_sync_where_each_of_the_stacks_is_ready(
    fake: FakeKubernetes, api: Kubernetes, items: list[dict[str, Any]] | None, verdict: Verdict, message: str
) -> None:
    if items is not None:
        fake.lists[FLUX] = items
    found, said = in_sync(api, with_engine("flux"))
    assert found is verdict
    assert said.startswith(message) or message in said


@pytest.mark.parametrize(
    ("items", "verdict", "message"),
    [
        (None, Verdict.BAD, "Argo CD is not installed"),
        ([argocd("demo", "Synced", "Healthy")], Verdict.GOOD, "1 of 1 ready"),
        ([argocd("demo-chat", "OutOfSync", "Degraded")], Verdict.BAD, "demo-chat: OutOfSync, Degraded"),
    ],
)
def test_argo_cd_is_in_sync_where_each_is_synced_and_healthy(
    fake: FakeKubernetes, api: Kubernetes, items: list[dict[str, Any]] | None, verdict: Verdict, message: str
) -> None:
    if items is not None:
        fake.lists[ARGOCD] = items
    found, said = in_sync(api, with_engine("argocd"))
    assert found is verdict
    assert message in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "has no cluster and user of its current context"),
        ("[", "has no cluster and user of its current context"),
    ],
)
def test_a_kubeconfig_that_is_none_is_said(text: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        opened(text)


def test_a_user_that_is_a_program_is_not_started(fake: FakeKubernetes) -> None:
    text = json.loads(fake.kubeconfig())
    text["users"][0]["user"] = {"exec": {"command": "touch"}}
    with pytest.raises(ToolError, match="the kubeconfig's user is a program, which gpuyard does not start"):
        opened(json.dumps(text))


def test_an_api_server_of_another_authority_is_not_spoken_to(fake: FakeKubernetes) -> None:
    text = json.loads(fake.kubeconfig(**USER))
    del text["clusters"][0]["cluster"]["certificate-authority-data"]
    with pytest.raises(UnansweredError, match=r"cannot be reached: .*certificate verify failed"):
        opened(json.dumps(text)).get("/version")
    assert fake.tokens == []


def status(runs: Runs, folder: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, ["bootstrap", "status", str(folder), "--output", "json", "--probe", *more])


@pytest.fixture
def runs(oci_cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    found = Runs(oci_cloud, tmp_path)
    for key, value in found.environment.items():
        monkeypatch.setenv(key, value)
    folder = tmp_path / "gitops"
    for name, data in sources(SPEC, stack()).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return found


def test_the_cluster_is_reached_as_oke_says_with_a_token_of_our_own(
    runs: Runs, fake: FakeKubernetes, tmp_path: Path
) -> None:
    runs.cloud.kubernetes = {"server": fake.url, "ca": base64.b64encode(fake.authority).decode()}
    runs.apply()
    fake.lists |= {FLUX: [flux("demo", "True")], STORAGE: []}
    done = status(runs, tmp_path / "gitops")
    assert done.exit_code == 0, done.output
    probes = json.loads(done.stdout)["probes"]
    assert [(each["probe"], each["verdict"]) for each in probes] == [
        ("engine", "good"),
        ("network policy", "good"),
        ("file storage", "good"),
    ]
    (cluster,) = runs.cloud.all("cluster")
    tokens = {base64.urlsafe_b64decode(each.removeprefix("Bearer ")).decode() for each in fake.tokens}
    assert all(f"/cluster_request/{cluster.id}?" in token for token in tokens)


def test_a_cluster_that_cannot_be_reached_is_said_with_what_to_do(runs: Runs, tmp_path: Path) -> None:
    runs.apply()
    file = tmp_path / "kubeconfig"
    unused = {"server": "https://127.0.0.1:1"}
    context = {"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]}
    users = {"users": [{"name": "u", "user": {"token": "x"}}]}
    file.write_text(json.dumps({**context, **users, "clusters": [{"name": "k", "cluster": unused}]}))
    done = status(runs, tmp_path / "gitops", "--kubeconfig", f"phx={file}")
    assert done.exit_code == 0, done.output
    probes = json.loads(done.stdout)["probes"]
    assert {each["verdict"] for each in probes} == {"unknown"}
    assert probes[0]["message"].startswith("could not be asked: https://127.0.0.1:1 cannot be reached")
    assert "run it inside of the VCN, through a tunnel with --kubeconfig" in probes[0]["message"]


def test_a_kubeconfig_of_no_cluster_is_refused(runs: Runs, tmp_path: Path) -> None:
    done = status(runs, tmp_path / "gitops", "--kubeconfig", "iad=file")
    assert done.exit_code == 2
    assert "must be CLUSTER=FILE with one of phx" in done.output
