"""An engine is a module, its line in ENGINES and its member of stack.Engine; a toy shows that nothing else knows it.

What Flux's own module writes is checked by meaning here: order, pruning, time and health.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from types import SimpleNamespace
from typing import Any

import pytest

from gpuyard.catalogue.health import Health
from gpuyard.catalogue.platform import Release
from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.project import formats
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import render
from gpuyard.render.engines import ENGINES, flux
from gpuyard.resolve import Resolved
from gpuyard.resolve.workload import KeyUse
from gpuyard.tree import Tree
from tests.projects import problems, resolved

Object = dict[str, Any]

SPEC = {"model": {"credentials": {"secret": "hf-token", "key": "token"}}}
PRIVATE = {"repository": {"url": "ssh://git@git.example.com/demo", "secret": "git"}}


def tree(stack: Mapping[str, Any]) -> Tree:
    return render(resolved(SPEC, stack), shipped_charts(), Embedded(shipped_charts()))


# --- a second engine -----------------------------------------------------------------------------------------


def release(release: Release) -> list[Object]:
    return [{"kind": "ToyChart", "name": release.chart, "namespace": release.namespace, "version": release.version}]


def cluster(
    resolved: Resolved, cluster: str, _folders: Mapping[PurePosixPath, PurePosixPath]
) -> Mapping[str, list[Object]]:
    names = [each.workload.name for each in resolved.placements if each.cluster == cluster]
    return {"toys.yaml": [{"kind": "ToySync", "name": resolved.stack.name, "models": names}]}


def needs(stack: Stack, releases: Iterable[Release]) -> Iterator[str]:
    yield "Toy 1 or newer"


def secrets(stack: Stack, releases: Iterable[Release]) -> Iterator[tuple[str, KeyUse]]:
    assert [release.chart for release in releases]
    for key in ("toy-url", "toy-key"):
        yield "toy-system", KeyUse(str(stack.repository.secret), key, "reading this repository")


def commands(stack: Stack, cluster: str) -> Iterator[str]:
    yield f"--namespace toy-system label secret {stack.repository.secret} toy=repository"
    yield f"create -f clusters/{cluster}/toys.yaml"


def beside(stack: Stack, name: str, ours: Iterable[str], theirs: Mapping[str, str]) -> Iterator[str]:
    yield from ()


def fleet(resolved: Resolved) -> Mapping[str, list[Object]]:
    return {}


def context(stack: Stack, cluster: str) -> str:
    return cluster


def pace() -> str:
    return "one by one"


def own_files() -> str:
    return "Toy reads all files."


def way_in(stack: Stack) -> str:
    return f"Toys play {stack.name}."


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All that a second engine takes: the functions above, a member, a line."""
    member = str.__new__(Engine, "toy")
    for name, value in (
        ("_name_", "TOY"),
        ("_value_", "toy"),
        ("product", "Toy"),
        ("namespace", "toy-system"),
    ):
        setattr(member, name, value)
    monkeypatch.setitem(Engine._member_map_, "TOY", member)
    monkeypatch.setitem(Engine._value2member_map_, "toy", member)
    monkeypatch.setattr(Engine, "_member_names_", [*Engine._member_names_, "TOY"])
    functions = (release, cluster, fleet, needs, secrets, context, pace, commands, beside, own_files, way_in)
    module = SimpleNamespace(**{each.__name__: each for each in functions})
    monkeypatch.setitem(ENGINES, member, module)
    formats.schema.cache_clear()
    yield
    formats.schema.cache_clear()


def test_another_engine_changes_its_own_files_and_no_other(toy: None) -> None:
    ours, theirs = tree({**PRIVATE, "engine": "flux"}), tree({**PRIVATE, "engine": "toy"})
    differ = {str(path) for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)}
    charts = {release.chart: release for release in resolved(SPEC).releases}
    assert differ == {
        *(f"clusters/phx/{name}.yaml" for name in ("sync", "platform", "inference-chat", "toys")),
        *(f"platform/{each.layer}/{name}.yaml" for name, each in charts.items()),
        "README.md",
    }
    assert {path.name for path in theirs if path.parts[0] == "clusters"} == {"toys.yaml"}
    assert yamlio.load_data(theirs[PurePosixPath("clusters/phx/toys.yaml")]) == {
        "kind": "ToySync",
        "name": "demo",
        "models": ["chat"],
    }
    text = "\n".join(text for path, text in theirs.items() if path.parts[0] in ("clusters", "platform"))
    assert "kind: ToyChart" in text
    assert "toolkit.fluxcd.io/v" not in text


