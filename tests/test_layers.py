"""platform/: namespaces that outlast what is in them, their level of security, and the quota."""

from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.render.layers import files
from tests.projects import resolved

Spec = dict[str, Any]


def platform(kind: str, stack: Spec) -> dict[str, Spec]:
    """The objects of a kind by their name; one that stands twice would be two layers' own."""
    tree = files(resolved({}, stack))
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


def test_the_cluster_holds_the_limit_of_gpus() -> None:
    (quota,) = platform("ResourceQuota", {"namespace": "models", "policy": {"maxGpus": 48, "maxReplicas": 7}}).values()
    assert quota["metadata"]["namespace"] == "models"
    assert quota["spec"] == {"hard": {"requests.nvidia.com/gpu": "48"}}
