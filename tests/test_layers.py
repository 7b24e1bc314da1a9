"""platform/: namespaces that outlast what is in them, their level of security, and the quota."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.render.layers import files
from tests.projects import resolved

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
