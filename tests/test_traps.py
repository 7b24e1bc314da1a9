"""What platform charts trip over: docs/traps.md, whose every test exists, and the rules that no other test holds."""

import ast
import re
from functools import cache
from typing import Any

import pytest

from gpuyard.catalogue.platform import Layer, Release, catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.tree import Tree
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "traps.md").read_text("utf-8")
ROWS = re.findall(r"^\| (U[0-9]+): .+ \| .+ \| (.+) \|$", PAGE, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`(test_[a-z_]+[.]py)::(test_[a-z0-9_]+)`", PAGE)))


def at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = values.get(name, {})
    return values


def chart(name: str) -> Release:
    return next(each for each in catalogue() if each.chart == name)


@cache
def held_by(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def manifests(tree: Tree, *folders: str) -> list[dict[str, Any]]:
    files = [text for path, text in sorted(tree.items()) if path.parts[0] in folders and path.suffix == ".yaml"]
    return [each for text in files for each in yamlio.parse_manifests(text)]


# --- the page -------------------------------------------------------------------------------------------------


def test_every_trap_has_a_row_and_a_test() -> None:
    assert [name for name, _ in ROWS] == [f"U{number}" for number in range(1, 22)]
    assert all("::test_" in held for _, held in ROWS)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_the_page_names_exists(file: str, name: str) -> None:
    assert name in held_by(file)


# --- rules that no other test holds ---------------------------------------------------------------------------


def test_definitions_are_upgraded() -> None:
    """A chart's own crds/ folder never is, so that no chart of ours may bring them so."""
    (definitions,) = (each for each in catalogue() if each.layer is Layer.CRDS)
    (stack,) = (each for each in catalogue() if each.component == definitions.component and each is not definitions)
    assert "monitoring.coreos.com/v1" in definitions.provides
    assert at(stack.values, "crds.enabled") is False
    assert "crds.enabled" in stack.fixed


@pytest.mark.parametrize(
    ("name", "path"), [("keda", "crds.additionalAnnotations"), ("prometheus-operator-crds", "crds.annotations")]
)
def test_definitions_stay(name: str, path: str) -> None:
    assert at(chart(name).values, path) == {"helm.sh/resource-policy": "keep"}


def test_each_component_has_a_namespace(demo_tree: Tree) -> None:
    homes = {each.namespace: each.component for each in catalogue()}
    assert all(homes[each.namespace] == each.component for each in catalogue())
    found = [each for each in manifests(demo_tree, "platform") if each["kind"] == "HelmRelease"]
    assert {each["metadata"]["name"] for each in found} >= {"keda", "kube-prometheus-stack"}
    assert all(each["metadata"]["namespace"] == chart(each["metadata"]["name"]).namespace for each in found)


def test_no_hook_has_to_run() -> None:
    values = chart("kube-prometheus-stack").values
    assert at(values, "prometheusOperator.admissionWebhooks.enabled") is False
    assert at(values, "prometheusOperator.tls.enabled") is False  # or it waits for that Job's certificate


def test_kedas_webhook_asks_before_it_refuses() -> None:
    assert at(chart("keda").values, "extraArgs.webhooks") == {"cache-miss-to-direct-client": True}


def test_the_scaledobject_is_called_like_its_blueprint(demo_tree: Tree) -> None:
    found = [(path.parent.name, text) for path, text in demo_tree.items() if path.name == "scaledobject.yaml"]
    assert found
    for blueprint, text in found:
        (each,) = yamlio.parse_manifests(text)
        assert each["metadata"]["name"] == blueprint


def test_no_horizontal_pod_autoscaler_is_made(demo_tree: Tree) -> None:
    kinds = {each["kind"] for each in manifests(demo_tree, "base", "overlays", "platform")}
    assert "ScaledObject" in kinds
    assert "HorizontalPodAutoscaler" not in kinds


def test_versions_are_exact(demo_tree: Tree) -> None:
    """And what Helm would lock is the same."""
    assert all(re.fullmatch(r"[0-9]+[.][0-9]+[.][0-9]+", each.version) for each in catalogue())
    for path, text in demo_tree.items():
        if path.name == "Chart.yaml":
            wanted = {each["name"]: each["version"] for each in yamlio.load_data(text).get("dependencies", ())}
            locked = yamlio.load_data(demo_tree[path.parent / "Chart.lock"])["dependencies"] if wanted else []
            assert {each["name"]: each["version"] for each in locked} == wanted


def test_the_chart_asks_for_no_capabilities() -> None:
    for name, files in shipped_charts().items():
        for path, text in files.items():
            assert ".Capabilities" not in text, f"{name}/{path}"
            assert "lookup " not in text, f"{name}/{path}"


def test_flux_takes_nothing_over(demo_tree: Tree) -> None:
    found = [each for each in manifests(demo_tree, "platform") if each["kind"] == "HelmRelease"]
    assert found
    for each in found:
        for step in ("install", "upgrade"):
            assert each["spec"][step]["disableTakeOwnership"] is True
