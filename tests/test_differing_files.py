"""What a cluster that differs has: few files, none where nothing differs, and none that Flux takes for another."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.cache import NOTHING, Cache
from gpuyard.errors import InputError
from gpuyard.pipeline import placements_of
from gpuyard.render import render
from gpuyard.render.required import required
from gpuyard.review.placed import Placed
from gpuyard.tree import Tree
from tests.chart.payloads import HOSTILE
from tests.conftest import ROOT, write_tree
from tests.differing import FRA, HELM, PHX, compiled, in_cluster, run, stack, synced
from tests.projects import BLUEPRINT, merged, sources

INSIDE = {"clientNamespaces": ["apps"]}
GATEWAY = {"gateway": {"name": "public", "namespace": "gateways", "listener": "https"}}
INGRESS = {"className": "nginx", "namespace": "ingress", "tlsSecret": "wildcard"}


def folder(tree: Tree, *parts: str) -> dict[str, Any]:
    below = PurePosixPath("clusters", "fra", *parts)
    return {str(path.relative_to(below)): text for path, text in tree.items() if path.is_relative_to(below)}


def test_a_cluster_that_says_what_the_stack_says_has_nothing_of_its_own() -> None:
    own = {"network": {"dns": []}, "vllm": {"version": "0.32.0"}, "storage": {"nvme": None}, "platform": {"keda": None}}
    _, same = compiled(INSIDE, {"clusters": [PHX, FRA]})
    found, tree = compiled(INSIDE, stack(own))
    assert not found.own
    assert tree == same


def test_only_what_differs_is_there() -> None:
    """A server that reads weights from a cache asks for no names; the Job that fills it does."""
    _, tree = compiled(INSIDE, stack({"network": {"dns": ["10.96.5.5/32"]}}))
    assert set(folder(tree)) == {
        "sync.yaml",
        "platform.yaml",
        "chat/kustomization.yaml",
        "chat/inference-chat.yaml",
        "chat/weights/kustomization.yaml",
        "chat/weights/networkpolicy.yaml",
    }
    found, tree = compiled(INSIDE, stack({"policy": {"maxGpus": 32}}))
    assert not [each for each in found.placements if each.own]
    assert {name.partition("/")[0] for name in folder(tree)} == {"sync.yaml", "platform", "inference-chat.yaml"}
    assert set(folder(tree, "platform")) == {
        "kustomization.yaml",
        "platform.yaml",
        "configs/kustomization.yaml",
        "configs/resourcequota.yaml",
    }


def test_a_version_changes_its_labels_once_and_the_images() -> None:
    _, tree = compiled(INSIDE, stack({"blueprints": {"chat": {"shape": "a10", "vllm": {"version": "0.33.0"}}}}))
    server = folder(tree, "chat", "server")
    assert set(server) == {"kustomization.yaml", "deployment.yaml"}
    labels = yamlio.load_data(server["kustomization.yaml"])["labels"]
    assert labels == [{"pairs": {"app.kubernetes.io/version": "v0.33.0"}, "includeTemplates": True}]
    patch = yamlio.load_data(server["deployment.yaml"])
    assert {step["path"].rpartition("/")[2] for step in patch} == {"image"}


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_text_of_a_cluster_stays_a_text(number: int) -> None:
    payload, name = HOSTILE[number], "example.com/note"
    exposed, common = {**INSIDE, "expose": {"host": "chat.example.com"}}, {"ingress": INGRESS}
    own = {"ingress": {"annotations": {name: payload}}, "platform": {"keda": {"values": {"note": payload}}}}
    try:
        _, tree = compiled(exposed, stack(own, common))
    except InputError as error:
        assert all(problem.message.isprintable() for problem in error.problems)
        return
    steps = yamlio.load_data(folder(tree, "chat", "server")["ingress.yaml"])
    assert steps == [{"op": "add", "path": "/metadata/annotations/example.com~1note", "value": payload}]
    (step,) = yamlio.load_data(folder(tree, "platform", "controllers")["helmrelease.yaml"])
    assert (step["path"], step["value"]) == ("/spec/values/note", payload)
    values = yamlio.load_data(tree[PurePosixPath("charts/demo/values-fra.yaml")])
    assert values["keda"] == {"note": payload}


def test_another_way_in_takes_the_first_one_away() -> None:
    _, tree = compiled({**INSIDE, "expose": {"host": "chat.example.com"}}, stack({"ingress": INGRESS}, GATEWAY))
    server = folder(tree, "chat", "server")
    assert yamlio.load_data(server["without-httproute.yaml"])["$patch"] == "delete"
    assert yamlio.load_data(server["ingress.yaml"])["spec"]["ingressClassName"] == "nginx"


def test_flux_takes_only_its_own_objects_for_the_entry_point(tmp_path: Path, kubectl: Path) -> None:
    """With files of somebody else's beside them, which stay part of it."""
    own = {"vllm": {"version": "0.33.0"}, "policy": {"maxGpus": 32}, "platform": {"prometheus": {"values": {"a": 1}}}}
    _, tree = compiled(INSIDE, stack(own))
    write_tree(tmp_path, tree)
    (tmp_path / "clusters/fra/theirs").mkdir()
    (tmp_path / "clusters/fra/theirs/map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\n", encoding="utf-8"
    )
    found = synced(tmp_path, "fra", kubectl)
    kinds = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert len(kinds) == len(found)
    assert {kind for kind, _ in kinds} == {"GitRepository", "Kustomization", "ConfigMap"}
    paths = {each["spec"]["path"] for each in found if each["kind"] == "Kustomization"}
    assert paths == {
        *(
            "./clusters/fra",
            "./platform/crds",
            "./clusters/fra/platform/controllers",
            "./clusters/fra/platform/configs",
        ),
        *("./clusters/fra/chat/server", "./clusters/fra/chat/weights"),
    }
    for path in paths - {"./clusters/fra"}:
        assert run(kubectl, "kustomize", tmp_path / path)


