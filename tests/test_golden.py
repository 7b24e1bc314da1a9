"""Every shipped blueprint on every shape, as files that are read in review."""

from collections.abc import Callable, Mapping

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.helm import Embedded
from gpuyard.render import render
from gpuyard.tree import Tree, owner
from tests.conftest import ROOT
from tests.projects import resolved

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


ARGOCD: Mapping[str, Mapping[str, object]] = {
    "argocd": {},
    "argocd-hub": {
        "argocd": {"hub": "ops"},
        "platform": {"registry": "oci://registry.example.com/charts", "insecure": True},
    },
    "argocd-private": {
        "repository": {"url": "ssh://git@git.example.com/acme/gitops", "path": "gpu", "secret": "git"},
        "platform": {"registry": "oci://registry.example.com/charts", "registrySecret": "charts"},
        "network": {"ca": {"configMap": "ca"}, "proxy": {"https": "http://10.0.7.9:3128"}},
        "argocd": {"project": {"name": "ml", "namespaces": ["*"]}},
    },
}


@pytest.mark.parametrize("name", ARGOCD)
def test_argocd(name: str, assert_golden: Callable[[str, Tree], None]) -> None:
    """What Argo CD reads, and how a cluster comes to follow it; all else is as with Flux."""
    found = resolved({}, {"engine": "argocd", **ARGOCD[name]})
    tree = render(found, shipped_charts(), Embedded(shipped_charts()))
    own = {path: text for path, text in tree.items() if path.parts[0] == "clusters" or str(path) == "README.md"}
    assert_golden(name, own)
