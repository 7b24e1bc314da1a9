"""A shape that nobody has thought of is a folder with a shape.yaml, and no code: GPUs of another vendor."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from gpuyard.catalogue import shapes
from gpuyard.catalogue.datafiles import schema
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.render import render
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree
from tests.chart import rendering
from tests.cluster import fleet
from tests.conftest import gathered, write_tree
from tests.projects import resolved, sources
from tests.test_equivalence import by_name, run, scripts
from tests.test_rules_values import node

OVERLAYS = Path(__file__).parents[1] / "overlays"
MI300 = """\
name: mi300
title: A made-up AMD shape
gpu:
  {product: AMD MI300X, architecture: gfx942, fp8: true, nvlink: true, source: made up, date: "2026-11-28"}
node:
  resource: amd.com/gpu
  instanceTypeLabel: example.com/oci-shape
  arch: amd64
  taint: {key: amd.com/gpu, value: present, effect: NoExecute}
  source: made up
  date: "2026-11-28"
readOnlyRootFilesystem: {enabled: true, reason: made up, source: made up, date: "2026-11-28"}
shapes:
  BM.GPU.MI300X.8:
    {gpus: 8, bareMetal: true, gpuMemoryGiB: 192, usableGiB: 190, ocpus: 112, memoryGiB: 2048, localNvmeTB: 30,
     rdma: null, priceUsdPerGpuHour: 6, bootVolumeGB: 512, source: made up, date: "2026-11-28",
     warnings: [nobody has ever seen one]}
"""
CLUSTERS = [
    {"name": "phx", "shapes": {"h100": "BM.GPU.H100.8"}},
    {"name": "ord", "shapes": {"mi300": "BM.GPU.MI300X.8"}},
]
TOLERATION = {"key": "amd.com/gpu", "operator": "Exists"}
NODES = {"example.com/oci-shape": "BM.GPU.MI300X.8"}


@pytest.fixture
def overlays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Shipped shapes: H100, and the new one beside it."""
    folder = tmp_path / "overlays"
    (folder / "mi300").mkdir(parents=True)
    (folder / "mi300" / "shape.yaml").write_text(MI300, "utf-8")
    (folder / "h100").symlink_to(OVERLAYS / "h100")
    monkeypatch.setattr(shapes, "shipped", {"overlays": folder}.__getitem__)
    shapes.catalogue.cache_clear()
    yield folder
    shapes.catalogue.cache_clear()


@pytest.fixture
def stack(overlays: Path) -> Resolved:
    assert overlays.is_dir()
    return resolved({"clientNamespaces": ["web"]}, {"clusters": CLUSTERS})


@pytest.fixture
def tree(stack: Resolved) -> Tree:
    return render(stack, shipped_charts(), Embedded(shipped_charts()))


def pods(objects: list[dict[str, Any]]) -> Mapping[str, dict[str, Any]]:
    return {obj["kind"]: obj["spec"]["template"]["spec"] for obj in objects if "template" in obj.get("spec", {})}


def test_its_pods_ask_for_its_gpus_and_get_on_its_nodes(tree: Tree, tmp_path: Path, kubectl: Path) -> None:
    write_tree(tmp_path / "gitops", tree)
    found = pods(run(kubectl, "kustomize", gathered(tmp_path / "gitops", "mi300")))
    assert set(found) == {"Deployment", "Job"}
    assert found["Deployment"]["tolerations"] == [TOLERATION]
    assert found["Deployment"]["nodeSelector"] == NODES
    limits = found["Deployment"]["containers"][0]["resources"]["limits"]
    assert {name: count for name, count in limits.items() if "/" in name} == {"amd.com/gpu": 1}


def test_chart_and_overlay_agree(tree: Tree, tmp_path: Path, kubectl: Path, helm_binary: Path) -> None:
    root = tmp_path / "gitops"
    write_tree(root, tree)
    chart = root / "charts" / "inference"
    for shape in ("h100", "mi300"):
        values = chart / f"values-{shape}.yaml"
        made = run(helm_binary, "template", "inference", chart, "-f", values, "-n", "inference")
        assert by_name([*run(kubectl, "kustomize", gathered(root, shape)), *scripts(root)]) == by_name(made)


def test_its_neighbour_is_as_it_was(tree: Tree, tmp_path: Path, kubectl: Path) -> None:
    write_tree(tmp_path / "gitops", tree)
    pod = pods(run(kubectl, "kustomize", gathered(tmp_path / "gitops", "h100")))["Deployment"]
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert pod["nodeSelector"].keys() == {"node.kubernetes.io/instance-type"}
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_values_say_only_what_the_chart_does_not_say_itself(tree: Tree) -> None:
    def given(shape: str) -> dict[str, Any]:
        values = yaml.safe_load(tree[PurePosixPath(f"charts/inference/servers/vllm/{shape}/chat.yaml")])
        return {key: values.get(key) for key in ("gpu", "tolerations", "securityContext")}

    assert given("mi300") == {
        "gpu": {"count": 1, "resource": "amd.com/gpu"},
        "tolerations": [TOLERATION],
        "securityContext": {"readOnlyRootFilesystem": True},
    }
    assert given("h100") == {
        "gpu": {"count": 1},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "securityContext": None,
    }


def test_the_quota_limits_the_gpus_of_every_shape(tree: Tree) -> None:
    quota = yaml.safe_load(tree[PurePosixPath("platform/configs/resourcequota.yaml")])
    assert quota["spec"]["hard"] == {"requests.amd.com/gpu": "64", "requests.nvidia.com/gpu": "64"}


def test_a_stack_that_does_not_use_it_has_no_quota_for_it(overlays: Path) -> None:
    assert overlays.is_dir()
    assert resolved({}, {"clusters": CLUSTERS[:1]}).gpu_resources == ("nvidia.com/gpu",)


def test_its_warning_is_said_where_the_stack_names_it(stack: Resolved) -> None:
    (note,) = (note for note in stack.notes if "BM.GPU.MI300X.8:" in note)
    place, _, message = note.partition(": ")
    assert message == "BM.GPU.MI300X.8: nobody has ever seen one"
    file, line, column = place.split(":")
    assert file == "stack.yaml"
    text = sources({}, {"clusters": CLUSTERS})[file].decode().splitlines()[int(line) - 1]
    assert text[int(column) - 1 :] == "BM.GPU.MI300X.8"


def test_the_simulated_fleet_has_its_nodes(overlays: Path) -> None:
    (node,) = fleet.nodes([each for each in fleet.shapes(overlays) if each.family == "mi300"])
    (taint,) = node["spec"]["taints"]
    assert taint == {"key": TOLERATION["key"], "value": "present", "effect": "NoExecute"}
    assert NODES.items() <= node["metadata"]["labels"].items()
    assert node["status"]["allocatable"]["amd.com/gpu"] == "8"


@pytest.mark.parametrize(("place", "ours"), [("gpu.resource", ("resource",)), ("tolerations[].key", ("taint", "key"))])
def test_what_a_shape_may_say_the_chart_takes(place: str, ours: tuple[str, ...]) -> None:
    """Else `check` would pass what `compile` refuses."""
    theirs = node(rendering.schema(), place)
    mine: Any = schema("shape")["properties"]["node"]
    for name in ours:
        mine = mine["properties"][name]
    assert (mine["pattern"], mine["maxLength"]) == (theirs["pattern"], theirs["maxLength"])
