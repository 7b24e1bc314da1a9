"""Every shipped blueprint on every shape, as files that are read in review."""

from collections.abc import Callable

import pytest

from gpuyard.tree import Tree, owner
from tests.conftest import ROOT

BLUEPRINTS = sorted(file.stem for file in (ROOT / "blueprints").glob("*.yaml"))


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_blueprint(name: str, demo_tree: Tree, assert_golden: Callable[[str, Tree], None]) -> None:
    assert_golden(name, {path: text for path, text in demo_tree.items() if owner(path) == name})


def test_stack(demo_tree: Tree, assert_golden: Callable[[str, Tree], None]) -> None:
    """All the rest, but for the copy of our own chart."""
    rest = {
        path: text
        for path, text in demo_tree.items()
        if not owner(path) and path.parts[:3] != ("charts", "inference", "charts")
    }
    assert_golden("stack", rest)
