"""The same input gives the same bytes, whatever the machine is set to."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.render import render
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree

CODE = """
import hashlib, sys
from tests.conftest import demo_sources
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import resolve
charts = shipped_charts()
tree = render(resolve(parse(demo_sources())), charts, Embedded(charts))
print(hashlib.sha256(repr(sorted(tree.items())).encode()).hexdigest())
"""


def digest(tree: Tree) -> str:
    return hashlib.sha256(repr(sorted(tree.items())).encode()).hexdigest()


@pytest.mark.parametrize(
    "setting",
    [
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu"},
        {"LC_ALL": "C", "LANG": "C", "TZ": "America/St_Johns"},
        {"LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0"},
    ],
)
def test_environment_changes_nothing(setting: dict[str, str], demo_tree: Tree, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path), **setting}
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest(demo_tree)


def test_rendering_twice_gives_the_same(demo: Resolved, demo_tree: Tree) -> None:
    assert render(demo, shipped_charts(), Embedded(shipped_charts())) == demo_tree


def test_objects_carry_no_version_of_ours_and_no_namespace(demo_tree: Tree) -> None:
    """A release of gpuyard or of the chart must not restart a model."""
    for path, text in demo_tree.items():
        if path.parts[0] in ("base", "overlays"):
            assert "helm.sh/chart" not in text, path
            labels = {*re.findall(r"app.kubernetes.io/(?:version|managed-by): .*", text)}
            assert labels <= {"app.kubernetes.io/version: v0.32.0", "app.kubernetes.io/managed-by: gpuyard"}, path


def test_render_asks_no_network_and_no_disk(demo: Resolved, demo_tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    charts = shipped_charts()
    helm = Embedded(charts)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("render must be pure")

    monkeypatch.setattr("socket.socket", refuse)
    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr("subprocess.Popen", refuse)
    assert render(demo, charts, helm) == demo_tree
