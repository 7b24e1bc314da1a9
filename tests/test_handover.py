"""Another engine for clusters that run: refused until its author knows, told as a consequence, with all commands."""

import json
import re
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from gpuyard.commit.lock import LOCK
from gpuyard.commit.lockfile import read_locks
from gpuyard.doors import yamlio
from gpuyard.errors import InputError, Problem
from gpuyard.pipeline import compare, compile
from gpuyard.project.load import parse
from gpuyard.render.engines.argomoves import bare
from gpuyard.review.placed import Effect, Placed, Running
from tests.differing import FRA, PHX
from tests.projects import resolved, sources
from tests.test_compile import git, run, save

HERE = {"phx": {"chat": Placed("a10", "inference", None)}}
FLUX = Running("demo", "inference", HERE, "flux")
ARGOCD = Running("demo", "inference", HERE, "argocd")
TO_ARGOCD = {"engine": "argocd", "moved": {"engine": "flux"}}
TO_FLUX = {"engine": "flux", "moved": {"engine": "argocd"}}


def problems(stack: dict[str, Any], running: Running) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        compile(parse(sources({}, stack)), running)
    return tuple(caught.value.problems)


@pytest.mark.parametrize(
    ("stack", "running", "stopped"),
    [
        ({"engine": "argocd"}, FLUX, 'patch kustomization demo --type merge -p \'{"spec":{"suspend":true}}\''),
        ({"engine": "flux"}, ARGOCD, "get applications -l app.kubernetes.io/part-of=demo -o name | xargs"),
    ],
)
def test_refused_with_what_has_to_come_before_the_push(stack: dict[str, Any], running: Running, stopped: str) -> None:
    found = problems(stack, running)
    line = yamlio.dump(yamlio.load_data(sources({}, stack)["stack.yaml"].decode())).splitlines()
    assert all(line[each.location.line - 1].strip() == f"engine: {stack['engine']}" for each in found)
    first, danger, before, after = (each.message for each in found)
    assert first.endswith(f"confirm it with `spec.moved: {{engine: {running.engine}}}`")
    assert "every model" in danger
    assert before.startswith("spec.engine (3/4): before the push, in phx: `kubectl --context phx ")
    assert stopped in before
    assert "“Hand-over” in README.md" in after


@pytest.mark.parametrize(("stack", "running"), [(TO_ARGOCD, FLUX), (TO_FLUX, ARGOCD), ({}, FLUX), ({}, Running())])
def test_confirmed_or_the_same(stack: dict[str, Any], running: Running) -> None:
    assert compile(parse(sources({}, stack)), running).tree


def test_another_engine_confirmed_than_the_clusters_have() -> None:
    found = problems({"engine": "argocd", "moved": {"engine": "argocd"}}, FLUX)
    assert any(
        "spec.moved.engine: the clusters have this stack with the engine flux, not argocd" in str(each)
        for each in found
    )


@pytest.mark.parametrize(
    ("before", "effect"),
    [
        (HERE, Effect.HANDED_OVER),
        ({"phx": {}}, Effect.REFUSED),
        ({"phx": {"chat": Placed("h100", "inference", None)}}, Effect.REFUSED),
        ({"phx": {"chat": Placed("a10", "models", None)}}, Effect.REFUSED),
        ({"phx": {**HERE["phx"], "docs": Placed("a10", "inference", None)}}, Effect.REFUSED),
        ({**HERE, "fra": {}}, Effect.REFUSED),
    ],
)
def test_only_what_stays_where_it_is_is_handed_over(before: Any, effect: Effect) -> None:
    compiled = compile(parse(sources({}, {**TO_ARGOCD, "clusters": [PHX]})))
    found, refused = compare(compiled, Running("demo", "inference", before, "flux"))
    told = [each for each in found if each.effect in (Effect.HANDED_OVER, Effect.REFUSED)]
    assert told[-1].effect is effect or effect in {each.effect for each in told}
    assert bool(refused) == (effect is Effect.REFUSED)
    for each in refused:
        assert "set engine back to flux, compile and push that first" in each.message
        assert each.location.line
    assert not compare(compiled, Running("demo", "inference", before, "argocd"))[1], "the same engine may move models"


# --- the README ------------------------------------------------------------------------------------------------


def section(stack: dict[str, Any]) -> str:
    text = compile(parse(sources({}, stack))).tree[PurePosixPath("README.md")]
    return text.partition("## Hand-over")[2].partition("\n## ")[0]


