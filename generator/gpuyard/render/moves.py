"""Another name, namespace or engine of a stack: a new stack for its engine, which takes the place of all that runs."""

from collections.abc import Iterator
from dataclasses import replace

from gpuyard.errors import Problem
from gpuyard.project.load import Project
from gpuyard.project.stack import Engine
from gpuyard.render.engines import ENGINES
from gpuyard.review.placed import Running

__all__ = ["with_refusals"]

_NAME = ("metadata", "name")
_NAMESPACE = ("spec", "namespace")
_ENGINE = ("spec", "engine")


def with_refusals(project: Project, running: Running) -> Project:
    """The project with a problem for each rename that its author hasn't confirmed, and with what to do first."""
    stack = project.stack
    found = [*project.problems]
    if running.stack not in ("", stack.name):
        found += _refusal(project, _NAME, running.stack, stack.name, _name_steps(project, running.stack))
    if running.namespace not in ("", stack.namespace):
        steps = _namespace_steps(running, stack.namespace)
        found += _refusal(project, _NAMESPACE, running.namespace, stack.namespace, steps)
    if running.engine not in ("", stack.engine.value):
        found += _refusal(
            project, _ENGINE, running.engine, stack.engine.value, _engine_steps(project, Engine(running.engine))
        )
    return replace(project, problems=tuple(found))


def _refusal(project: Project, path: tuple[str, str], was: str, now: str, steps: Iterator[str]) -> Iterator[Problem]:
    """One problem for each step: a single one would be cut where it is long."""
    key, file, moved = path[-1], project.stack.file, project.stack.moved
    said = getattr(moved, key) if moved else None
    if said == was:
        return
    place, shown = project.at(file, *path, key=True), ".".join(path)
    if said:
        message = f"spec.moved.{key}: the clusters have this stack with the {key} {was}, not {said}"
        yield Problem(project.at(file, "spec", "moved", key), message)
    whole = [
        f"the clusters have this stack with the {key} {was}; set it back from {now}, or do what follows and confirm it "
        f"with `spec.moved: {{{key}: {was}}}`",
        *steps,
    ]
    for number, step in enumerate(whole, 1):  # by which they are in order where problems are sorted
        yield Problem(place, f"{shown} ({number:0{len(str(len(whole)))}}/{len(whole)}): {step}")


def _name_steps(project: Project, old: str) -> Iterator[str]:
    """What happens, and the commands of a move that keeps everything."""
    stack = project.stack
    engine = ENGINES[stack.engine]
    yield engine.rename_danger(old)
    contexts = {engine.context(stack, each.name): each.name for each in stack.clusters}
    for where in contexts:
        yield f"before the push, in {where}: {_commands(where, engine.suspend(old, where))}"
    for where, name in contexts.items():
        lines = (*engine.commands(stack, name), *engine.forget(old, where))
        yield f"after the push, in {where}, in this order: {_commands(where, iter(lines))}"


def _engine_steps(project: Project, old: Engine) -> Iterator[str]:
    """What happens, and the commands before the push; all others are in the README of the new engine."""
    stack = project.stack
    yield (
        f"{old.product} deletes what is no longer in the repository, and with its own entry all that this has applied: "
        f"every model. It has to be stopped before the push; then {stack.engine.product} takes over what runs"
    )
    for where in dict.fromkeys(ENGINES[old].context(stack, each.name) for each in stack.clusters):
        yield f"before the push, in {where}: {_commands(where, ENGINES[old].stop(stack, where))}"
    yield "after the push: the commands under “Hand-over” in README.md, which the confirmed compile writes"


def _commands(cluster: str, lines: Iterator[str]) -> str:
    return ", ".join(f"`kubectl --context {cluster} {line}`" for line in lines)


def _namespace_steps(running: Running, new: str) -> Iterator[str]:
    """What happens, and what belongs before and after it."""
    old = running.namespace
    yield (
        f"every model is deleted in {old} and started in {new}: nothing serves until it is ready again, its weights "
        f"are downloaded again, its Secrets are not in {new}, and its volume claim stays in {old} and is still billed"
    )
    for cluster, found in sorted(running.placements.items()):
        secrets = sorted({name for placed in found.values() for name in placed.secrets})
        listed = f" ({', '.join(secrets)})" if secrets else ""
        yield (
            f"before the push, in {cluster}: `kubectl --context {cluster} create namespace {new}`, and its Secrets"
            f"{listed} by the commands in the README and on the pages of the blueprints"
        )
        claims = " ".join(f"{name}-cache" for name, placed in sorted(found.items()) if placed.claim)
        if claims:
            delete = f"`kubectl --context {cluster} --namespace {old} delete pvc {claims}`"
            yield f"after the push, in {cluster}, when all models serve again: {delete}"
