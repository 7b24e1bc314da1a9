"""Another name or namespace of a stack takes away all that runs: it is refused until its author confirms it."""

from pathlib import Path
from typing import Any

import pytest

from gpuyard.doors import yamlio
from gpuyard.errors import InputError, Problem
from gpuyard.pipeline import compile
from gpuyard.project.load import Project, parse
from gpuyard.render.engines import flux
from gpuyard.review.placed import Claim, Placed, Running
from tests.projects import STACK, merged, resolved, sources
from tests.test_compile import git, run, save

DEMO = Running("demo", "inference", {"phx": {}})
TWO = [{"name": name, "shapes": {"a10": "BM.GPU.A10.4"}} for name in ("phx", "iad")]


def project(name: str = "demo", **spec: Any) -> Project:
    stack = merged(STACK, {"metadata": {"name": name}, "spec": spec})
    return parse({**sources({}), "stack.yaml": yamlio.dump(stack).encode()})


def problems(found: Project, running: Running) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        compile(found, running)
    return tuple(caught.value.problems)


def test_the_same_stack_and_a_place_that_does_not_say() -> None:
    for running in (DEMO, Running(), Running(placements={"phx": {}})):
        assert compile(project(), running).tree
    assert compile(project("acme", namespace="models"), Running(placements={"phx": {}})).tree


def test_another_name_is_refused_with_what_keeps_everything() -> None:
    found = problems(project("acme", clusters=TWO), DEMO)
    assert {str(problem.location) for problem in found} == {"stack.yaml:4:3"}
    first, danger, *steps = (problem.message for problem in found)
    assert first == (
        "metadata.name (1/6): the clusters have this stack with the name demo; set it back from acme, or do what "
        "follows and confirm it with `spec.moved: {name: demo}`"
    )
    assert "every model, KEDA and Prometheus, within seconds" in danger
    assert [step.partition(": `")[0] for step in steps] == [
        "metadata.name (3/6): before the push, in phx",
        "metadata.name (4/6): before the push, in iad",
        "metadata.name (5/6): after the push, in phx, in this order",
        "metadata.name (6/6): after the push, in iad, in this order",
    ]
    assert "`kubectl --context iad apply -f clusters/iad`" in steps[3]
    assert all("kubectl --context phx" not in steps[index] for index in (1, 3))
    assert all(" … " not in step for step in steps)


def test_another_namespace_is_refused_with_what_it_does() -> None:
    chat = Placed("a10", "inference", Claim("fss", "oci-fss", 50), secrets=("hf-token",))
    docs = Placed("a10", "inference", None)
    found = problems(project(namespace="models"), Running("demo", "inference", {"phx": {"chat": chat, "docs": docs}}))
    line = yamlio.dump(merged(STACK, {"spec": {"namespace": "models"}})).splitlines().index("  namespace: models") + 1
    assert {str(problem.location) for problem in found} == {f"stack.yaml:{line}:3"}
    first, what, before, after = (problem.message for problem in found)
    assert first.endswith("confirm it with `spec.moved: {namespace: inference}`")
    assert "its Secrets are not in models, and its volume claim stays in inference and is still billed" in what
    assert "`kubectl --context phx create namespace models`, and its Secrets (hf-token)" in before
    assert after.endswith("`kubectl --context phx --namespace inference delete pvc chat-cache`")


def test_both_and_every_other_problem_at_once() -> None:
    found = problems(project("acme", namespace="models", policy={"maxGpus": 1}), DEMO)
    texts = [problem.message.partition(" (")[0].partition(":")[0] for problem in found]
    assert {"metadata.name", "spec.namespace", "spec.clusters[0]"} == set(texts)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (project("acme", moved={"name": "demo"}), None),
        (project(namespace="models", moved={"namespace": "inference"}), None),
        (project("acme", namespace="models", moved={"name": "demo", "namespace": "inference"}), None),
        (project("acme", moved={"name": "other"}), "spec.moved.name: the clusters have this stack with the name demo"),
        (
            project("acme", moved={"namespace": "inference"}),
            "metadata.name (1/4): the clusters have this stack with the name",
        ),
        (
            project("acme", namespace="models", moved={"name": "demo"}),
            "spec.namespace (1/3): the clusters have this stack",
        ),
    ],
)
def test_the_author_confirms_what_the_lock_says(found: Project, message: str | None) -> None:
    if message is None:
        assert compile(found, DEMO).tree
    else:
        assert any(problem.message.startswith(message) for problem in problems(found, DEMO))


