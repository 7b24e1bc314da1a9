"""Every object of every overlay and of the chart, valid for the API server of every supported minor version."""

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.render.kustomize import objects
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree
from tests.chart import rendering
from tests.scan.objects import Object, named
from tests.scan.ours import KUBERNETES, built_in, invalid


@pytest.fixture(scope="session")
def found(demo: Resolved, demo_tree: Tree) -> dict[str, Object]:
    helm = Embedded(shipped_charts())
    rendered = {
        named(f"{workload.shape.name}/{workload.name}", obj): obj
        for workload in demo.workloads
        for obj in objects(demo, workload, helm)
    }
    for name in rendering.CASES:
        chart = rendering.objects(rendering.case(name)).values()
        rendered.update({named(f"chart/{name}", obj): obj for obj in chart})
    for path, text in demo_tree.items():
        if path.parts[0] in {"platform", "clusters"} and path.name != "kustomization.yaml":
            rendered.update({named(str(path.parent), obj): obj for obj in yamlio.parse_manifests(text)})
    return {name: obj for name, obj in rendered.items() if built_in(obj["apiVersion"])}


@pytest.mark.parametrize("version", KUBERNETES)
def test_valid(version: str, found: dict[str, Object]) -> None:
    assert {name: text for name, obj in found.items() if (text := invalid(obj, version))} == {}


def test_every_kind_was_checked(found: dict[str, Object], demo: Resolved) -> None:
    kinds = {obj["kind"] for obj in found.values()}
    assert {"Deployment", "Service", "PersistentVolumeClaim", "NetworkPolicy", "Namespace", "ResourceQuota"} <= kinds
    assert sum("/Deployment/" in name for name in found) == len(demo.workloads) + len(rendering.CASES)


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize(
    "change",
    [{"replicas": "1"}, {"replica": 1}, {"selector": None}],
    ids=["wrong type", "unknown field", "missing field"],
)
def test_a_fault_is_seen(version: str, change: dict[str, object], found: dict[str, Object]) -> None:
    deployment = next(obj for obj in found.values() if obj["kind"] == "Deployment")
    spec = {key: value for key, value in {**deployment["spec"], **change}.items() if value is not None}
    assert invalid({**deployment, "spec": spec}, version)


def test_an_api_that_is_gone_is_seen() -> None:
    gone = {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "x"}, "spec": {}}
    assert all(invalid(gone, version) for version in KUBERNETES)