def commands(text: str) -> list[str]:
    return [line for block in text.split("```")[1::2] for line in block.strip().splitlines()]


def test_the_readme_has_no_hand_over_without_one() -> None:
    assert section({}) == section({"engine": "argocd"}) == section({"moved": {"engine": "flux"}}) == ""


def test_the_order_of_a_hand_over_to_argo_cd() -> None:
    text = section(TO_ARGOCD)
    assert text.startswith(" from Flux to Argo CD\n")
    told = commands(text)
    order = [
        "patch gitrepository demo",
        "patch kustomization demo",
        'merge -p \'{"spec":{"suspend":true}}\' kustomization',
        "patch helmrelease kube-prometheus-stack",
        "wait application/demo --timeout=10m --for=create",
        "wait application/demo --timeout=10m --for=jsonpath='{.status.operationState.phase}'=Succeeded",
        '"initiatedBy":{"username":"gpuyard-handover"}',
        "grep -v =gpuyard-handover); do",
        "='{.status.operationState.phase}'=Succeeded",
        "--field-manager kustomize-controller -f -",
        "--field-manager helm-controller -f -",
        "delete helmrelease keda",
        "delete kustomization",
        "delete gitrepository,ocirepository demo",
    ]
    found = [max(index for index, line in enumerate(told) if part in line) for part in order]
    assert found == sorted(found), told
    assert "delete" not in "".join(told[: found[10]]), "nothing goes while it still owns something"


def test_a_sync_of_the_hand_over_is_tried_again_like_any_other() -> None:
    (line,) = (line for line in commands(section(TO_ARGOCD)) if '"initiatedBy"' in line)
    operation = json.loads(line.partition("--type merge -p '")[2].partition("'")[0])["operation"]
    tree = compile(parse(sources({}, TO_ARGOCD))).tree
    objects = [
        each for path, text in tree.items() if path.parts[0] == "clusters" for each in yamlio.parse_manifests(text)
    ]
    applications = [each for each in objects if each["kind"] == "Application"]
    assert {json.dumps(each["spec"]["syncPolicy"]["retry"]) for each in applications} == {
        json.dumps(operation["retry"])
    }
    assert operation["retry"]["limit"] == -1


def test_the_way_back_gives_each_chart_the_marks_of_its_release() -> None:
    told = commands(section(TO_FLUX))
    assert "--field-manager argocd-controller" in "".join(told)
    marks = [line for line in told if "annotate" in line and "meta.helm.sh" in line]
    assert [re.findall(r"release-n\w+=(\S+)", line) for line in marks] == [
        ["prometheus-operator-crds", "monitoring"],
        ["keda", "keda"],
        ["kube-prometheus-stack", "monitoring"],
    ]
    assert all("get application demo-platform-" in line for line in marks)
    push = told.index(next(line for line in told if "annotate --overwrite gitrepository/demo" in line))
    assert max(map(told.index, marks)) < push


def test_a_cluster_without_a_component_hands_none_of_it_over() -> None:
    without = {"platform": {"keda": {"enabled": False}}}
    for engines in (TO_ARGOCD, TO_FLUX):
        told = commands(section({**engines, "clusters": [PHX, {**FRA, **without}]}))
        assert [line for line in told if "--context phx" in line and "keda" in line]
        assert not [line for line in told if "--context fra" in line and "keda" in line]


def test_a_hub_hands_over_each_cluster_s_own_objects_there() -> None:
    told = commands(section({**TO_ARGOCD, "argocd": {"hub": "ops"}, "clusters": [PHX, FRA]}))
    assert [line for line in told if "--for=create" in line] == [
        f"kubectl --context ops --namespace argocd wait application/demo-{each} --timeout=10m --for=create"
        for each in ("phx", "fra")
    ]
    let_go = [line for line in told if "--field-manager kustomize-controller" in line]
    assert [re.findall(r"--context (\w+)", line) for line in let_go] == [["ops", "phx"], ["ops", "fra"]]
    assert ["gpuyard.dev/cluster=fra" in line for line in let_go] == [False, True]