@pytest.mark.parametrize(
    ("found", "running", "said"),
    [
        (project("acme", moved={"name": "demo"}), DEMO, []),
        (project("acme", moved={"name": "demo"}), Running("acme", "inference"), ["name has no effect"]),
        (project(moved={"namespace": "old"}), DEMO, ["namespace has no effect"]),
        (project("acme", moved={"name": "demo"}), Running(), ["name has no effect"]),
        (project(), DEMO, []),
    ],
)
def test_what_has_no_effect_is_noted(found: Project, running: Running, said: list[str]) -> None:
    notes = [note for note in compile(found, running).resolved.notes if "spec.moved" in note]
    assert [note.removeprefix("spec.moved.").partition(":")[0] for note in notes] == said


def test_the_entry_is_never_pruned() -> None:
    """Whatever the repository says: with it, all that it has applied would go."""
    files = flux.cluster(resolved({}), "phx")
    protected = {
        (each["kind"], each["metadata"]["name"])
        for objects in files.values()
        for each in objects
        if each["metadata"].get("annotations") == {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    }
    assert protected == {("GitRepository", "demo"), ("Kustomization", "demo")}


def test_every_command_refuses_it_and_a_confirmed_one_is_compiled(tmp_path: Path) -> None:
    root = tmp_path / "gitops"
    assert run("init", root, "--name", "demo").exit_code == 0
    assert run("compile", root).exit_code == 0
    stack = root / "stack.yaml"
    text = stack.read_text(encoding="utf-8").replace("  name: demo\n", "  name: acme\n", 1)
    stack.write_text(text, encoding="utf-8")
    save(root, "another name")
    head = git(root, "rev-parse", "HEAD")
    for command, *options in (("check",), ("compile",), ("compile", "--check"), ("compile", "--overwrite")):
        result = run(command, root, *options)
        assert (result.exit_code, "the clusters have this stack with the name demo" in result.output) == (65, True)
    assert git(root, "rev-parse", "HEAD") == head
    stack.write_text(text.rstrip() + "\n  moved: {name: demo}\n", encoding="utf-8")
    save(root, "confirmed")
    assert "has no effect" not in run("compile", root).output
    assert not (root / "charts" / "demo").exists()
    assert run("compile", root).output.startswith("up to date")
    assert "spec.moved.name has no effect" in run("check", root).output
    stack.write_text(text, encoding="utf-8")
    save(root, "no longer needed")
    assert run("compile", root).output.startswith("up to date")


def test_a_branch_that_has_moved_is_refused_unless_it_still_says_so(tmp_path: Path) -> None:
    """Its own lock has the new name; the clusters have the base's until the merge."""
    root = tmp_path / "gitops"
    assert run("init", root, "--name", "demo").exit_code == 0
    assert run("compile", root).exit_code == 0
    git(root, "switch", "-qc", "branch")
    stack = root / "stack.yaml"
    text = stack.read_text(encoding="utf-8").replace("  name: demo\n", "  name: acme\n", 1)
    stack.write_text(text.rstrip() + "\n  moved: {name: demo}\n", encoding="utf-8")
    save(root, "confirmed")
    assert run("compile", root, "--branch", "branch").exit_code == 0
    for command in (("check",), ("compile", "--check")):
        result = run(*command, root, "--base", "main")
        assert (result.exit_code, "has no effect" in result.output) == (0, False), result.output
    stack.write_text(text, encoding="utf-8")
    save(root, "no longer said")
    for name, *more in (("compile", "--branch", "branch"), ("check",), ("compile", "--check")):
        for base in ((), ("--base", "main")):
            result = run(name, root, *more, *base)
            assert (result.exit_code, "the clusters have this stack with the name demo" in result.output) == (65, True)
