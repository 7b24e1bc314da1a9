"""The hand-over of a cluster to its engine: what is made, once, in which order, and by whom it is left alone."""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from gpuyard.bootstrap.difference import Action
from gpuyard.bootstrap.handover.arrival import awaited
from gpuyard.bootstrap.handover.carry import carry_out
from gpuyard.bootstrap.handover.hostkeys import host_of, lines_of
from gpuyard.bootstrap.handover.sight import Seen, look
from gpuyard.bootstrap.handover.steps import Handover, Move, compared
from gpuyard.bootstrap.handover.wishes import Given, Part, Site, Wish, Wishes, wishes
from gpuyard.catalogue.engines import Manifests, manifests
from gpuyard.catalogue.githosts import host_keys
from gpuyard.doors.kubernetes import Kubernetes, opened
from gpuyard.errors import GpuyardError, ToolError
from tests.fakecluster import FakeCluster
from tests.fakekubernetes import serving
from tests.projects import resolved

SSH = {"url": "ssh://git@github.com/acme/gitops", "secret": "git"}
TOKEN = {("inference", "hf-token"): {"token": b"hf_given"}}
GIT = {"flux": "/api/v1/namespaces/flux-system/secrets/git", "argocd": "/api/v1/namespaces/argocd/secrets/git"}
PRIVATE = {"flux": "identity", "argocd": "sshPrivateKey"}
ENGINES = ("flux", "argocd")
USER = {"token": "secret"}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeCluster]:
    with serving(tmp_path, FakeCluster()) as found:
        yield found


@pytest.fixture
def api(fake: FakeCluster) -> Kubernetes:
    return opened(fake.kubeconfig(**USER))


def site(
    engine: str = "flux",
    given: Given | None = None,
    hosts: str = "",
    spec: Mapping[str, Any] | None = None,
    **stack: Any,
) -> Site:
    stack = {"engine": engine, "repository": SSH, **stack}
    given = TOKEN if given is None else given
    whole = resolved({"shapes": {"a10": {}}, **(spec or {})}, stack)
    return Site(resolved=whole, cluster="phx", manifests=manifests(engine), given=given, known_hosts=hosts)


def planned(api: Kubernetes, wanted: Wishes) -> Handover:
    return compared("phx", wanted, look(api, wanted.objects))


def hand_over(api: Kubernetes, where: Site) -> Handover:
    wanted = wishes(where)
    carry_out(api, planned(api, wanted), "demo", lambda _: None, lambda _: None)
    return planned(api, wanted)


def data(fake: FakeCluster, path: str) -> dict[str, bytes]:
    return {key: base64.b64decode(value) for key, value in fake.objects[path]["data"].items()}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_cluster_gets_all_of_it_in_an_order_in_which_each_finds_what_it_needs(
    fake: FakeCluster, api: Kubernetes, engine: str
) -> None:
    after = hand_over(api, site(engine))
    assert not after.writes
    assert not after.left
    order = [path.rpartition("/")[2] for path in fake.writes]
    kinds = [fake.objects[line.partition(" ")[2]]["kind"] for line in fake.writes]
    assert kinds.index("Secret") < kinds.index("CustomResourceDefinition") < kinds.index("Deployment")
    assert order[-1] == "demo"
    assert max(index for index, kind in enumerate(kinds) if kind in ("Deployment", "StatefulSet")) < order.index("demo")
    assert fake.named("Secret") == [*(["argocd-secret"] if engine == "argocd" else []), "git", "hf-token"]
    assert data(fake, "/api/v1/namespaces/inference/secrets/hf-token") == {"token": b"hf_given"}


def test_flux_gets_its_source_and_entry_and_nothing_that_it_brings_itself(fake: FakeCluster, api: Kubernetes) -> None:
    hand_over(api, site())
    assert fake.named("GitRepository") == fake.named("Kustomization") == ["demo"]
    assert {line.partition(" ")[0] for line in fake.writes if "/apis/" in line} == {"PATCH"}


def test_the_private_half_of_the_deploy_key_is_in_the_secret_alone(fake: FakeCluster, api: Kubernetes) -> None:
    plan = hand_over(api, site())
    held = data(fake, GIT["flux"])
    key = serialization.load_ssh_private_key(held["identity"], None)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    assert plan.public_key == f"{public} gpuyard demo"
    assert held["identity.pub"].decode() == f"{public} gpuyard demo\n"
    assert held["known_hosts"].decode().splitlines() == [f"github.com {key}" for key in host_keys()["github.com"]]
    fake.sent.clear()
    planned(api, wishes(site()))
    assert not any(
        b"PRIVATE" in text or fake.objects[GIT["flux"]]["data"]["identity"].encode() in text for text in fake.sent
    )