def test_what_is_printed_bare_are_objects_without_fields(tmp_path: Path, kubectl: Path) -> None:
    """By kubectl itself, over an Application as Argo CD reports it: what is in step, and no other Application."""
    stack = resolved({}, {"engine": "argocd"}).stack
    template = re.search(r"-o go-template='(.*)'$", bare(stack, "phx"))
    assert template
    resources = [
        {"kind": "Service", "version": "v1", "namespace": "inference", "name": "chat", "status": "Synced"},
        {
            "group": "apps",
            "kind": "Deployment",
            "version": "v1",
            "namespace": "inference",
            "name": "chat",
            "status": "Synced",
        },
        {"kind": "Namespace", "version": "v1", "name": "inference", "status": "Synced"},
        {"kind": "ConfigMap", "version": "v1", "namespace": "inference", "name": "theirs", "status": "OutOfSync"},
        {"group": "argoproj.io", "kind": "Application", "version": "v1alpha1", "name": "demo-x", "status": "Synced"},
    ]
    file = tmp_path / "list.json"
    app = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "status": {"resources": resources}}
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [app]}), encoding="utf-8")
    # Without a server, kubectl prints each object of a list by itself.
    text = template[1].removeprefix("{{range .items}}").removesuffix("{{end}}")
    argv = [kubectl, "annotate", "--local", "-f", file, "a=b", "-o", f"go-template={text}"]
    done = subprocess.run([str(each) for each in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert yamlio.parse_manifests(done.stdout) == [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "chat", "namespace": "inference"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "chat", "namespace": "inference"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "inference"}},
    ]


# --- whole ------------------------------------------------------------------------------------------------------


def test_a_lock_of_before_means_flux() -> None:
    for text, engine in (
        ('{"format": 3, "stack": "demo", "namespace": "inference", "clusters": ["phx"], "files": {}}', "flux"),
        ('{"format": 3, "stack": "", "namespace": "", "clusters": [], "files": {}}', ""),
        ('{"format": 2, "placements": {"phx": {}}, "files": {}, "input": "", "listing": ""}', "flux"),
        (
            '{"format": 3, "stack": "d", "namespace": "i", "engine": "argocd", "clusters": ["phx"], "files": {}}',
            "argocd",
        ),
    ):
        assert read_locks({LOCK: text}).running.engine == engine


def test_from_one_engine_to_the_other_in_a_repository(tmp_path: Path) -> None:
    root = tmp_path / "gitops"
    assert run("init", root, "--name", "demo").exit_code == 0
    assert run("compile", root).exit_code == 0
    file, head = root / "stack.yaml", git(root, "rev-parse", "HEAD")
    text = file.read_text("utf-8").replace("engine: flux", "engine: argocd")
    file.write_text(text, "utf-8")
    save(root, "another engine")
    head = git(root, "rev-parse", "HEAD")
    for command in (("check",), ("compile",), ("compile", "--overwrite")):
        assert run(command[0], root, *command[1:]).exit_code == 65
    assert git(root, "rev-parse", "HEAD") == head
    file.write_text(text.rstrip() + "\n  moved: {engine: flux}\n", "utf-8")
    save(root, "confirmed")
    said = " ".join(run("compile", root).output.split())
    assert "phx is handed over from flux to argocd: README.md has the commands" in said
    assert (root / "clusters/phx/entry.yaml").exists()
    assert not (root / "clusters/phx/sync.yaml").exists()
    assert run("compile", root).output.startswith("up to date"), "the README keeps its commands until moved is deleted"
    assert "## Hand-over" in (root / "README.md").read_text("utf-8")
    file.write_text(text, "utf-8")
    save(root, "done")
    assert run("compile", root).exit_code == 0
    assert "## Hand-over" not in (root / "README.md").read_text("utf-8")


@pytest.mark.parametrize("first", ["hub", "own"])
def test_a_hub_that_comes_or_goes(first: str, tmp_path: Path) -> None:
    """Applications are called otherwise then, and those of before would take along all that they made."""
    root = tmp_path / "gitops"
    assert run("init", root, "--name", "demo", "--engine", "argocd").exit_code == 0
    file = root / "stack.yaml"
    own = file.read_text("utf-8")
    hub = own.rstrip() + "\n  argocd: {hub: ops}\n"
    before, after = (hub, own) if first == "hub" else (own, hub)
    file.write_text(before, "utf-8")
    if before != own:
        save(root, "first")
    assert run("compile", root).exit_code == 0
    file.write_text(after, "utf-8")
    save(root, "another")
    result = run("compile", root)
    left = "clusters/fleet.yaml" if first == "hub" else "clusters/phx/entry.yaml"
    said = " ".join(result.output.split())
    assert result.exit_code == 65
    assert f"the clusters are synced by {left}, whose Applications would delete all" in said
    git(root, "rm", "-q", left)
    git(root, "commit", "-qm", "let go")
    assert run("compile", root).exit_code == 0