def test_the_readme_is_about_the_stack_s_engine(toy: None) -> None:
    text = tree({**PRIVATE, "engine": "toy"})[PurePosixPath("README.md")]
    assert "Flux" not in text
    assert "flux-system" not in text
    for words in (
        "- Toy 1 or newer\n",
        "Toy takes over\nnamespaces that exist.",
        "Toys play demo.\n",
        "Toy then installs, one by one, ",
        "| toy-system | Secret | git | toy-url, toy-key | reading this repository | `kubectl ",
        "kubectl --context phx --namespace toy-system create secret generic git "
        "--from-file=toy-url=FILE --from-file=toy-key=FILE\n",
    ):
        assert words in text
    commands = text.partition("### Commands")[2].partition("```\n")[2].partition("```")[0].splitlines()
    assert commands[-2:] == [
        "kubectl --context phx --namespace toy-system label secret git toy=repository",
        "kubectl --context phx create -f clusters/phx/toys.yaml",
    ]


def test_stack_yaml_may_name_it(toy: None) -> None:
    assert formats.schema("stack")["properties"]["spec"]["properties"]["engine"]["enum"] == ["flux", "argocd", "toy"]
    assert problems({}, {"engine": "toi"}) == [
        'spec.engine is "toi"; must be one of flux, argocd, toy (did you mean toy?)'
    ]
    assert problems({}, {"namespace": "toy-system"})[0].startswith("spec.namespace: toy-system belongs to Toy, ")


def test_without_it_there_are_two() -> None:
    assert problems({}, {"engine": "toy"}) == ['spec.engine is "toy"; must be one of flux, argocd']
    assert list(ENGINES) == list(Engine)


# --- Flux ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kustomizations() -> Mapping[str, Object]:
    files = flux.cluster(resolved(SPEC), "phx")
    assert set(files) == {"sync.yaml", "platform.yaml", "inference-chat.yaml"}
    return {
        each["metadata"]["name"]: each["spec"]
        for objects in files.values()
        for each in objects
        if each["kind"] == "Kustomization"
    }


def test_a_layer_waits_for_the_one_before_and_models_for_all(kustomizations: Mapping[str, Object]) -> None:
    after = {name: [each["name"] for each in spec.get("dependsOn", [])] for name, spec in kustomizations.items()}
    assert after == {
        "demo": [],
        "demo-platform-crds": [],
        "demo-platform-controllers": ["demo-platform-crds"],
        "demo-platform-configs": ["demo-platform-controllers"],
        "demo-inference-chat-weights": ["demo-platform-configs"],
        "demo-inference-chat": ["demo-platform-configs", "demo-inference-chat-weights"],
    }


def test_definitions_are_never_pruned(kustomizations: Mapping[str, Object]) -> None:
    assert {name for name, spec in kustomizations.items() if not spec["prune"]} == {"demo-platform-crds"}


def test_a_layer_is_ready_when_its_objects_are(kustomizations: Mapping[str, Object]) -> None:
    """Either all that a folder has is waited for, or what is named; the entry would wait for its own models."""
    waits = {name: "all" if spec.get("wait") else "named" for name, spec in kustomizations.items()}
    assert waits == {
        "demo": "named",
        "demo-platform-crds": "all",
        "demo-platform-controllers": "named",
        "demo-platform-configs": "all",
        "demo-inference-chat-weights": "all",
        "demo-inference-chat": "all",
    }
    checks = kustomizations["demo-platform-controllers"]["healthChecks"]
    assert [(each["kind"], each["name"]) for each in checks] == [
        ("HelmRelease", "keda"),
        ("HelmRelease", "kube-prometheus-stack"),
        ("APIService", "v1beta1.external.metrics.k8s.io"),
    ]
    assert "healthChecks" not in kustomizations["demo"]