def test_argo_cd_knows_the_repository_by_the_label_of_its_secret(fake: FakeCluster, api: Kubernetes) -> None:
    plan = hand_over(api, site("argocd"))
    secret = fake.objects[GIT["argocd"]]
    assert secret["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    held = data(fake, GIT["argocd"])
    assert (held["type"], held["url"]) == (b"git", SSH["url"].encode())
    assert held["sshPrivateKey"].startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    assert plan.public_key.startswith("ssh-ed25519 ")


def test_argo_cd_learns_the_keys_of_a_host_that_it_does_not_know(fake: FakeCluster, api: Kubernetes) -> None:
    repository = {"url": "ssh://git@git.acme.example:2222/gitops", "secret": "git"}
    hand_over(api, site("argocd", hosts="[git.acme.example]:2222 ssh-ed25519 AAAAC3Nza\n", repository=repository))
    known = fake.objects["/api/v1/namespaces/argocd/configmaps/argocd-ssh-known-hosts-cm"]["data"]["ssh_known_hosts"]
    assert known.endswith("[git.acme.example]:2222 ssh-ed25519 AAAAC3Nza\n")
    assert "github.com ssh-ed25519" in known


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_run_writes_nothing_and_keeps_the_key(fake: FakeCluster, api: Kubernetes, engine: str) -> None:
    first = hand_over(api, site(engine))
    fake.writes.clear()
    again = hand_over(api, site(engine))
    assert fake.writes == []
    assert again.public_key == first.public_key


def test_what_somebody_made_stays_as_it_is(fake: FakeCluster, api: Kubernetes) -> None:
    """A Secret of the same name, an engine at another version: neither is touched."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
    secret = {"kind": "Secret", "metadata": {"name": "git", "namespace": "flux-system"}, "data": {"identity": "b3du"}}
    program = {"kind": "Deployment", "metadata": {"name": "source-controller"}, "spec": {}}
    fake.put("/api/v1/namespaces/flux-system", space)
    fake.put(GIT["flux"], secret)
    fake.put("/apis/apps/v1/namespaces/flux-system/deployments/source-controller", program)
    for each in manifests("flux").objects:
        if each["kind"] == "CustomResourceDefinition":
            name = each["metadata"]["name"]
            fake.put(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", dict(each))
    plan = hand_over(api, site())
    assert fake.objects[GIT["flux"]]["data"] == {"identity": "b3du"}
    assert plan.public_key == ""
    assert {move.action for move in plan.moves if move.wish.part is Part.ENGINE} == {Action.LEAVE}
    assert fake.named("Deployment") == ["source-controller"]
    assert fake.named("Kustomization") == ["demo"]


def test_the_entry_that_argo_cd_does_not_keep_in_step_is_applied_where_it_differs(
    fake: FakeCluster, api: Kubernetes
) -> None:
    hand_over(api, site("argocd"))
    fake.writes.clear()
    hand_over(api, site("argocd", platform={"keda": {"enabled": False}}))
    assert fake.writes
    assert all("appprojects" in line or "argocd-cm" in line for line in fake.writes), fake.writes


def test_without_a_value_the_rest_is_made_and_the_command_is_left(fake: FakeCluster, api: Kubernetes) -> None:
    plan = hand_over(api, site(given={}))
    assert "hf-token" not in fake.named("Secret")
    (left,) = plan.left
    assert "give it by --secret, or `kubectl --context phx --namespace inference create secret generic hf-token" in left
    assert fake.named("Kustomization") == ["demo"]


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (
            {"repository": {**SSH, "url": "ssh://git@git.acme.example/gitops"}},
            "which SSH host keys git.acme.example has",
        ),
        (
            {"flux": {"receiver": {"type": "github", "secret": "hook"}}},
            "needs the notification-controller, which the manifests of gpuyard do not have",
        ),
    ],
)
def test_what_would_end_half_way_is_said_before(stack: dict[str, Any], message: str) -> None:
    (problem,) = wishes(site(**stack)).problems
    assert message in problem


def test_where_flux_reads_the_repository_already_it_is_not_installed() -> None:
    repository = {"url": SSH["url"], "source": "flux-system"}
    wanted = wishes(site(repository=repository))
    assert {each.part for each in wanted.objects} == {Part.NAMESPACE, Part.SECRET}
    assert any("Flux reads the repository by flux-system" in text for text in wanted.left)


def test_another_cluster_s_argo_cd_is_left_to_people() -> None:
    wanted = wishes(site("argocd", argocd={"hub": "ops"}))
    assert wanted.objects == ()
    assert "ops syncs it" in wanted.left[0]


def test_programs_come_from_the_stack_s_mirrors() -> None:
    mirrors = {"ghcr.io": "registry.acme.example/ghcr", "quay.io/argoproj": "registry.acme.example/argo"}
    images = [
        container["image"]
        for engine in ENGINES
        for wish in wishes(site(engine, images={"mirrors": mirrors})).objects
        if wish.body["kind"] == "Deployment"
        for container in wish.body["spec"]["template"]["spec"]["containers"]
    ]
    assert "registry.acme.example/ghcr/fluxcd/source-controller:v1.9.5" in images
    assert "registry.acme.example/argo/argocd:v3.6.1" in images
    assert not any(image.startswith(("ghcr.io", "quay.io")) for image in images)


def test_manifests_without_a_namespace_get_the_engine_s() -> None:
    """As Argo CD publishes its own."""
    bare = [
        {**each, "metadata": {key: value for key, value in each["metadata"].items() if key != "namespace"}}
        for each in manifests("argocd").objects
        if each["kind"] != "Namespace"
    ]
    made = wishes(replace(site("argocd"), manifests=Manifests("", (), tuple(bare))))
    ours = wishes(site("argocd"))
    assert {each.id for each in made.objects} == {each.id for each in ours.objects}


KILLS = {"flux": (17, 26), "argocd": (27, 38)}
"""Requests after which a run is killed in `make test`: about where the key is made, and among the engine's objects."""
REQUESTS = 52
"""More than a hand-over with these manifests makes."""
NEEDED = ("gitrepositories", "kustomizations", "applications", "appprojects")


def kills(engine: str) -> Iterator[tuple[str, int]]:
    every = os.environ.get("GPUYARD_CRASH") == "all"
    return ((engine, number) for number in (range(1, REQUESTS) if every else KILLS[engine]))


def small(engine: str) -> Site:
    """With one or two objects of each kind of the engine's."""
    seen: dict[str, int] = {}
    kept = []
    for each in manifests(engine).objects:
        kind, name = each["kind"], each["metadata"]["name"]
        seen[kind] = seen.get(kind, 0) + 1
        if kind == "CustomResourceDefinition":
            kept += [each] if name.startswith(NEEDED) else []
        elif seen[kind] == 1 and kind in ("Namespace", "ConfigMap", "ServiceAccount", "Deployment", "StatefulSet"):
            kept.append(each)
    return replace(site(engine), manifests=Manifests("", (), tuple(kept)))


@pytest.mark.parametrize(("engine", "number"), [each for name in ENGINES for each in kills(name)])
def test_killed_after_any_request_the_next_run_goes_on_with_the_same_key(
    fake: FakeCluster, api: Kubernetes, engine: str, number: int
) -> None:
    where = small(engine)
    fake.dies_after = number
    with suppress(GpuyardError):
        hand_over(api, where)
    secret = fake.objects.get(GIT[engine])
    fake.revive()
    after = hand_over(api, where)
    assert not after.writes
    if secret:
        assert fake.objects[GIT[engine]]["data"] == secret["data"]
    settings = [line for line in fake.writes if not line.endswith("argocd-cm")]  # the engine's, and the entry's in it
    assert len(set(settings)) == len(settings), "something was written twice"
    assert data(fake, GIT[engine])[PRIVATE[engine]].startswith(b"-----BEGIN OPENSSH")


@pytest.mark.parametrize("engine", ENGINES)
def test_kills_come_while_it_is_at_work(fake: FakeCluster, api: Kubernetes, engine: str) -> None:
    """Those of `make test` are after the first write and before the last; all of them go beyond the end."""
    wanted = wishes(small(engine))
    plan = planned(api, wanted)
    before = fake.requests
    carry_out(api, plan, "demo", lambda _: None, lambda _: None)
    assert all(before < number < fake.requests for number in KILLS[engine]), (before, fake.requests)
    assert fake.requests < REQUESTS


def test_a_program_that_does_not_start_is_said_with_the_reason(fake: FakeCluster, api: Kubernetes) -> None:
    why = [{"type": "Available", "status": "False", "message": "no node has room"}]
    fake.says["deployments/source-controller"] = {"observedGeneration": 1, "conditions": why}
    with pytest.raises(ToolError, match=r"Deployment flux-system/source-controller is not ready .*: no node has room"):
        hand_over(api, site())
    assert fake.named("Kustomization") == []


@pytest.mark.parametrize(
    ("engine", "end", "status", "message"),
    [
        (
            "flux",
            "gitrepositories/demo",
            {"conditions": [{"type": "Ready", "status": "False", "message": "ssh: unable to authenticate"}]},
            "GitRepository demo: ssh: unable to authenticate",
        ),
        ("flux", "kustomizations/demo", {}, "Kustomization demo: Flux starts with it"),
        (
            "argocd",
            "applications/demo",
            {"sync": {"status": "Unknown"}, "conditions": [{"message": "repository not found"}]},
            "Application demo: Unknown: repository not found",
        ),
    ],
)
def test_what_the_engine_waits_for_is_told_until_it_follows(
    fake: FakeCluster, api: Kubernetes, engine: str, end: str, status: dict[str, Any], message: str
) -> None:
    where, told = site(engine), []
    hand_over(api, where)
    fake.says[end] = status
    assert awaited(api, where.stack, 0, told.append, lambda _: None) == message
    assert awaited(api, where.stack, 60, told.append, lambda _: fake.says.clear()) == ""
    assert told == [message]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("ssh://git@github.com/acme/gitops", "github.com"),
        ("ssh://git@github.com:22/acme/gitops", "github.com"),
        ("ssh://git@ssh.github.com:443/acme/gitops", "[ssh.github.com]:443"),
    ],
)
def test_a_host_is_named_as_known_hosts_does(url: str, host: str) -> None:
    assert host_of(url) == host
    assert lines_of(host).startswith(f"{host} ")


