"""What Flux may do beside syncing: tell, be told, take only what is signed, apply in another's name, read OCI."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.errors import InputError
from gpuyard.pipeline import compile
from gpuyard.project.load import parse
from gpuyard.render.engines import flux
from gpuyard.resolve.workload import KeyUse
from gpuyard.tree import Tree
from tests import crds
from tests.cluster.modules import of_program
from tests.projects import resolved, sources

Object = dict[str, Any]
OCI = {"repository": {"oci": {"url": "oci://r.example.com/acme/gitops", "secret": "login"}}}
TOLD = {"type": "slack", "secret": "hook"}
ALL: Object = {
    "flux": {
        "serviceAccount": "models",
        "verifySecret": "keys",
        "notifications": {**TOLD, "channel": "#ml", "severity": "info"},
        "receiver": {"type": "github", "secret": "caller"},
    }
}
CA = {"network": {"ca": {"secret": "site-ca"}, "proxy": {"https": "http://10.0.7.9:3128", "secret": "proxy"}}}


def objects(stack: Mapping[str, Any]) -> dict[tuple[str, str], Object]:
    found = flux.cluster(resolved({}, stack), "phx")
    return {(obj["kind"], obj["metadata"]["name"]): obj for each in found.values() for obj in each}


def readme(stack: Mapping[str, Any]) -> str:
    tree: Tree = compile(parse(sources({}, stack))).tree
    return tree[PurePosixPath("README.md")]


def test_nothing_of_it_unless_asked_for() -> None:
    found = objects({})
    assert {kind for kind, _ in found} == {"GitRepository", "Kustomization"}
    text = str(found)
    assert not any(each in text for each in ("verify", "serviceAccountName", "labels"))


def test_only_models_are_applied_in_another_s_name() -> None:
    """The platform makes kinds for whole clusters, which an account of the models may not."""
    named = {
        name: obj["spec"].get("serviceAccountName")
        for (kind, name), obj in objects(ALL).items()
        if "path" in obj["spec"]
    }
    assert {name for name, account in named.items() if account == "models"} == {
        "demo-inference-chat",
        "demo-inference-chat-weights",
    }
    assert "the ServiceAccount `models` in `flux-system`, which may make and delete in `inference`" in readme(ALL)


@pytest.mark.parametrize(
    ("stack", "kind", "verify"),
    [
        (ALL, "GitRepository", {"mode": "HEAD", "secretRef": {"name": "keys"}}),
        ({**ALL, **OCI}, "OCIRepository", {"provider": "cosign", "secretRef": {"name": "keys"}}),
    ],
)
def test_what_is_not_signed_is_not_taken(stack: Object, kind: str, verify: Object) -> None:
    assert objects(stack)[kind, "demo"]["spec"]["verify"] == verify


def test_an_artifact_takes_the_place_of_git_everywhere() -> None:
    found = objects({**ALL, **OCI})
    assert ("GitRepository", "demo") not in found
    source = found["OCIRepository", "demo"]
    assert source["metadata"]["annotations"] == {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    assert (source["spec"]["ref"], source["spec"]["secretRef"]) == ({"tag": "latest"}, {"name": "login"})
    read = [obj["spec"]["sourceRef"] for (kind, _), obj in found.items() if kind == "Kustomization"]
    assert read == [{"kind": "OCIRepository", "name": "demo"}] * len(read)
    assert found["Receiver", "demo"]["spec"]["resources"] == [{"kind": "OCIRepository", "name": "demo"}]
    assert found["Alert", "demo"]["spec"]["eventSources"][0] == {"kind": "OCIRepository", "name": "demo"}


@pytest.mark.parametrize(
    ("stack", "command"),
    [
        (OCI, "gpuyard release VERSION"),
        ({**ALL, **OCI}, "gpuyard release VERSION --sign-key FILE"),
        ({"repository": {**OCI["repository"], "path": "teams/gpu"}}, "gpuyard release VERSION teams/gpu"),
    ],
    ids=["open", "signed", "in a folder"],
)
def test_an_artifact_is_made_by_the_command_that_the_readme_has(stack: Object, command: str) -> None:
    text = readme(stack)
    assert "`oci://r.example.com/acme/gitops:latest`" in text
    assert f"\n`{command}`\n" in text
    assert "gpuyard release" not in readme({})


@pytest.mark.parametrize(("insecure", "trusted"), [(False, {"name": "site-ca"}), (True, None)])
def test_an_artifact_is_reached_as_the_site_says(insecure: bool, trusted: Object | None) -> None:
    oci = {"oci": {**OCI["repository"]["oci"], "insecure": insecure}}
    spec = objects({**CA, "repository": oci})["OCIRepository", "demo"]["spec"]
    assert spec.get("certSecretRef") == trusted
    assert spec.get("insecure", False) == insecure
    assert bool(spec.get("proxySecretRef")) != insecure, "this proxy is for https"


def test_all_of_a_stack_is_told_and_nothing_of_another() -> None:
    found = objects(ALL)
    labelled = {
        name for (kind, name), obj in found.items() if kind == "Kustomization" and obj["metadata"].get("labels")
    }
    assert labelled == {name for kind, name in found if kind == "Kustomization"}
    by_kind: dict[str, list[Object]] = {}
    for each in found["Alert", "demo"]["spec"]["eventSources"]:
        by_kind.setdefault(each.pop("kind"), []).append(each)
    assert by_kind["Kustomization"] == [{"name": "*", "matchLabels": {"app.kubernetes.io/part-of": "demo"}}]
    assert [each["name"] for each in by_kind["HelmRelease"]] == [each.chart for each in resolved({}).releases]
    assert found["Provider", "demo"]["spec"] == {"type": "slack", "secretRef": {"name": "hook"}, "channel": "#ml"}


def test_a_source_of_others_is_theirs_to_tell_of() -> None:
    found = objects({"repository": {"source": "flux-system"}, "flux": {"notifications": TOLD}})
    assert {each["kind"] for each in found["Alert", "demo"]["spec"]["eventSources"]} == {"Kustomization", "HelmRelease"}


def test_the_secrets_of_all_of_it() -> None:
    found = list(flux.secrets(resolved({}, {**ALL, **OCI}).stack, ()))
    assert {(space, use.name, use.key) for space, use in found} == {
        ("flux-system", "login", ".dockerconfigjson"),
        ("flux-system", "keys", ""),
        ("flux-system", "hook", "address"),
        ("flux-system", "caller", "token"),
    }
    assert all(isinstance(use, KeyUse) and use.purpose for _, use in found)
    text = readme(ALL)
    assert "- Flux's notification-controller\n" in text
    assert "get receiver demo -o jsonpath='{.status.webhookPath}'" in text


@pytest.mark.parametrize("stack", [{}, ALL, {**ALL, **OCI}, {**OCI, **CA}, CA], ids=str)
def test_flux_s_definitions_take_it(stack: Object) -> None:
    """Those of sources and Kustomizations; of its notifications, the module proxies have no version to look at."""
    schemas: dict[Any, Any] = {}
    for name in ("source-controller", "kustomize-controller"):
        module = of_program(name, f"github.com/fluxcd/{name}")
        schemas |= crds.definitions(module, "config/crd/bases")
    every = [obj for obj in objects(stack).values() if not obj["apiVersion"].startswith("notification.")]
    assert every
    assert crds.wrong(every, schemas) == []


ARGOCD = "only applies with engine: flux; remove it"
SOURCE = {"source": "flux-system"}
BAD: dict[str, tuple[Object, list[str]]] = {
    "another engine": (
        {"engine": "argocd", **ALL},
        [f"spec.flux.{key}: {ARGOCD}" for key in ("notifications", "receiver", "serviceAccount", "verifySecret")],
    ),
    "an artifact for another engine": ({"engine": "argocd", **OCI}, [f"spec.repository.oci: {ARGOCD}"]),
    "a source of others": (
        {"repository": SOURCE, **ALL},
        [
            f"spec.flux.{key}: only applies without repository.source: flux-system has its own; remove it"
            for key in ("receiver", "verifySecret")
        ],
    ),
    "two sources": (
        {"repository": {**SOURCE, **OCI["repository"]}},
        ["spec.repository.oci: only applies without repository.source: flux-system has its own; remove it"],
    ),
    "a login for nothing": (
        {"repository": {**OCI["repository"], "secret": "git"}},
        ["spec.repository.secret: only applies to Git, and clusters read repository.oci"],
    ),
    "Flux's own account": (
        {"flux": {"serviceAccount": "kustomize-controller"}},
        ["spec.flux.serviceAccount: kustomize-controller is Flux's own, which may do anything"],
    ),
    "no such provider": (
        {"flux": {"notifications": {**TOLD, "type": "slak"}}},
        ['spec.flux.notifications.type is "slak"; must be one of alertmanager'],
    ),
    "no Secret": ({"flux": {"receiver": {"type": "github"}}}, ["spec.flux.receiver.secret is missing; add it"]),
    "a folder on a disk": (
        {"repository": {"oci": {"url": "file:///tmp"}}},
        ['spec.repository.oci.url is "file:///tmp"; must be oci://host/path'],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_refused_with_the_way_out(name: str) -> None:
    stack, messages = BAD[name]
    with pytest.raises(InputError) as caught:
        compile(parse(sources({}, stack)))
    found = sorted(caught.value.problems, key=lambda each: each.message)
    assert len(found) == len(messages), found
    for problem, message in zip(found, messages, strict=True):
        assert problem.message.startswith(message), problem.message
        assert problem.location.line