DEFAULTS: dict[str, Any] = {
    "keda": {
        "image": {name: {"registry": "ghcr.io"} for name in ("keda", "metricsApiServer", "webhooks")},
        "imagePullSecrets": [],
        "note": {"a": 0, "c": 0},
        "gone": "by default",
        "volumes": {"keda": {"extraVolumes": []}},
    }
}
"""Of a chart's own: a null of ours takes them away, too."""


def over(below: Mapping[str, Any], above: Mapping[str, Any], *, last: bool = False) -> dict[str, Any]:
    """Values of a file over those of another, as Helm merges them; over a chart's own, null takes away."""
    found = dict(below)
    for key, value in above.items():
        old = found.get(key)
        if value is None and last:
            found.pop(key, None)
        else:
            both = isinstance(old, Mapping) and isinstance(value, Mapping)
            found[key] = over(old, value, last=last) if both else value  # type: ignore[arg-type]
    return found


def of_umbrella(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the values.yaml of a chart gives to one in it: with a null there, Helm 4 leaves that one's default."""
    return {
        key: of_umbrella(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


NOTED: dict[str, Any] = {"note": {"a": 1, "b": [1]}, "gone": True}
MIRROR = {"mirrors": {"ghcr.io": "registry.example.com/ghcr"}, "pullSecrets": ["pull"]}
BY_TLS = {"prometheus": {"enabled": False, "address": "https://prometheus.example.com", "namespace": "observability"}}
UMBRELLAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another value, one more, one taken from the chart": (
        {"platform": {"keda": {"values": NOTED}}},
        {"platform": {"keda": {"values": {"note": {"a": 2}, "gone": None, "new": {"x": 1}}}}},
    ),
    "a mirror more": ({"platform": {"keda": {"values": NOTED}}}, {"images": MIRROR}),
    "without the mirror of the stack": ({"images": MIRROR}, {"images": {"mirrors": None, "pullSecrets": None}}),
    "without the values of the stack": ({"platform": {"keda": {"values": NOTED}}}, {"platform": {"keda": None}}),
    "with what the stack takes from the chart": (
        {"platform": {"keda": {"values": {"gone": None, "note": {"c": None}}}}},
        {"platform": {"keda": {"values": None}}},
    ),
    "with what all take from the chart": (
        {"platform": {"keda": {"values": {"gone": None, "note": {"c": None}}}}},
        {"images": MIRROR},
    ),
    "a mapping where the stack has a text": (
        {"platform": {"keda": {"values": {"new": "a", "note": {"c": [1]}}}}},
        {"platform": {"keda": {"values": {"new": {"x": 1}, "note": {"c": {"y": 1}}}}}},
    ),
    "without the authority of the stack": (
        {"network": {"ca": {"secret": "ca", "key": "ca.crt"}}, "platform": BY_TLS},
        {"network": {"ca": None}},
    ),
}


@pytest.mark.parametrize("name", UMBRELLAS)
def test_the_umbrella_gives_every_cluster_the_values_that_its_releases_have(name: str) -> None:
    common, own = UMBRELLAS[name]
    found, tree = compiled(INSIDE, stack(own, common))
    umbrella, of_shape, of_cluster = (
        yamlio.load_data(tree[PurePosixPath(f"charts/demo/values{end}.yaml")]) for end in ("", "-a10", "-fra")
    )
    for values, releases in ((of_shape, found.releases), (of_cluster, found.own["fra"].releases)):
        for each in releases:
            default = DEFAULTS.get(each.chart, {})
            made = over(default, over(of_umbrella(umbrella[each.chart]), values.get(each.chart, {})), last=True)
            assert made == over(default, {"enabled": False, **each.values}, last=True), each.chart


def test_a_layer_that_only_one_cluster_has_is_there_alone(tmp_path: Path, kubectl: Path) -> None:
    there = {"enabled": False, "address": "http://prometheus.observability.svc:9090"}
    off = {"platform": {"keda": {"enabled": False}, "prometheus": there}}
    _, tree = compiled(INSIDE, stack({"platform": {"keda": {"enabled": True}}}, off))
    assert not [path for path in tree if path.parts[:2] == ("platform", "controllers")]
    models, platform = in_cluster(tree, "fra", tmp_path, kubectl)
    assert models
    assert ("HelmRelease", "keda", "keda") in platform
    assert not [name for name in in_cluster(tree, "phx", tmp_path, kubectl)[1] if name[0] == "HelmRelease"]


def test_what_a_cluster_has_is_remembered_and_the_same() -> None:
    class Memory:
        """A cache that counts what it was asked in vain."""

        def __init__(self) -> None:
            self.known: dict[bytes, bytes] = {}
            self.missed = 0

        def read(self, questions: Any) -> Mapping[bytes, bytes]:
            self.missed += sum(each not in self.known for each in questions)
            return {each: self.known[each] for each in questions if each in self.known}

        def write(self, answers: Mapping[bytes, bytes]) -> None:
            self.known.update(answers)

    memory: Any = Memory()
    found, tree = compiled(INSIDE, stack({"network": {"dns": ["10.96.5.5/32"]}}))
    charts = shipped_charts()

    def again(cache: Cache) -> Tree:
        return render(found, charts, HELM, cache)

    assert again(memory) == tree == again(NOTHING)
    missed = memory.missed
    assert again(memory) == tree
    assert memory.missed == missed
    other, tree = compiled(INSIDE, stack({"network": {"dns": ["10.96.6.6/32"]}}))
    assert render(other, charts, HELM, memory) == tree
    assert memory.missed == missed + 1


def placed(own: Mapping[str, Any], cluster: str = "fra") -> Placed:
    """As the lock has chat in a cluster, of which fra may differ; without its claim."""
    found, tree = compiled(INSIDE, stack(own))
    return replace(placements_of(found, tree)[cluster]["chat"], claim=None)


def test_the_lock_has_the_cluster_s_pods_secrets_and_time() -> None:
    """What only one cluster changes is told of it, and of no other."""
    common = placed({})
    assert (placed({"policy": {"maxGpus": 32}}), common.away > 0) == (common, True)
    other = {"blueprints": {"chat": {"shape": "a10", "vllm": {"version": "0.33.0"}}}}
    assert placed(other, "phx") == common
    assert placed(other).pod != common.pod
    more = {"blueprints": {"chat": {"shape": "a10", "min": 2, "max": 4}}}
    assert placed(more) == replace(common, away=0)
    login = placed({"images": {"pullSecrets": ["mirror"]}})
    assert (set(login.secrets) - set(common.secrets), login.pod != common.pod) == ({"mirror"}, True)


def test_the_lock_has_the_cluster_s_claim() -> None:
    found, tree = compiled(INSIDE, stack({"storage": {"fss": "fast"}}))
    claims = {cluster: placed["chat"].claim for cluster, placed in placements_of(found, tree).items()}
    assert {cluster: claim and claim.storage_class for cluster, claim in claims.items()} == {
        "phx": "oci-fss",
        "fra": "fast",
    }


def test_notes_name_the_cluster_and_are_not_told_of_others() -> None:
    own = {"blueprints": {"chat": {"shape": "a10", "host": "chat.fra.example.com"}}}
    found, _ = compiled({}, stack(own, GATEWAY))
    notes = [note for note in found.notes if "chat.yaml" in note]
    assert [note.partition(":")[0] for note in notes] == ["blueprints/chat.yaml", "fra"]
    assert "accepts no requests yet" in notes[0]
    assert "chat.fra.example.com accepts requests from anyone" in notes[1]
    found, _ = compiled({}, merged(GATEWAY, {"clusters": [{**FRA, **own}]}))
    assert not [note for note in found.notes if "accepts no requests yet" in note]


def test_a_limit_of_gpus_is_the_cluster_s() -> None:
    large = {"policy": {"maxGpus": 4}}
    found, _ = compiled({**INSIDE, "scaling": {"max": 4}}, {**large, "clusters": [{**FRA, "policy": {"maxGpus": 16}}]})
    assert found.placements[0].workload.max_replicas == 4


def test_images_are_those_of_all_clusters() -> None:
    own = {"vllm": {"version": "0.33.0"}, "images": {"mirrors": {"ghcr.io": "registry.example.com/ghcr"}}}
    found, _ = compiled(INSIDE, stack(own))
    names = [str(image) for image in found.images]
    assert len(names) == len(set(names))
    assert {"docker.io/vllm/vllm-openai:v0.32.0", "docker.io/vllm/vllm-openai:v0.33.0"} <= {
        name.partition("@")[0] for name in names
    }
    assert any(name.startswith("ghcr.io/kedacore/keda:") for name in names)
    assert any(name.startswith("registry.example.com/ghcr/kedacore/keda:") for name in names)


def test_the_example_of_the_readme_compiles() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Clusters differ")[2]
    spec = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])["spec"]
    found, tree = compiled(INSIDE, spec)
    told = {each.cluster: each.workload.facts["replicas"].value for each in found.placements}
    assert told == {"production": {"min": 2, "max": 4}, "staging": {"min": 1, "max": 1}}
    assert {each.workload.reach and each.workload.reach.outside for each in found.placements} == {
        "https://chat.example.com/v1",
        "https://chat.staging.example.com/v1",
    }
    named = {path.parts[:3] for path in tree if path.parts[0] == "clusters" and len(path.parts) > 3}
    assert named == {(*("clusters", cluster), "chat") for cluster in told} | {("clusters", "staging", "platform")}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    own = {"blueprints": {"chat": {"shape": "a10", "min": 2, "max": 3}}}
    for name, data in sources(INSIDE, stack(own)).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_render_shows_what_a_cluster_gets(directory: Path) -> None:
    def replicas(*args: str) -> tuple[int, int]:
        result = CliRunner().invoke(cli, ["render", "chat", str(directory), *args, "-o", "json"])
        assert result.exit_code == 0, result.output
        (found,) = (each["spec"] for each in json.loads(result.stdout) if each["kind"] == "ScaledObject")
        return found["minReplicaCount"], found["maxReplicaCount"]

    assert replicas("--cluster", "fra") == (2, 3)
    assert replicas("--cluster", "phx") == replicas("--shape", "a10") == (1, 4)


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("chat",), 2, "give one of --shape and --cluster"),
        (("chat", "-s", "a10", "-c", "fra"), 2, "give one of --shape and --cluster"),
        (("chat", "-c", "fre"), 66, "no cluster is called fre; did you mean fra?"),
        (("chta", "-c", "fra"), 66, "no blueprint is called chta; did you mean chat?"),
        (("chat", "-c", ""), 2, "is empty"),
    ],
)
def test_render_says_what_is_wrong(args: tuple[str, ...], code: int, message: str, directory: Path) -> None:
    result = CliRunner().invoke(cli, ["render", args[0], str(directory), *args[1:]])
    assert result.exit_code == code
    assert message in result.output