def hashed(host: str) -> str:
    salt = b"x" * 20
    digest = hmac.new(salt, host.encode(), "sha1").digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("git.acme.example ssh-ed25519 AAAA comment", "git.acme.example ssh-ed25519 AAAA\n"),
        ("other,git.acme.example ssh-ed25519 AAAA", "git.acme.example ssh-ed25519 AAAA\n"),
        (f"{hashed('git.acme.example')} ssh-ed25519 AAAA", "git.acme.example ssh-ed25519 AAAA\n"),
        (f"{hashed('git.acme')} ssh-ed25519 AAAA", ""),
        ("|1|nonsense ssh-ed25519 AAAA", ""),
        ("# git.acme.example ssh-ed25519 AAAA", ""),
        ("@revoked git.acme.example ssh-ed25519 AAAA", ""),
        ("git.acme.example", ""),
    ],
)
def test_lines_of_a_known_hosts_file(line: str, found: str) -> None:
    assert lines_of("git.acme.example", f"{line}\n") == found


def test_given_host_keys_take_the_place_of_ours() -> None:
    assert lines_of("github.com", "github.com ssh-ed25519 AAAA\n") == "github.com ssh-ed25519 AAAA\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_manifests_are_those_that_the_catalogue_says(engine: str) -> None:
    from gpuyard.catalogue.datafiles import read
    from gpuyard.catalogue.engines import _FOLDER

    text = json.dumps(list(manifests(engine).objects), separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    row = read(_FOLDER / "engines.yaml", "engines")[engine]
    assert hashlib.sha256(text.encode()).hexdigest() == row["sha256"]
    tags = {module["path"].rpartition("/")[2]: module["version"] for module in row["modules"]}
    images = {
        container["image"].rpartition("/")[2]
        for each in manifests(engine).objects
        if each["kind"] in ("Deployment", "StatefulSet")
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    if engine == "flux":
        assert images == {f"{name}:{tag}" for name, tag in tags.items() if name.endswith("-controller")}
    else:
        assert f"argocd:{tags['v3']}" in images


def test_a_move_shows_no_value_of_a_secret() -> None:
    wanted = wishes(site())
    assert not any("hf_given" in repr(Move(each, Action.CREATE)) for each in wanted.objects)
    assert "hf_given" not in repr(site())


@pytest.mark.parametrize(("there", "written"), [("oci://registry.example.com/charts", 0), ("oci://elsewhere", 1)])
def test_the_texts_of_a_secret_are_compared_with_the_data_that_they_become(there: str, written: int) -> None:
    about: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "charts", "namespace": "argocd"},
    }
    wish = Wish(part=Part.ENTRY, kept=True, body={**about, "stringData": {"url": "oci://registry.example.com/charts"}})
    stored = {**about, "type": "Opaque", "data": {"url": base64.b64encode(there.encode()).decode()}}
    found = compared("phx", Wishes((wish,)), {wish.id: Seen(about["metadata"], stored)})
    assert len(found.writes) == written
