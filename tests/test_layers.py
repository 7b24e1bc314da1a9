"""platform/: namespaces that outlast what is in them, their level of security, and the quota."""

from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.render.layers import files
from gpuyard.resolve import resolve
from gpuyard.tree import Tree
from tests.conftest import write_tree
from tests.projects import resolved, sources
from tests.test_equivalence import run

Spec = dict[str, Any]


def platform(kind: str, stack: Spec) -> dict[str, Spec]:
    """The objects of a kind by their name; one that stands twice would be two layers' own."""
    tree = files(resolved({}, stack), shipped_charts())
    texts = [text for path, text in tree.items() if path.parts[0] == "platform" and path.name != "kustomization.yaml"]
    objects = [obj for text in texts for obj in yamlio.parse_manifests(text) if obj["kind"] == kind]
    found = {obj["metadata"]["name"]: obj for obj in objects}
    assert len(found) == len(objects)
    return found


def test_no_engine_deletes_a_namespace() -> None:
    """What is left in it, such as a model cache, would go with it."""
    found = platform("Namespace", {"namespace": "models"})
    assert found.keys() == {"keda", "monitoring", "models"}
    for namespace in found.values():
        assert namespace["metadata"]["annotations"] == {
            "kustomize.toolkit.fluxcd.io/prune": "disabled",
            "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
        }


@pytest.mark.parametrize(
    ("name", "level"), [("models", "restricted"), ("keda", "restricted"), ("monitoring", "privileged")]
)
def test_the_level_of_a_namespace(name: str, level: str) -> None:
    labels = platform("Namespace", {"namespace": "models"})[name]["metadata"]["labels"]
    assert labels == {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "audit", "warn")}


@pytest.mark.parametrize(
    ("spec", "mounted"),
    [
        ({}, True),
        ({"storage": {"cache": {"kind": "ephemeral"}}}, False),
        ({"storage": {"cache": {"kind": "ephemeral"}}, "expose": {"apiKey": {"secret": "a", "key": "b"}}}, True),
    ],
)
def test_scripts_stand_once_for_all_that_mount_them(spec: Spec, mounted: bool) -> None:
    """In the layer that downloads and servers wait for."""
    found = resolved({**spec, "clientNamespaces": ["app"]}, {"namespace": "models"})
    assert {bool(each.values.get("scripts")) for each in found.workloads} == {mounted}
    tree = files(found, shipped_charts())
    text = tree.get(PurePosixPath("platform/configs/scripts.yaml"), "")
    scripts = {path.name: code for path, code in shipped_charts()["vllm"].items() if path.parent.name == "files"}
    wanted = {"metadata": {"name": "demo-scripts", "namespace": "models"}, "data": scripts}
    assert yamlio.parse_manifests(text) == [{"apiVersion": "v1", "kind": "ConfigMap", **wanted}] * mounted
    assert ("- scripts.yaml\n" in tree[PurePosixPath("platform/configs/kustomization.yaml")]) == mounted


def test_the_cluster_holds_the_limit_of_gpus() -> None:
    (quota,) = platform("ResourceQuota", {"namespace": "models", "policy": {"maxGpus": 48, "maxReplicas": 7}}).values()
    assert quota["metadata"]["namespace"] == "models"
    assert quota["spec"] == {"hard": {"requests.nvidia.com/gpu": "48"}}


# --- layers without content ----------------------------------------------------------------------------------

OWN = {"enabled": False, "address": "http://prometheus.observability.svc:9090"}
BARE = {"platform": {"keda": {"enabled": False}, "prometheus": OWN}}
"""Both are the cluster's own."""
LAYERS: dict[str, tuple[Spec, list[str]]] = {
    "all": ({}, ["crds", "controllers", "configs"]),
    "no prometheus": ({"platform": {"prometheus": OWN}}, ["controllers", "configs"]),
    "none": (BARE, ["configs"]),
}


def tree(stack: Spec, *, models: bool = True) -> Tree:
    found = sources({}, stack)
    kept = found if models else {"stack.yaml": found["stack.yaml"]}
    return render(resolve(parse(kept)), shipped_charts(), Embedded(shipped_charts()))


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_without_content_is_left_out(name: str) -> None:
    stack, layers = LAYERS[name]
    found = tree(stack)
    assert {path.parts[1] for path in found if path.parts[0] == "platform"} == set(layers)
    objects = [each for file in ("platform", "inference-chat") for each in cluster(found, file)]
    after = {each["metadata"]["name"]: [name["name"] for name in each["spec"].get("dependsOn", [])] for each in objects}
    names = [f"demo-platform-{layer}" for layer in layers]
    weights = "demo-inference-chat-weights"
    chain = dict(zip(names, [[], *([name] for name in names)], strict=False))
    assert after == {**chain, weights: names[-1:], "demo-inference-chat": [*names[-1:], weights]}
    told = " ".join(found[PurePosixPath("README.md")].partition("\nFlux then installs")[2].partition(")")[0].split())
    assert told.startswith(", in this order, " if len(layers) > 1 else "namespaces")
    assert f"`platform/{layers[0]}`" in told


def cluster(found: Tree, file: str) -> list[dict[str, Any]]:
    return yamlio.parse_manifests(found[PurePosixPath("clusters/phx") / f"{file}.yaml"])


@pytest.mark.parametrize("models", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_every_folder_builds(name: str, models: bool, tmp_path: Path, kubectl: Path) -> None:
    """Kustomize refuses an empty one, and so does every CI that builds each."""
    found = tree(LAYERS[name][0], models=models)
    write_tree(tmp_path, found)
    folders = [path.parent for path in found if path.name == "kustomization.yaml"]
    assert len(folders) >= (5 if models else 1)
    for folder in folders:
        assert run(kubectl, "kustomize", tmp_path / folder), folder
