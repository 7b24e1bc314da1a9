"""A component of the platform is one data file: schema, rules and tree follow from it, and a wrong file is named."""

import re
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from click.testing import CliRunner

from gpuyard.catalogue import platform
from gpuyard.catalogue.platform import Layer, catalogue
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.cli.main import cli
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.project import formats
from gpuyard.render import render
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree
from tests.projects import STACK, problems, resolved

TOY = """\
component: tracing
default: false
description: The toy operator, which traces requests.
without: An operator of toys
layer: controllers
chart: toy-operator
version: 1.2.3
repository: https://toys.example.com/charts
namespace: toys
health:
  - {apiVersion: toys.example.com/v1, kind: Toy, name: main, namespace: toys, condition: Ready, status: "True"}
provides:
  toys.example.com/v1: [Toy]
monitor:
  name: toy-operator
  selector: {app: toys}
  port: http
  path: /stats
  honorLabels: false
images:
  version: 1.2.3
  source: made up for a test
  list:
    - repository: toys.example.com/operator
      tag: v1
      advisories: {source: made up for a test, date: 2026-11-29}
      values: {repository: image.name, digest: image.digest}
values: {replicas: 2}
"""
ON = {"platform": {"tracing": {"enabled": True}}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The shipped files, read from a folder that a test may add to."""
    copy = tmp_path / "platform"
    shutil.copytree(Path(str(resources.files("gpuyard"))) / "catalogue" / "platform", copy)
    monkeypatch.setattr(platform, "_FOLDER", copy)
    caches = (catalogue, formats.schema)
    for each in caches:
        each.cache_clear()
    yield copy
    for each in caches:
        each.cache_clear()


@pytest.fixture
def toy(folder: Path) -> Path:
    file = folder / "toy-operator.yaml"
    file.write_text(TOY, encoding="utf-8")
    return file


def tree(stack: dict[str, Any] | None = None) -> Tree:
    return render(resolved({}, stack), shipped_charts(), Embedded(shipped_charts()))


def changed(before: Tree, after: Tree) -> set[str]:
    return {str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def objects(text: str) -> dict[str, Any]:
    return {each["kind"]: each for each in yamlio.parse_manifests(text)}


# --- what follows from a file --------------------------------------------------------------------------------


def test_the_schema_of_a_stack_has_its_key(toy: Path) -> None:
    key = formats.schema("stack")["$defs"]["platform"]["properties"]["tracing"]
    assert key["description"] == "The toy operator, which traces requests."
    assert key["properties"]["enabled"]["default"] is False
    assert problems({}, {"platform": {"tracnig": {}}}) == ["spec.platform.tracnig is not known; did you mean tracing?"]
    assert problems({}, {"platform": {"tracing": {"version": "1"}}}) == [
        'spec.platform.tracing.version is "1"; must be an exact version such as 1.2.3'
    ]


def test_without_the_file_there_is_no_key() -> None:
    assert "spec.platform.tracing is not known" in problems({}, {"platform": {"tracing": {}}})[0]


def test_its_release_is_resolved_like_the_others(toy: Path) -> None:
    def release(found: Resolved) -> Any:
        return next((each for each in found.releases if each.component == "tracing"), None)

    assert release(resolved({})) is None
    mirror = {"registry": "oci://registry.example.com/charts", "tracing": {"enabled": True, "version": "1.2.4"}}
    found = release(resolved({}, {"platform": mirror, "images": {"mirrors": {"toys.example.com": "r.example.com/t"}}}))
    assert (found.version, found.repository) == ("1.2.4", "oci://registry.example.com/charts")
    assert found.values == {"replicas": 2, "image": {"name": "r.example.com/t/operator"}}


def test_models_stay_out_of_its_namespace(toy: Path) -> None:
    assert "toys belongs to the platform's tracing" in problems({}, {"namespace": "toys"})[0]


def test_the_tree_has_it_where_it_belongs_and_nowhere_else(folder: Path) -> None:
    before = tree()
    (folder / "toy-operator.yaml").write_text(TOY, encoding="utf-8")
    catalogue.cache_clear()
    formats.schema.cache_clear()
    assert changed(before, tree()) == {"README.md"}  # off by default, which its README says
    after = tree(ON)
    assert changed(before, after) == {
        "platform/controllers/toy-operator.yaml",
        "platform/controllers/kustomization.yaml",
        "platform/configs/monitors.yaml",
        "clusters/phx/platform.yaml",
        "charts/demo/Chart.yaml",
        "charts/demo/Chart.lock",
        "charts/demo/values.yaml",
    }
    made = objects(after[PurePosixPath("platform/controllers/toy-operator.yaml")])
    assert made["Namespace"]["metadata"]["name"] == "toys"
    assert made["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert made["HelmRelease"]["spec"]["chart"]["spec"]["version"] == "1.2.3"
    assert made["HelmRelease"]["spec"]["values"] == {"replicas": 2}


def test_what_shows_that_it_works_is_waited_for(toy: Path) -> None:
    text = tree(ON)[PurePosixPath("clusters/phx/platform.yaml")]
    layers = {each["metadata"]["name"]: each for each in yamlio.parse_manifests(text)}
    layer = layers["demo-platform-controllers"]
    checked = [(each["kind"], each.get("namespace"), each["name"]) for each in layer["spec"]["healthChecks"]]
    assert ("HelmRelease", "toys", "toy-operator") in checked
    assert ("Toy", "toys", "main") in checked
    assert [each["kind"] for each in layer["spec"]["healthCheckExprs"]] == ["APIService", "Toy"]


def test_its_pods_are_scraped(toy: Path) -> None:
    stack = {"platform": {**ON["platform"], "prometheus": {"labels": {"release": "kps"}}}}
    monitors = yamlio.parse_manifests(tree(stack)[PurePosixPath("platform/configs/monitors.yaml")])
    assert [each["metadata"]["namespace"] for each in monitors] == ["keda", "toys"]
    assert monitors[1]["metadata"] == {"name": "toy-operator", "namespace": "toys", "labels": {"release": "kps"}}
    assert monitors[1]["spec"] == {
        "selector": {"matchLabels": {"app": "toys"}},
        "podMetricsEndpoints": [{"port": "http", "path": "/stats"}],
    }


def test_switched_off_it_is_something_that_clusters_must_have(toy: Path) -> None:
    assert "- An operator of toys\n" in tree()[PurePosixPath("README.md")]
    assert "An operator of toys" not in tree(ON)[PurePosixPath("README.md")]


# --- the files that are shipped ------------------------------------------------------------------------------


def test_one_release_measures() -> None:
    assert [each.chart for each in catalogue() if each.service] == ["kube-prometheus-stack"]


def test_the_kinds_that_we_write_are_provided_before_they_are_used() -> None:
    provided = {
        (version, kind): each.layer
        for each in catalogue()
        for version, kinds in each.provides.items()
        for kind in kinds
    }
    for path, text in tree().items():
        if path.parts[0] not in ("base", "platform") or path.name == "kustomization.yaml" or path.suffix != ".yaml":
            continue
        layer = Layer.WORKLOADS if path.parts[0] == "base" else Layer(path.parts[1])
        for each in yamlio.parse_manifests(text):
            group = each["apiVersion"].partition("/")[0]
            if group in ("keda.sh", "monitoring.coreos.com"):
                order = list(Layer)
                assert order.index(provided[each["apiVersion"], each["kind"]]) < order.index(layer), path


def test_a_kind_has_one_condition_by_which_it_is_healthy() -> None:
    """An engine is told how to judge a kind, not an object."""
    found = {each: (each.api_version, each.kind) for release in catalogue() for each in release.health}
    judged = {(each.api_version, each.kind, each.condition, each.status, each.failed) for each in found}
    assert len(judged) == len(set(found.values()))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", version)]


@pytest.mark.parametrize("file", sorted(each.name for each in platform._FOLDER.iterdir()))
def test_no_program_has_a_known_advisory(file: str) -> None:
    for image in yamlio.load_data((platform._FOLDER / file).read_text("utf-8"))["images"]["list"]:
        known = image["advisories"]
        assert _numbers(image["tag"]) >= _numbers(known.get("fixed", "0")), f"{image['repository']}: {known['id']}"


def test_versions_are_compared_by_their_numbers() -> None:
    assert _numbers("v3.9.3-distroless") < _numbers("3.11.3") <= _numbers("v3.11.3-distroless") < _numbers("4")
    assert _numbers("4.5.2-4.8.1-distroless") < _numbers("4.5.3-4.8.2") <= _numbers("4.5.3-4.8.2-distroless")


# --- files that are wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("namespace: toys\nhealth", "health", "namespace"),
        ("chart: toy-operator", "chrat: toy-operator", "chrat"),
        ("layer: controllers", "layer: workloads", "workloads"),
        ("component: tracing", "component: registry", "component"),
        ("description: The toy operator, which traces requests.\n", "", "description is required with default; add it"),
        (', condition: Ready, status: "True"', "", "condition"),
        ("component: tracing", "component: keda", "component keda has 2 files with default and description"),
        (TOY[TOY.index("default:") : TOY.index("layer:")], "", "component tracing has 0 files with default"),
        ("chart: toy-operator", "chart: [", "a [ or { opens here"),
    ],
)
def test_a_wrong_file_is_named(toy: Path, old: str, new: str, words: str) -> None:
    assert old in TOY
    toy.write_text(TOY.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        catalogue()
    assert any(words in each.message for each in caught.value.problems if each.location.file == str(toy))


def test_the_command_line_says_so_too(toy: Path, tmp_path: Path) -> None:
    toy.write_text(TOY.replace("namespace: toys\nhealth", "health"), encoding="utf-8")
    result = CliRunner().invoke(cli, ["schema", "stack"])
    assert result.exit_code == 65, result.output
    assert str(toy) in result.output
    assert "namespace" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("version", "refused"), [("2.19.9", True), ("2.9.0", True), ("2.20.0", False), ("2.100.0", False)]
)
@pytest.mark.parametrize("own", [False, True])
def test_a_version_that_lacks_what_models_count_on(version: str, refused: bool, own: bool) -> None:
    """Said at the version, of the stack or of the one cluster that has it; numbers, not texts."""
    platform = {"platform": {"keda": {"version": version}}}
    cluster = STACK["spec"]["clusters"][0]
    stack = {"clusters": [{**cluster, **platform}]} if own else platform
    message = f"platform.keda.version: {version} is too old; 2.20.0 or newer, because the alerts on scaling read"
    assert [message in each for each in problems({}, stack)] == [True] * refused
