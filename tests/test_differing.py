"""Clusters differ: whatever a cluster sets is there as if the stack said it, and nowhere else."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.errors import InputError
from gpuyard.project.formats import schema
from gpuyard.project.stack import SITE
from gpuyard.render import layers
from gpuyard.render.kustomize import objects
from gpuyard.tree import Tree
from tests.differing import FRA, HELM, PHX, by_name, compiled, in_cluster, models_of_chart, stack
from tests.projects import merged
from tests.test_blueprint_fields import STACK_KEYS, Case

INSIDE = {"clientNamespaces": ["apps"]}
KEYS = {
    key: case
    for key, case in STACK_KEYS.items()
    if key.split(".")[1] in SITE and not set(case.after) - set(SITE) and not case.refused
}
REFUSED = {key: case for key, case in STACK_KEYS.items() if key.split(".")[1] in SITE and case.refused}
PLACED: dict[str, dict[str, Any]] = {
    "min": {"min": 2},
    "max": {"max": 2},
    "min and max": {"min": 2, "max": 2},
    "vllm.version": {"vllm": {"version": "0.33.0"}},
    "vllm.image": {"vllm": {"image": "docker.io/acme/vllm"}},
    "vllm.tag": {"vllm": {"tag": "v0.32.0-cu129"}},
    "host": {"host": "chat.fra.example.com"},
}
GATEWAY = {"gateway": {"name": "public", "namespace": "gateways", "listener": "https"}}


def shared_files(tree: Tree) -> Mapping[PurePosixPath, str]:
    """All that doesn't belong to the cluster that differs: charts and pages tell of every cluster."""
    return {
        path: text
        for path, text in tree.items()
        if path.parts[0] in ("base", "overlays", "platform", "clusters")
        and path.parts[:2] != ("clusters", "fra")
        and path.name != "README.md"
    }


def check(case: Case, folder: Path, kubectl: Path, helm: Path) -> None:
    """Of a setting that is a cluster's own: there it is as if the stack had it, elsewhere as if nobody had it."""
    spec = merged(INSIDE, case.blueprint)
    without = compiled(spec, merged({"clusters": [PHX, FRA]}, case.before))
    _, tree = compiled(spec, stack(case.after, case.before))
    oracle, _ = compiled(spec, merged(merged({"clusters": [PHX, FRA]}, case.before), case.after))

    assert shared_files(tree) == shared_files(without[1])
    models, platform = in_cluster(tree, "fra", folder, kubectl)
    wanted = [each.workload for each in oracle.placements if each.cluster == "fra"]
    assert models == by_name([obj for workload in wanted for obj in objects(oracle, workload, HELM)])
    content = layers.content(oracle, shipped_charts())
    assert platform == by_name([obj for files in content.values() for found in files.values() for obj in found])
    assert models == models_of_chart(folder, "fra", helm)
    fra = {path: text for path, text in tree.items() if path.parts[:2] == ("clusters", "fra")}
    assert fra != {path: text for path, text in without[1].items() if path.parts[:2] == ("clusters", "fra")}


@pytest.mark.parametrize("key", KEYS)
def test_a_setting_holds_in_its_cluster_and_nowhere_else(
    key: str, tmp_path: Path, kubectl: Path, helm_binary: Path
) -> None:
    check(KEYS[key], tmp_path, kubectl, helm_binary)


@pytest.mark.parametrize("key", REFUSED)
def test_what_a_setting_refuses_is_told_in_its_cluster(key: str) -> None:
    case = REFUSED[key]
    assert case.refused
    with pytest.raises(InputError) as caught:
        compiled(case.blueprint, stack(case.after, case.before))
    for problem in caught.value.problems:
        assert problem.message.startswith("spec.clusters[1]")
    assert case.refused in str(caught.value)


def test_every_setting_of_the_stack_is_a_cluster_s_or_is_meant_for_all() -> None:
    """A new key has to be put on one side."""
    keys = schema("stack")["properties"]["spec"]["properties"]
    of_all = {"clusters", "engine", "version", "namespace", "names", "repository", "moved", "ownFiles"}
    of_all |= {"argocd", "flux", "oci"}
    assert set(keys) - set(SITE) == of_all


@pytest.mark.parametrize("key", PLACED)
def test_what_a_placement_says_is_as_if_the_blueprint_said_it(
    key: str, tmp_path: Path, kubectl: Path, helm_binary: Path
) -> None:
    own = PLACED[key]
    _, tree = compiled(INSIDE, stack({"blueprints": {"chat": {"shape": "a10", **own}}}, GATEWAY))
    same = {"clusters": [PHX, {**FRA, "blueprints": {"chat": "a10"}}], **GATEWAY}
    _, without = compiled(INSIDE, same)
    bounds = {name: own[name] for name in ("min", "max") if name in own}
    host = {"expose": {"host": own["host"]}} if "host" in own else {}
    spec = {"scaling": bounds, "vllm": own.get("vllm"), **host}
    oracle, _ = compiled(merged(INSIDE, spec), same)

    assert shared_files(tree) == shared_files(without)
    models, _ = in_cluster(tree, "fra", tmp_path, kubectl)
    wanted = [each.workload for each in oracle.placements if each.cluster == "fra"]
    assert models == by_name([obj for workload in wanted for obj in objects(oracle, workload, HELM)])
    assert models == models_of_chart(tmp_path, "fra", helm_binary)
