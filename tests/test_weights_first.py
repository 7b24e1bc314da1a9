"""base/ and overlays/: what comes first of a blueprint has folders of its own, equal on all shapes where it can be."""

import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue import shapes
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.render import render
from gpuyard.render.kustomize import objects
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree
from tests.conftest import gathered, write_tree
from tests.differing import PHX
from tests.projects import resolved, workload
from tests.test_equivalence import by_name
from tests.test_new_shape import CLUSTERS, overlays  # noqa: F401 - a fixture

Spec = dict[str, Any]

QWEN = {"name": "qwen3-8b"}
COPIED = {"name": "qwen3-8b", "source": "pvc://weights/qwen"}


def rendered(spec: Spec, stack: Spec | None = None) -> tuple[Resolved, Tree]:
    found = resolved(spec, stack)
    return found, render(found, shipped_charts(), Embedded(shipped_charts()))


def files(tree: Tree, folder: str) -> set[str]:
    return {path.name for path in tree if path.parent == PurePosixPath(folder)}


def build(kubectl: Path, folder: Path) -> list[Spec]:
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yamlio.parse_manifests(done.stdout)


def assert_gathered(found: Resolved, tree: Tree, where: Path, kubectl: Path) -> None:
    """Every shape's overlay is all that the chart makes there."""
    write_tree(where, tree)
    for each in found.workloads:
        wanted = by_name(objects(found, each, Embedded(shipped_charts())))
        assert by_name(build(kubectl, gathered(where, each.shape.name))) == wanted


def test_one_job_for_all_shapes(tmp_path: Path, kubectl: Path) -> None:
    found, tree = rendered({})
    assert len(found.workloads) == 2
    assert files(tree, "base/chat/weights") == {
        "job.yaml",
        "kustomization.yaml",
        "networkpolicy.yaml",
        "persistentvolumeclaim.yaml",
        "prometheusrule.yaml",
        "serviceaccount.yaml",
    }
    assert {"networkpolicy.yaml", "serviceaccount.yaml", "deployment.yaml"} <= files(tree, "base/chat")
    for shape in ("a10", "h100"):
        assert files(tree, f"overlays/{shape}/chat/weights") == {"kustomization.yaml"}
    assert_gathered(found, tree, tmp_path, kubectl)


def test_a_shape_names_the_job_that_copies_its_form_of_the_model(tmp_path: Path, kubectl: Path) -> None:
    """All else of the Job is the same, and so is what it needs."""
    found, tree = rendered({"shapes": {"a10": {"model": QWEN}, "h100": {}}})
    base = yamlio.load_data(tree[PurePosixPath("base/chat/weights/job.yaml")])
    assert base["metadata"]["name"] == "chat-download"
    (container,) = base["spec"]["template"]["spec"]["containers"]
    assert "args" not in container
    names = set()
    for shape in ("a10", "h100"):
        assert "job.yaml" in files(tree, f"overlays/{shape}/chat/weights")
        names.add(yamlio.load_data(tree[PurePosixPath(f"overlays/{shape}/chat/weights/job.yaml")])["metadata"]["name"])
    assert len(names) == 2
    assert_gathered(found, tree, tmp_path, kubectl)


def test_a_shape_without_a_download_has_nothing_first(tmp_path: Path, kubectl: Path) -> None:
    """Its cache is with the server then, for what is left in it."""
    found, tree = rendered({"shapes": {"a10": {"model": COPIED}, "h100": {}}})
    assert not files(tree, "overlays/a10/chat/weights")
    assert "persistentvolumeclaim.yaml" in files(tree, "overlays/a10/chat")
    assert {"job.yaml", "persistentvolumeclaim.yaml"} <= files(tree, "base/chat/weights")
    assert "persistentvolumeclaim.yaml" not in files(tree, "base/chat")
    assert_gathered(found, tree, tmp_path, kubectl)


def test_a_cache_of_others_is_not_ours_to_make(tmp_path: Path, kubectl: Path) -> None:
    found, tree = rendered({"storage": {"cache": {"claim": "mine"}, "download": True}})
    assert "persistentvolumeclaim.yaml" not in files(tree, "base/chat/weights")
    assert "job.yaml" in files(tree, "base/chat/weights")
    assert_gathered(found, tree, tmp_path, kubectl)


def test_the_job_tolerates_the_gpus_of_every_shape(overlays: Path) -> None:  # noqa: F811
    """So it is the same on all of them, and runs where there are no other nodes."""
    found = resolved({}, {"clusters": CLUSTERS})
    downloads = [each.values["download"] for each in found.workloads]
    assert len(downloads) == 2
    assert downloads[0] == downloads[1]
    assert downloads[0]["tolerations"] == [
        {"key": "amd.com/gpu", "operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists"},
    ]


def test_a_shape_where_the_blueprint_does_not_run_is_not_tolerated(overlays: Path) -> None:  # noqa: F811
    found = resolved({"shapes": {"h100": {}}}, {"clusters": CLUSTERS})
    assert [each.values["download"]["tolerations"] for each in found.workloads] == [
        [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    ]


def test_nodes_of_other_processors_are_left_out(overlays: Path) -> None:  # noqa: F811
    """Where all GPU nodes have the same; where they have not, the image must be for both anyway."""

    def selectors() -> list[Spec | None]:
        shapes.catalogue.cache_clear()
        found = resolved({}, {"clusters": CLUSTERS})
        return [each.values["download"].get("nodeSelector") for each in found.workloads]

    assert selectors() == [{"kubernetes.io/arch": "amd64"}] * 2
    file = overlays / "mi300" / "shape.yaml"
    file.write_text(file.read_text("utf-8").replace("arch: amd64", "arch: arm64"), "utf-8")
    assert selectors() == [None, None]


# --- how long an engine waits ---------------------------------------------------------------------------------


def test_an_engine_waits_as_long_as_one_try_may_take() -> None:
    """Also where the author says how long that is: Flux for the Job, Argo CD in the gate of the servers."""
    own = {"shapes": {"h100": {"values": {"download": {"timeoutSeconds": 20000}}}, "a10": {}}}
    for engine, expected in (("flux", "20960s"), ("argocd", 20960)):
        found, tree = rendered(own, {"engine": engine, "clusters": [{**PHX, "blueprints": {"chat": "h100"}}]})
        waits = {each.shape.name: each.first.sync_timeout for each in found.workloads if each.first}
        assert waits == {"a10": 2760, "h100": 20960}
        texts = [text for path, text in tree.items() if path.parts[0] == "clusters" or path.parent.name == "gate"]
        lines = [line.strip() for text in texts for line in text.splitlines()]
        name = "timeout" if engine == "flux" else "value"
        assert f"{name}: {expected}" in lines


def test_an_engine_waits_for_pods_that_end_late() -> None:
    waits = [
        workload({"scaling": {"max": 4}, "values": {"drain": drain}}).sync_timeout
        for drain in ({}, {"preStopSeconds": 100}, {"preStopSeconds": 100, "marginSeconds": 50})
    ]
    assert [each - waits[0] for each in waits] == [0, 4 * 85, 4 * (85 + 35)]


@pytest.mark.parametrize(
    ("given", "copied"), [("SafeTensors", "safetensors"), ("PT", "pt"), ("auto", "auto"), ("tensorizer", "all")]
)
def test_the_format_is_the_one_that_vllm_reads(given: str, copied: str) -> None:
    """Which takes its name in any case."""
    values = workload({"serving": {"args": {"load-format": given}}}).values
    assert values["download"].get("format", "auto") == copied