def test_a_model_is_waited_for_as_long_as_its_start_may_take(kustomizations: Mapping[str, Object]) -> None:
    """With one second less Flux would call a rollout failed that may still end well."""
    (placement,) = resolved(SPEC).placements
    assert kustomizations["demo-inference-chat"]["timeout"] == f"{placement.workload.sync_timeout}s"
    assert kustomizations["demo-inference-chat"]["path"] == f"./overlays/{placement.workload.shape.name}/chat"
    assert kustomizations["demo-inference-chat"]["targetNamespace"] == "inference"


CEL = re.compile(
    r"(!?)has\(status\.conditions\) (&&|\|\|) (!?)status\.conditions\.exists\(c, "
    r"c\.type == '(\w+)' && c\.status (==|!=) '(\w+)'\)"
)


def holds(expression: str, conditions: Sequence[tuple[str, str]] | None) -> bool:
    """Whether CEL of our one form is true of an object; None: it has no conditions at all."""
    parsed = CEL.fullmatch(expression)
    assert parsed, expression
    absent, operator, none, condition, equal, status = parsed.groups()
    left = (conditions is not None) != bool(absent)
    if left == (operator == "||"):  # the right side isn't looked at, as it may not exist
        return left
    found = any(kind == condition and (given == status) == (equal == "==") for kind, given in conditions or ())
    return found != bool(none)


def state(expressions: Mapping[str, str], conditions: Sequence[tuple[str, str]] | None) -> str:
    """What Flux makes of an object, in the order in which it asks."""
    order = ("inProgress", "failed", "current")
    return next((each for each in order if each in expressions and holds(expressions[each], conditions)), "none")


@pytest.mark.parametrize(
    ("conditions", "scaled", "served"),
    [
        (None, "inProgress", "inProgress"),  # nobody has looked at it: its operator may not be there
        ([("Other", "True")], "inProgress", "none"),
        ([("{}", "Unknown")], "inProgress", "inProgress"),
        ([("{}", "True")], "current", "current"),
        ([("{}", "False")], "failed", "inProgress"),
        ([("Other", "False"), ("{}", "True"), ("More", "Unknown")], "current", "current"),
    ],
)
def test_health_is_a_condition(
    kustomizations: Mapping[str, Object], conditions: list[tuple[str, str]] | None, scaled: str, served: str
) -> None:
    """A ScaledObject that isn't Ready has failed; an API that isn't Available yet comes with KEDA's pods."""
    for name, condition, kind, expected in (
        ("demo-inference-chat", "Ready", ("keda.sh/v1alpha1", "ScaledObject"), scaled),
        ("demo-platform-controllers", "Available", ("apiregistration.k8s.io/v1", "APIService"), served),
    ):
        (expressions,) = kustomizations[name]["healthCheckExprs"]
        assert (expressions["apiVersion"], expressions["kind"]) == kind
        real = conditions and [(each.format(condition), status) for each, status in conditions]
        assert state(expressions, real) == expected, name


def test_no_kind_is_judged_that_is_not_asked_for() -> None:
    found = resolved(SPEC)
    without = replace(found, releases=tuple(replace(each, health=()) for each in found.releases))
    layers = {each["metadata"]["name"]: each["spec"] for each in flux.cluster(without, "phx")["platform.yaml"]}
    assert not any("healthCheckExprs" in spec or "healthChecks" in spec for spec in layers.values())
    toys = Health("example.com/v1", "Toy", "Up", "True", name="main", namespace="toys")
    with_toys = replace(found, releases=tuple(replace(each, health=(toys,)) for each in found.releases))
    for spec in (each["spec"] for each in flux.cluster(with_toys, "phx")["platform.yaml"]):
        assert [each["kind"] for each in spec.get("healthCheckExprs", [])] in ([], ["Toy"])


@pytest.mark.parametrize(
    ("url", "keys"),
    [("ssh://git@host/x", ("identity", "known_hosts")), ("https://host/x", ("username", "password"))],
)
def test_the_keys_of_the_repository_s_secret(url: str, keys: tuple[str, ...]) -> None:
    found = flux.secrets(resolved(SPEC, {"repository": {"url": url, "secret": "git"}}).stack, ())
    assert list(found) == [("flux-system", KeyUse("git", key, "reading this repository")) for key in keys]
