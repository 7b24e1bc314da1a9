"""What Flux reads, by what it means: what waits for what, for how long, what is deleted, and what counts as healthy."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.render import render
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree
from tests.projects import resolved

Spec = dict[str, Any]

MODELS = ("demo-inference-assistant", "demo-inference-chat", "demo-inference-docs")
WEIGHTS = tuple(f"{name}-weights" for name in MODELS)
LAYERS = ("demo-platform-crds", "demo-platform-controllers", "demo-platform-configs")


def rendered(stack: Spec) -> Tree:
    return render(resolved({}, stack), shipped_charts(), Embedded(shipped_charts()))


def found(tree: Tree, folder: str, kind: str) -> dict[str, Spec]:
    """The objects of a kind in the files of a folder, by their name."""
    texts = [text for path, text in tree.items() if path.parent == PurePosixPath(folder)]
    objects = [obj for text in texts for obj in yamlio.parse_manifests(text)]
    return {obj["metadata"]["name"]: obj for obj in objects if obj["kind"] == kind and "metadata" in obj}


def kustomizations(tree: Tree, cluster: str = "phx") -> dict[str, Spec]:
    """By name, what a cluster is told."""
    return {name: obj["spec"] for name, obj in found(tree, f"clusters/{cluster}", "Kustomization").items()}


def before(specs: Mapping[str, Spec], name: str) -> list[str]:
    """Everything that one waits for, directly or not; the nearest first."""
    names = [each["name"] for each in specs[name].get("dependsOn", [])]
    return [*names, *(other for each in names for other in before(specs, each))]


def folder(spec: Spec) -> str:
    return str(PurePosixPath(spec["path"]))


def seconds(duration: str) -> int:
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", duration)
    assert parts and duration
    hours, minutes, rest = (int(part or 0) for part in parts.groups())
    return 3600 * hours + 60 * minutes + rest


def test_the_entry_names_every_part(demo_tree: Tree) -> None:
    specs = kustomizations(demo_tree)
    assert sorted(specs) == sorted(["demo", *LAYERS, *MODELS, *WEIGHTS])
    for spec in specs.values():
        # The entry's own folder is applied as it is; every other has a file that says what is in it.
        assert folder(spec) == "clusters/phx" or PurePosixPath(folder(spec)) / "kustomization.yaml" in demo_tree


# --- order ---------------------------------------------------------------------------------------------------


def test_a_layer_waits_for_the_one_before(demo_tree: Tree) -> None:
    specs = kustomizations(demo_tree)
    assert [before(specs, name) for name in LAYERS] == [
        [],
        ["demo-platform-crds"],
        ["demo-platform-controllers", "demo-platform-crds"],
    ]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_waits_for_all_that_it_needs_and_for_no_other_model(name: str, demo_tree: Tree) -> None:
    specs = kustomizations(demo_tree)
    earlier = [folder(specs[each]) for each in before(specs, name)]
    own = f"{folder(specs[name])}/weights"
    assert set(earlier) == {own, "platform/configs", "platform/controllers", "platform/crds"}
    assert any("keda" in found(demo_tree, each, "HelmRelease") for each in earlier)
    assert any(specs[name]["targetNamespace"] in found(demo_tree, each, "Namespace") for each in earlier)


def test_what_is_defined_comes_after_its_definition(demo_tree: Tree) -> None:
    """PodMonitors of platform/configs, and those of the models, need the definitions of the first layer."""
    specs = kustomizations(demo_tree)
    crds = "prometheus-operator-crds"
    definitions = {name for name in LAYERS if crds in found(demo_tree, folder(specs[name]), "HelmRelease")}
    users = [name for name in LAYERS if found(demo_tree, folder(specs[name]), "PodMonitor")]
    assert definitions == {"demo-platform-crds"}
    assert users
    assert all(definitions <= set(before(specs, name)) for name in (*users, *MODELS))


@pytest.mark.parametrize("name", MODELS)
def test_the_weights_are_in_the_cache_before_a_server_changes(name: str, demo_tree: Tree) -> None:
    """Flux applies what depends on another only at the same commit, and waits for Jobs until they are complete."""
    specs = kustomizations(demo_tree)
    weights = specs[f"{name}-weights"]
    assert weights["wait"] is True
    assert weights["sourceRef"] == specs[name]["sourceRef"]
    assert weights["targetNamespace"] == specs[name]["targetNamespace"]
    assert found(demo_tree, f"base/{name.removeprefix('demo-inference-')}/weights", "Job")


def test_nothing_comes_first_where_nothing_is_downloaded() -> None:
    whole = resolved({"storage": {"download": False}})
    tree = render(whole, shipped_charts(), Embedded(shipped_charts()))
    assert "demo-inference-chat-weights" not in kustomizations(tree)
    assert before(kustomizations(tree), "demo-inference-chat") == list(reversed(LAYERS))
    assert not [path for path in tree if "weights" in path.parts]


# --- deleting ------------------------------------------------------------------------------------------------


def test_what_leaves_is_deleted_but_for_definitions(demo_tree: Tree) -> None:
    """With a definition every object of its kind would go."""
    assert {name for name, spec in kustomizations(demo_tree).items() if not spec["prune"]} == {"demo-platform-crds"}


def test_a_release_takes_nothing_that_is_anothers(demo_tree: Tree) -> None:
    releases: dict[str, Spec] = {}
    for layer in ("crds", "controllers", "configs"):
        releases |= found(demo_tree, f"platform/{layer}", "HelmRelease")
    assert {"keda", "kube-prometheus-stack", "prometheus-operator-crds"} <= releases.keys()
    for release in releases.values():
        spec = release["spec"]
        for action in (spec["install"], spec["upgrade"]):
            assert action["disableTakeOwnership"] is True
            # One that is taken away when it fails takes what it had with it.
            assert action["strategy"]["name"] == "RetryOnFailure"
            assert seconds(action["strategy"]["retryInterval"]) <= 60


# --- time ----------------------------------------------------------------------------------------------------


def rollout(values: Mapping[str, Any]) -> int:
    """Seconds of a rollout by what the chart is told: each old replica ends and each new one starts, one by one."""
    start, schedule = values["budget"]["startSeconds"], values["budget"]["scheduleSeconds"]
    return int(schedule + values["autoscaling"]["maxReplicas"] * (sum(values["drain"].values()) + start) + 60)


def test_a_download_may_take_its_time_and_a_model_every_replica_s_start(demo: Resolved, demo_tree: Tree) -> None:
    specs = kustomizations(demo_tree)
    assert {placement.workload.max_replicas for placement in demo.placements} == {2, 4}
    for workload in (placement.workload for placement in demo.placements):
        download = workload.values["download"]["timeoutSeconds"]
        schedule = workload.values["budget"]["scheduleSeconds"]
        assert download >= 1800
        assert seconds(specs[f"demo-inference-{workload.name}"]["timeout"]) == rollout(workload.values)
        assert seconds(specs[f"demo-inference-{workload.name}-weights"]["timeout"]) == schedule + download + 60


def test_a_layer_may_take_as_long_as_its_releases(demo_tree: Tree) -> None:
    specs = kustomizations(demo_tree)
    for name in LAYERS:
        releases = found(demo_tree, folder(specs[name]), "HelmRelease").values()
        longest = max((seconds(obj["spec"]["timeout"]) for obj in releases), default=300)
        assert seconds(specs[name]["timeout"]) >= longest >= 300, "images have to be pulled"


def test_what_failed_is_tried_again_soon(demo_tree: Tree) -> None:
    """Long before the interval at which everything is looked at."""
    for spec in kustomizations(demo_tree).values():
        assert 30 <= seconds(spec["retryInterval"]) <= 60 < seconds(spec["interval"]) <= 3600


# --- health --------------------------------------------------------------------------------------------------


def test_a_model_is_ready_when_its_objects_are(demo_tree: Tree) -> None:
    for name in MODELS:
        spec = kustomizations(demo_tree)[name]
        assert spec["wait"] is True
        assert [(each["apiVersion"], each["kind"]) for each in spec["healthCheckExprs"]] == [
            ("keda.sh/v1alpha1", "ScaledObject")
        ]
    assert "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject" in demo_tree[PurePosixPath("base/chat/scaledobject.yaml")]


def test_a_fixed_number_of_replicas_asks_nothing_of_keda() -> None:
    whole = resolved({"scaling": {"min": 2, "max": 2}})
    tree = render(whole, shipped_charts(), Embedded(shipped_charts()))
    assert "healthCheckExprs" not in kustomizations(tree)["demo-inference-chat"]
    assert PurePosixPath("base/chat/scaledobject.yaml") not in tree


def test_a_layer_is_ready_when_its_releases_are(demo_tree: Tree) -> None:
    specs = kustomizations(demo_tree)
    for name in LAYERS:
        checks = {(each["kind"], each["name"]) for each in specs[name].get("healthChecks", [])}
        releases = {("HelmRelease", each) for each in found(demo_tree, folder(specs[name]), "HelmRelease")}
        assert specs[name].get("wait") is True or (checks and releases <= checks), name
        # With both, Flux passes over the checks.
        assert not (checks and specs[name].get("wait"))
    keda = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "name": "v1beta1.external.metrics.k8s.io"}
    assert keda in specs["demo-platform-controllers"]["healthChecks"]


def test_the_entry_waits_for_nothing(demo_tree: Tree) -> None:
    """One broken model would stop every other change."""
    assert not {"wait", "healthChecks", "dependsOn"} & kustomizations(demo_tree)["demo"].keys()


def says(expression: str, status: Spec) -> bool:
    """What the part of CEL that we write says of a status."""
    python = re.sub(r"\.exists\(c, (.*?)\)", r"(lambda c: \1)", expression)
    python = python.replace("has(status.conditions)", "has").replace("status.conditions(", "some(")
    python = python.replace("&&", " and ").replace("||", " or ")
    python = re.sub(r"!(?!=)", " not ", python)
    python = re.sub(r"\bc\.(type|status)\b", r'c["\1"]', python)
    conditions = status.get("conditions")
    names = {"has": conditions is not None, "some": lambda test: any(map(test, conditions or ()))}
    return bool(eval(python, {"__builtins__": {}}, names))  # noqa: S307 - our own few expressions


def condition(kind: str, status: str) -> Spec:
    return {"type": kind, "status": status}


OTHER = condition("Active", "True")


@pytest.mark.parametrize(
    ("kind", "conditions", "expected"),
    [
        ("ScaledObject", None, "inProgress"),
        ("ScaledObject", [], "inProgress"),
        ("ScaledObject", [OTHER], "inProgress"),
        ("ScaledObject", [OTHER, condition("Ready", "Unknown")], "inProgress"),
        ("ScaledObject", [OTHER, condition("Ready", "True")], "current"),
        ("ScaledObject", [OTHER, condition("Ready", "False")], "failed"),
        ("APIService", None, "inProgress"),
        ("APIService", [], ""),
        ("APIService", [OTHER], ""),
        ("APIService", [condition("Available", "Unknown")], "inProgress"),
        ("APIService", [condition("Available", "False")], "inProgress"),
        ("APIService", [condition("Available", "True")], "current"),
    ],
)
def test_what_counts_as_healthy(kind: str, conditions: list[Spec] | None, expected: str, demo_tree: Tree) -> None:
    """What has no status isn't healthy: its operator isn't there. No two of the expressions are true."""
    name = {"ScaledObject": "demo-inference-chat", "APIService": "demo-platform-controllers"}[kind]
    (rule,) = (each for each in kustomizations(demo_tree)[name]["healthCheckExprs"] if each["kind"] == kind)
    status = {} if conditions is None else {"conditions": conditions}
    words = ("current", "failed", "inProgress")
    assert [word for word in words if word in rule and says(rule[word], status)] == ([expected] if expected else [])


# --- where from, and where to --------------------------------------------------------------------------------

SSH = {"url": "ssh://git@git.example.com/demo/gitops", "branch": "prod", "secret": "deploy-key"}


@pytest.mark.parametrize("repository", [{"url": "https://git.example.com/demo/gitops"}, SSH])
def test_everything_comes_from_the_stack_s_branch(repository: dict[str, str]) -> None:
    tree = rendered({"repository": repository, "namespace": "models"})
    ((name, source),) = found(tree, "clusters/phx", "GitRepository").items()
    assert source["spec"]["url"] == repository["url"]
    assert source["spec"]["ref"] == {"branch": repository.get("branch", "main")}
    assert source["spec"].get("secretRef") == ({"name": repository["secret"]} if "secret" in repository else None)
    specs = kustomizations(tree)
    assert all(spec["sourceRef"] == {"kind": "GitRepository", "name": name} for spec in specs.values())
    assert specs["demo-inference-chat"]["targetNamespace"] == "models"


def test_a_cluster_is_told_of_its_own_models() -> None:
    clusters = [
        {"name": "phx", "shapes": {"a10": "VM.GPU.A10.2"}, "blueprints": {"chat": "a10"}},
        {"name": "iad", "shapes": {"h100": "BM.GPU.H100.8"}, "blueprints": {"chat": "h100"}},
        {"name": "fra", "shapes": {"h100": "BM.GPU.H100.8"}, "blueprints": {}},
    ]
    tree = rendered({"clusters": clusters})
    paths = {
        name: [folder(spec) for each, spec in kustomizations(tree, name).items() if each not in ("demo", *LAYERS)]
        for name in ("phx", "iad", "fra")
    }
    assert paths == {
        "phx": ["overlays/a10/chat/weights", "overlays/a10/chat"],
        "iad": ["overlays/h100/chat/weights", "overlays/h100/chat"],
        "fra": [],
    }
