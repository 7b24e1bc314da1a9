"""SECURITY.md says which tests hold which class of attacks; those that have no file of their own are here."""

import re
from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.errors import InputError
from gpuyard.tree import Tree
from tests.conftest import ROOT
from tests.projects import resolved

_ROW = re.compile(r"\| (A\d+ [^|]+?) \| [^|]+ \| ([^|]+) \|")
_MARK = re.compile(r'pytest\.mark\.attack\("([^"]+)"\)')


def table() -> dict[str, set[str]]:
    """The files of each class, by SECURITY.md."""
    rows = map(_ROW.fullmatch, (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines())
    return {row[1]: set(re.findall("`([^`]+)`", row[2])) for row in rows if row}


def marked() -> dict[str, set[str]]:
    """By the tests themselves."""
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in _MARK.findall(file.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(file.relative_to(ROOT).as_posix())
    return found


def test_each_class_has_its_tests_and_each_of_them_its_class() -> None:
    classes, tests = table(), marked()
    assert sorted(classes) == sorted(tests)
    assert {name: files - tests[name] for name, files in classes.items() if files - tests[name]} == {}


def test_the_classes_are_numbered() -> None:
    numbers = [int(name.partition(" ")[0][1:]) for name in table()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 27


def objects(tree: Tree) -> list[tuple[PurePosixPath, dict[str, Any]]]:
    """All in the generated tree that a cluster gets; charts are the same objects once more."""
    files = {path: text for path, text in tree.items() if path.suffix == ".yaml" and path.parts[0] != "charts"}
    return [(path, each) for path, text in files.items() for each in yamlio.parse_manifests(text)]


@pytest.mark.attack("A8 remote bases")
def test_a_kustomization_names_only_files_of_the_repository(demo_tree: Tree) -> None:
    lists = {path: yamlio.load_data(text) for path, text in demo_tree.items() if path.name == "kustomization.yaml"}
    assert len(lists) > 10
    for path, content in lists.items():
        assert not content.keys() & {"helmCharts", "generators", "transformers", "validators", "openapi", "crds"}, path
        for name in [*content.get("resources", ()), *content.get("components", ())]:
            parts = list(path.parent.parts)
            for part in PurePosixPath(name).parts:
                if part == "..":
                    assert parts, f"{path} leads out of the repository"
                    parts.pop()
                else:
                    parts.append(part)
            there = PurePosixPath(*parts)
            assert there in demo_tree or there / "kustomization.yaml" in demo_tree, f"{path}: {name}"


@pytest.mark.attack("A14 rights in the cluster")
def test_nothing_of_a_model_has_rights_in_the_cluster(demo_tree: Tree) -> None:
    found = objects(demo_tree)
    kinds = {each["kind"] for _, each in found}
    assert {"Deployment", "ServiceAccount", "Job"} <= kinds
    assert not kinds & {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ValidatingWebhookConfiguration"}
    for path, each in found:
        if each["kind"] in ("Deployment", "Job") and path.parts[0] == "base":
            assert each["spec"]["template"]["spec"]["automountServiceAccountToken"] is False, path


@pytest.mark.attack("A16 use of resources")
@pytest.mark.parametrize(
    ("scaling", "policy"),
    [
        ({"min": 1, "max": 5}, {"maxReplicas": 4}),
        ({"min": 1, "max": 1_000_000}, {}),
        ({"min": 1, "max": 4}, {"maxGpus": 3}),
        ({"min": -1, "max": 1}, {}),
        ({"min": 1, "max": 10**30}, {}),
    ],
)
def test_no_blueprint_passes_the_limits_of_the_stack(scaling: dict[str, int], policy: dict[str, int]) -> None:
    with pytest.raises(InputError):
        resolved({"scaling": scaling}, {"policy": policy})
    assert resolved({"scaling": {"min": 1, "max": 2}}, {"policy": {"maxGpus": 64, "maxReplicas": 4}}).workloads


@pytest.mark.attack("A17 configuration of Prometheus and KEDA")
def test_a_scrape_reads_no_file_and_keda_asks_only_prometheus(demo_tree: Tree) -> None:
    text = "\n".join(demo_tree.values())
    for key in ("bearerTokenFile", "basicAuth:", "caFile", "certFile", "keyFile", "hashiCorpVault"):
        assert key not in text, key
    for _, each in objects(demo_tree):
        if each["kind"] == "ScaledObject":
            addresses = {trigger["metadata"].get("serverAddress") for trigger in each["spec"].get("triggers", ())}
            assert addresses <= {None, "http://kps-prometheus.monitoring.svc:9090"}