def test_render_says_that_a_blueprint_is_elsewhere(directory: Path) -> None:
    text = yamlio.dump(merged(BLUEPRINT, {"metadata": {"name": "docs"}, "spec": {"model": {"name": "qwen3-8b"}}}))
    (directory / "blueprints/docs.yaml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(cli, ["render", "docs", str(directory), "-c", "fra"])
    assert (result.exit_code, "docs does not run in fra; known are chat" in result.output) == (66, True)


def test_check_lists_what_a_cluster_has_otherwise(directory: Path) -> None:
    lines = CliRunner().invoke(cli, ["check", str(directory)]).stdout.splitlines()
    [line] = [line for line in lines if "in fra" in line]
    assert "replicas 2-3" in line
    data = json.loads(CliRunner().invoke(cli, ["check", str(directory), "-o", "json"]).stdout)
    own = {each["cluster"]: each.get("own") for each in data["placements"]}
    assert own["phx"] is None
    assert own["fra"]["replicas"] == {"min": 2, "max": 3}


def test_the_pages_say_which_cluster_needs_what_and_how_it_is_reached() -> None:
    own = {
        "ingress": INGRESS,
        "images": {"pullSecrets": ["ocir"]},
        "storage": {"fss": "fast"},
        "blueprints": {"chat": {"shape": "a10", "max": 2, "host": "chat.fra.example.com"}},
    }
    _, tree = compiled({**INSIDE, "expose": {"host": "chat.example.com"}}, stack(own, GATEWAY))
    text = tree[PurePosixPath("README.md")]
    for line in (
        "- in fra: IngressClass `nginx`, whose controller's pods are in `ingress`\n",
        "- in phx: the Gateway API and the Gateway `gateways/public`, whose listener `https` takes routes from",
        "| inference | Secret | ocir | .dockerconfigjson | in fra: pulling images | `kubectl ",
    ):
        assert line in text
    commands = {each: text.partition(f"\n{each}:\n\n```\n")[2].partition("```")[0] for each in ("phx", "fra")}
    assert ("ocir" in commands["phx"], "ocir" in commands["fra"]) == (False, True)
    assert text.count("- Flux ") == 1
    page = tree[PurePosixPath("workloads/chat.md")]
    for line in (
        "- in fra: StorageClass `fast`: ",
        "- in phx: StorageClass `oci-fss`: ",
        "| inference | Secret | wildcard | tls.crt, tls.key | in fra: certificate of chat.fra.example.com | `kubectl ",
        "| fra | `chat` | `http://chat.inference.svc:8000/v1` | `apps` | `https://chat.fra.example.com/v1` | ",
        "| phx | `chat` | `http://chat.inference.svc:8000/v1` | `apps` | `https://chat.example.com/v1` | ",
        "| fra | llama-3.1-8b-instruct | a10 | VM.GPU.A10.2, BM.GPU.A10.4 | 2 | 1\N{EN DASH}2 |",
    ):
        assert line in page


BEHIND_PROXY = {
    "network": {
        "ca": {"secret": "corp-ca"},
        "proxy": {"https": "http://proxy.example.com:443", "secret": "proxy"},
    },
    "platform": {"registry": "oci://registry.example.com/charts", "registrySecret": "mirror"},
}


def test_a_cluster_s_sources_are_reached_by_its_own_network(tmp_path: Path, kubectl: Path) -> None:
    found, tree = compiled(INSIDE, stack(BEHIND_PROXY))
    [near], [far] = (
        [each["spec"] for each in yamlio.parse_manifests(tree[path]) if each["kind"] == "GitRepository"]
        for path in (PurePosixPath(f"clusters/{name}/sync.yaml") for name in ("phx", "fra"))
    )
    assert far == {**near, "secretRef": {"name": "corp-ca"}, "proxySecretRef": {"name": "proxy"}}
    _, platform = in_cluster(tree, "fra", tmp_path, kubectl)
    keda = platform["OCIRepository", "keda", "keda"]["spec"]
    for key, name in (("secretRef", "mirror"), ("certSecretRef", "corp-ca"), ("proxySecretRef", "proxy")):
        assert keda[key] == {"name": name}
    assert ("HelmRepository", "keda", "keda") not in platform
    assert [each.name for each in required(found, "phx")] == ["hf-token"]
    assert {(each.namespace, each.name) for each in required(found, "fra")} == {
        *(("flux-system", name) for name in ("corp-ca", "proxy")),
        *((namespace, name) for namespace in ("keda", "monitoring") for name in ("mirror", "corp-ca", "proxy")),
        *(("inference", name) for name in ("corp-ca", "hf-token")),
    }


def test_a_proxy_that_only_a_cluster_has_is_told_of_it() -> None:
    own = {"network": {"proxy": {"https": "http://10.0.7.9:3128"}}}
    found, tree = compiled(INSIDE, stack(own))
    text = tree[PurePosixPath("README.md")]
    assert "- in fra: Flux's source-controller with `HTTPS_PROXY=http://10.0.7.9:3128` " in text
    blocked = {"network": {"proxy": {"https": "http://proxy.example.com:3128"}}}
    found, _ = compiled(INSIDE, stack(blocked))
    assert [note for note in found.notes if "which the NetworkPolicy blocks" in note] == [
        "fra: stack.yaml: HTTPS_PROXY is proxy.example.com, port 3128, which the NetworkPolicy blocks; list its "
        "addresses with port: 3128 in stack.yaml as spec.network.egress"
    ]
