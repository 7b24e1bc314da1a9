"""One truth: the chart, the overlays and both Helm backends give the same objects."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from gpuyard.catalogue.shapes import catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Binary, Embedded
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.render.kustomize import objects
from gpuyard.resolve import Resolved, resolve
from gpuyard.tree import Tree
from tests.conftest import demo_sources, write_tree

SHAPES = sorted(catalogue())
Objects = dict[tuple[str, str], dict[str, Any]]


def by_name(found: list[dict[str, Any]]) -> Objects:
    named = {(obj["kind"], obj["metadata"]["name"]): obj for obj in found}
    assert len(named) == len(found)
    return named


def run(*argv: str | Path) -> list[dict[str, Any]]:
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yamlio.parse_manifests(done.stdout)


def scripts(root: Path) -> list[dict[str, Any]]:
    """What all models mount; an earlier layer has it, with its namespace."""
    found = yamlio.parse_manifests((root / "platform/configs/scripts.yaml").read_text("utf-8"))
    assert [obj["metadata"].pop("namespace") for obj in found] == ["inference"]
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_chart_equals_overlay(shape: str, demo_path: Path, demo: Resolved, helm_binary: Path, kubectl: Path) -> None:
    chart = demo_path / "charts" / "inference"
    values = chart / f"values-{shape}.yaml"
    from_chart = run(helm_binary, "template", "inference", chart, "-f", values, "-n", demo.stack.namespace)
    from_overlay = run(kubectl, "kustomize", demo_path / "overlays" / shape)
    assert by_name([*from_overlay, *scripts(demo_path)]) == by_name(from_chart)
    assert {workload.name for workload in demo.workloads if workload.shape.name == shape} == {
        name for kind, name in by_name(from_overlay) if kind == "Deployment"
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_render_shows_what_the_overlay_builds(shape: str, demo_path: Path, demo: Resolved, kubectl: Path) -> None:
    helm = Embedded(shipped_charts())
    for workload in demo.workloads:
        if workload.shape.name == shape:
            assert workload.first
            folder = demo_path / "overlays" / shape / workload.name
            rest, first = (run(kubectl, "kustomize", each) for each in (folder, folder / "weights"))
            assert by_name([*first, *rest]) == by_name(objects(demo, workload, helm))
            assert all(map(workload.first.holds, first))
            assert not any(map(workload.first.holds, rest))


def test_both_backends_give_the_same_tree(demo: Resolved, demo_tree: Tree, helm_binary: Path) -> None:
    assert render(demo, shipped_charts(), Binary(shipped_charts(), helm_binary)) == demo_tree


def test_no_shape_no_objects(demo_path: Path, helm_binary: Path) -> None:
    assert run(helm_binary, "template", "inference", demo_path / "charts" / "inference") == []


def test_locks_are_helms_own(demo_path: Path, tmp_path: Path, helm_binary: Path) -> None:
    """`helm dependency build` refuses a Chart.lock that doesn't belong to its Chart.yaml."""
    done = subprocess.run(
        [str(helm_binary), "dependency", "build", str(demo_path / "charts" / "inference")],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert "out of sync" not in done.stderr
    assert done.returncode == 0, done.stderr


def test_charts_pass_helms_linter(demo_path: Path, helm_binary: Path) -> None:
    for shape in SHAPES:
        chart = demo_path / "charts" / "inference"
        argv = [helm_binary, "lint", "--strict", chart, "-f", chart / f"values-{shape}.yaml"]
        done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_stack_without_blueprints_is_an_empty_chart(helm_binary: Path, tmp_path: Path) -> None:
    """A chart that lies in charts/ is rendered whether or not anything depends on it."""
    files = {name: data for name, data in demo_sources().items() if not name.startswith("blueprints/")}
    write_tree(tmp_path, render(resolve(parse(files)), shipped_charts(), Embedded(shipped_charts())))
    assert run(helm_binary, "template", "inference", tmp_path / "charts" / "inference") == []
