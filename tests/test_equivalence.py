"""One truth: the chart, the overlays and both Helm backends give the same objects."""

import json
import shutil
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
from tests.conftest import demo_sources, gathered, write_tree
from tests.differing import run

SHAPES = sorted(catalogue())
Objects = dict[tuple[str, str], dict[str, Any]]


def by_name(found: list[dict[str, Any]]) -> Objects:
    named = {(obj["kind"], obj["metadata"]["name"]): obj for obj in found}
    assert len(named) == len(found)
    return named


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
    from_overlay = run(kubectl, "kustomize", gathered(demo_path, shape))
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


def test_one_server_may_be_left_out_or_changed(demo_path: Path, helm_binary: Path) -> None:
    chart = demo_path / "charts" / "inference"
    template = (helm_binary, "template", "inference", chart, "-f", chart / "values-a10.yaml")
    whole, without = (by_name(run(*template, *more)) for more in ((), ("--set", "servers.chat.enabled=false")))
    assert without.items() <= whole.items()
    assert {name for kind, name in whole.keys() - without.keys() if kind == "Deployment"} == {"chat"}
    changed = by_name(
        run(
            *template,
            "--set",
            "servers.chat.replicas=3,servers.chat.commonLabels.team=a",
            "--set-json",
            "vllm.podLabels={}",
        )
    )
    labels = changed["Service", "chat"]["metadata"]["labels"]
    assert labels["team"] == "a"
    assert "team" not in changed["Service", "docs"]["metadata"]["labels"]


def test_null_takes_a_value_away(demo_path: Path, helm_binary: Path) -> None:
    chart = demo_path / "charts" / "inference"
    part_of = "app.kubernetes.io/part-of"
    gone = json.dumps({"chat": {"commonLabels": {part_of: None}}})
    found = by_name(
        run(
            helm_binary,
            "template",
            "inference",
            chart,
            "-f",
            chart / "values-a10.yaml",
            "--set-json",
            f"servers={gone}",
        )
    )
    assert part_of not in found["Service", "chat"]["metadata"]["labels"]
    assert part_of in found["Service", "docs"]["metadata"]["labels"]


def test_a_shape_that_the_stack_does_not_have_is_refused(demo_path: Path, helm_binary: Path) -> None:
    chart = demo_path / "charts" / "inference"
    argv = [str(helm_binary), "template", "inference", str(chart), "--set", "shape=b200"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "shape" in done.stderr


def test_inside_another_chart_it_is_the_same(demo_path: Path, tmp_path: Path, helm_binary: Path) -> None:
    """As in the umbrella of everything, where its templates have longer paths."""
    outer = tmp_path / "outer"
    shutil.copytree(demo_path / "charts" / "inference", outer / "charts" / "inference")
    (outer / "Chart.yaml").write_text("apiVersion: v2\nname: outer\nversion: 0.1.0\n", encoding="utf-8")
    inner = demo_path / "charts" / "inference"
    nested = run(helm_binary, "template", "inference", outer, "--set", "inference.shape=h100")
    assert by_name(nested) == by_name(run(helm_binary, "template", "inference", inner, "--set", "shape=h100"))
    assert len(nested) > 20
