"""A blueprint on one shape before it is known whether it fits: which model, which nodes, and what its flags say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard import fit
from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import Node, Shape
from gpuyard.errors import Hint
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference, ShapeOverride
from gpuyard.project.serving import default_context
from gpuyard.resolve.inference import (
    adapters,
    conflicts,
    drafts,
    gpumemory,
    longcontext,
    offline,
    options,
    sources,
    storage,
    weights,
)
from gpuyard.resolve.inference.build import Build
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.inference.server import Source
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site

__all__ = ["Target", "flags", "targets"]


@dataclass(frozen=True, slots=True)
class Target:
    """A blueprint on one shape, before it is known whether it fits."""

    shape: Shape
    nodes: tuple[Node, ...]
    override: ShapeOverride
    options: Options
    model: Model
    loaded: Model
    """As it is in GPU memory, where a flag makes it smaller."""
    source: Source
    context: int
    concurrency: int
    args: Mapping[str, Any]
    """The author's flags, and those of adapters."""
    draft: Model | None = None
    """The facts of what proposes tokens, where the blueprint gives them."""


def targets(blueprint: Blueprint[Inference], runs: Build, site: Site, problems: Problems) -> Iterator[Target]:
    """Each shape that the stack has and the blueprint wants; what is wrong with one is reported."""
    available, wanted = site.available, blueprint.spec.shapes
    whole = sources.find(blueprint, blueprint.spec.model, ("spec", "model"), site, problems)
    for name in available if wanted is None else wanted:
        override = ShapeOverride() if wanted is None else wanted[name]
        path = ("spec", "shapes", name)
        if name not in available:
            message, hint = site.absent(name)
            problems.add(blueprint.file, path, message, key=True, hint=hint)
            continue
        shape, nodes = available[name]
        if chosen := _nodes(blueprint, path, shape, nodes, override, problems):
            where: tuple[str, ...] = ("spec", "model")
            form = whole
            if override.model is not None:
                where = (*path, "model")
                form = sources.find(blueprint, override.model, where, site, problems)
            if form:
                given = options.of_shape(blueprint, name, runs.version)
                _check(blueprint, given, form, where, runs, problems)
                target = _target(blueprint, runs, shape, chosen, override, given, form, site, problems)
                _check_flags(blueprint, target, runs.version, problems)
                if longcontext.check_context(blueprint, name, form[0], where, problems):
                    yield target


def _check(
    blueprint: Blueprint[Inference],
    given: Options,
    form: tuple[Model, Source],
    where: tuple[str, ...],
    runs: Build,
    problems: Problems,
) -> None:
    """What the model and its source ask for; `where` names the model."""
    sources.check_token(blueprint, given, *form, where, problems)
    storage.check_source(blueprint, form[1], where, problems)
    storage.check_size(blueprint, *form, problems)
    adapters.check_source(blueprint, form[1], problems)
    offline.check(blueprint, given, form[1], problems)
    longcontext.check_flags(blueprint, given, form[0], problems)
    weights.check(blueprint, given, form, where, runs, problems)


def _target(
    blueprint: Blueprint[Inference],
    runs: Build,
    shape: Shape,
    nodes: tuple[Node, ...],
    override: ShapeOverride,
    given: Options,
    form: tuple[Model, Source],
    site: Site,
    problems: Problems,
) -> Target:
    (model, source), serving = form, blueprint.spec.serving
    context = override.context_length or serving.context_length or min(default_context(), model.max_context)
    return Target(
        shape=shape,
        nodes=nodes,
        override=override,
        options=given,
        model=model,
        loaded=weights.as_loaded(model, given.args),
        source=source,
        context=context,
        concurrency=override.concurrency or serving.concurrency,
        args={**given.args, **adapters.flags(blueprint, source, runs.version)},
        draft=drafts.check(blueprint, given, site, problems),
    )


def _check_flags(blueprint: Blueprint[Inference], target: Target, version: str, problems: Problems) -> None:
    """Flags that contradict each other, the blueprint or the model, on any GPU."""
    args, model, concurrency = target.args, target.model, target.concurrency
    seqs, batched = gpumemory.sequences(args) or concurrency, gpumemory.batched(args) or 0
    wanted = fit.Settings(target.context, seqs, batched, 1.0, **flags(target))
    for flag, message in conflicts.find(args, target.options.texts, model, wanted, concurrency, version):
        problems.add(blueprint.file, target.options.path("args", flag), message)


def flags(target: Target) -> Mapping[str, Any]:
    """What flags say to the fit."""
    draft = drafts.find(target.args, target.model, target.draft)
    return {**gpumemory.settings(target.args, target.model), "draft": draft}


def _nodes(
    blueprint: Blueprint[Inference],
    path: tuple[str, ...],
    shape: Shape,
    nodes: tuple[Node, ...],
    override: ShapeOverride,
    problems: Problems,
) -> tuple[Node, ...]:
    """The nodes of the stack, or those of them that the author wants."""
    names = [node.name for node in nodes]
    for index, wanted in enumerate(override.nodes):
        if wanted not in names:
            message, hint = f"no cluster of the stack has {wanted}", Hint(wanted, names)
            problems.add(blueprint.file, (*path, "nodes", index), message, hint=hint)
    return tuple(node for node in nodes if not override.nodes or node.name in override.nodes)
