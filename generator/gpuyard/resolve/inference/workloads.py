"""A blueprint on every shape of the stack: which model form, which nodes, does it fit, with what settings."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpuyard import fit
from gpuyard.catalogue.flagrules import check_args, check_unsafe
from gpuyard.catalogue.health import SCALED_OBJECT
from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import Node, Shape
from gpuyard.errors import nearest
from gpuyard.fit.budget import Budget, load_budget
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference, ShapeOverride, default_context
from gpuyard.project.stack import Stack
from gpuyard.resolve import exposure
from gpuyard.resolve.inference import (
    adapters,
    download,
    hatch,
    hostmemory,
    offline,
    options,
    pod,
    scaling,
    sources,
    storage,
    variables,
)
from gpuyard.resolve.inference.build import Build, build
from gpuyard.resolve.inference.build import check as check_build
from gpuyard.resolve.inference.facts import facts
from gpuyard.resolve.inference.needs import needs, reach, volumes
from gpuyard.resolve.inference.notes import of_server
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.inference.server import Resources, Server, Source
from gpuyard.resolve.inference.values import CHART, values
from gpuyard.resolve.overrides import at
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Available, Site
from gpuyard.resolve.workload import Refusal, Workload

__all__ = ["workloads"]


@dataclass(frozen=True, slots=True)
class _Target:
    """A blueprint on one shape, before it is known whether it fits."""

    shape: Shape
    nodes: tuple[Node, ...]
    override: ShapeOverride
    options: Options
    model: Model
    source: Source


def workloads(blueprint: Blueprint[Inference], site: Site, problems: Problems) -> Iterator[Workload | Refusal]:
    """What becomes of a blueprint on each of its shapes."""
    stack, runs = site.stack, build(blueprint, site)
    _check(blueprint, site, runs, problems)
    found = []
    for target in _targets(blueprint, stack, site.available, problems):
        result = _server(blueprint, runs, target)
        found.append(result)
        # A shape that the author asked for must work; the others are only tried.
        if isinstance(result, Refusal) and blueprint.spec.shapes is not None:
            path = ("spec", "shapes", target.shape.name)
            problems.add(blueprint.file, path, result.reason, key=True)
    if found and blueprint.spec.shapes is None and all(isinstance(result, Refusal) for result in found):
        reasons = "; ".join(f"{result.shape}: {result.reason}" for result in found if isinstance(result, Refusal))
        problems.add(blueprint.file, ("spec", "model"), f"fits on no shape of the stack; {reasons}")
    shapes = [each.shape for each in found if isinstance(each, Server)]
    yield from (_workload(each, site, shapes, problems) if isinstance(each, Server) else each for each in found)


def _check(blueprint: Blueprint[Inference], site: Site, runs: Build, problems: Problems) -> None:
    """What is wrong wherever it runs."""
    stack = site.stack
    _check_options(blueprint, runs, problems)
    check_build(blueprint, runs, stack, problems)
    scaling.check(blueprint, stack, problems)
    storage.check(blueprint, stack, problems)
    adapters.check(blueprint, problems)
    exposure.check(blueprint, stack, problems)
    variables.check(blueprint, runs, problems)


def _check_options(blueprint: Blueprint[Inference], runs: Build, problems: Problems) -> None:
    """Flags and variables on every shape, and the entries that allow some of them."""
    found, unsafe = options.every(blueprint), blueprint.spec.serving.unsafe
    for each in found:
        for place, message in check_args(each.args, each.env, unsafe, runs.version, released=runs.released):
            problems.add(blueprint.file, each.path(*place), message, key=True)
    given = {name for each in found for name in (*each.args, *each.env)} | set(hatch.variables(blueprint))
    for index, message in check_unsafe(unsafe, given):
        problems.add(blueprint.file, ("spec", "serving", "unsafe", index), message)


def _targets(
    blueprint: Blueprint[Inference], stack: Stack, available: Available, problems: Problems
) -> Iterator[_Target]:
    whole = sources.find(blueprint, blueprint.spec.model, ("spec", "model"), stack, problems)
    for name in available if blueprint.spec.shapes is None else blueprint.spec.shapes:
        override = ShapeOverride() if blueprint.spec.shapes is None else blueprint.spec.shapes[name]
        path = ("spec", "shapes", name)
        if name not in available:
            problems.add(
                blueprint.file,
                path,
                f"no cluster of the stack has {name}; {nearest(name, available)}",
                key=True,
            )
            continue
        shape, nodes = available[name]
        if chosen := _nodes(blueprint, path, shape, nodes, override, problems):
            where: tuple[str, ...] = ("spec", "model")
            form = whole
            if override.model is not None:
                where = (*path, "model")
                form = sources.find(blueprint, override.model, where, stack, problems)
            if form:
                given = options.of_shape(blueprint, name)
                sources.check_token(blueprint, given, *form, where, problems)
                storage.check_source(blueprint, form[1], where, problems)
                storage.check_size(blueprint, *form, problems)
                adapters.check_source(blueprint, form[1], problems)
                offline.check(blueprint, given, form[1], problems)
                yield _Target(shape, chosen, override, given, *form)


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
            message = f"no cluster of the stack has {wanted}; {nearest(wanted, names)}"
            problems.add(blueprint.file, (*path, "nodes", index), message)
    return tuple(node for node in nodes if not override.nodes or node.name in override.nodes)


def _server(blueprint: Blueprint[Inference], runs: Build, target: _Target) -> Server | Refusal:
    override, serving, model = target.override, blueprint.spec.serving, target.model
    context = override.context_length or serving.context_length or min(default_context(), model.max_context)
    concurrency = override.concurrency or serving.concurrency
    cache_gib = pod.cache_gib(blueprint, model, target.source)
    candidates = storage.with_drives(blueprint, target.nodes, override.nodes, cache_gib)
    if isinstance(candidates, str):
        return Refusal(blueprint.name, target.shape.name, candidates, ("spec", "storage", "cache"))
    choice = _choice(blueprint, runs, target, candidates, context, concurrency)
    if isinstance(choice, fit.Refusal):
        return Refusal(blueprint.name, target.shape.name, choice.reason, _decided(blueprint, target, choice))
    replicas = override.scaling.max or blueprint.spec.scaling.max
    args = {**pod.args(choice, context, target.options, target.source), **adapters.flags(blueprint, target.source)}
    candidates = tuple(node for node in candidates if node.name in choice.nodes)
    found = _pod(blueprint, target, candidates, args, gpus=choice.settings.gpus, replicas=replicas, cache=cache_gib)
    if isinstance(found, str):
        return Refusal(blueprint.name, target.shape.name, found)
    nodes, resources = found
    return Server(
        blueprint=blueprint,
        shape=target.shape,
        nodes=tuple(node.name for node in nodes),
        version=runs.version,
        image=runs.image,
        model=model,
        source=target.source,
        gpus=choice.settings.gpus,
        context=context,
        concurrency=concurrency,
        min_replicas=blueprint.spec.scaling.min if override.scaling.min is None else override.scaling.min,
        max_replicas=replicas,
        fit=choice.fit,
        budget=_budget(blueprint, target, replicas),
        resources=resources,
        cache_gib=cache_gib,
        options=target.options,
        args=args,
        download_seconds=storage.download_seconds(blueprint, model, target.source),
        copied_adapters=tuple(adapters.copied(blueprint)),
    )


def _decided(blueprint: Blueprint[Inference], target: _Target, refusal: fit.Refusal) -> tuple[str, ...]:
    """The key without which a model would fit, where that is only one."""
    if refusal.widest:
        return ("spec", "serving", "contextLength") if blueprint.spec.serving.context_length else ("spec", "model")
    dtype = target.options.args.get("kv-cache-dtype", "auto")
    fp8 = str(dtype).startswith("fp8") and not any(node.gpu.fp8 for node in target.nodes)
    return ("spec", "serving", "args", "kv-cache-dtype") if fp8 else ("spec", "model")


def _pod(
    blueprint: Blueprint[Inference],
    target: _Target,
    nodes: tuple[Node, ...],
    args: Mapping[str, Any],
    *,
    gpus: int,
    replicas: int,
    cache: int,
) -> tuple[tuple[Node, ...], Resources] | str:
    """The nodes with memory and disk for a pod, and what it asks for; or why there are none. `cache` in GiB."""
    uses = hostmemory.uses(args, target.options.texts, target.model, gpus)
    found = pod.with_memory(nodes, target.override.nodes, target.model, uses, gpus=gpus)
    if isinstance(found, str):
        return found
    kind = blueprint.spec.storage.cache.kind
    resources = pod.resources(target.model, found, uses, gpus=gpus, cache=kind, cache_size=cache)
    disk = resources.disk_request
    reason = storage.beyond_boot_volume(blueprint, found, gpus=gpus, replicas=replicas, disk=disk)
    return reason or (found, resources)


def _workload(server: Server, site: Site, shapes: Collection[Shape], problems: Problems) -> Workload:
    """The server as everything behind resolve knows it; `shapes` are all that its blueprint runs on."""
    blueprint, stack = server.blueprint, site.stack
    opened = hatch.opened(server, values(server, site, shapes), site, problems)
    return Workload(
        name=blueprint.name,
        file=blueprint.file,
        kind=blueprint.kind,
        description=blueprint.description,
        shape=server.shape,
        nodes=server.nodes,
        gpus=server.gpus,
        gpu_resource=at(opened.values, ("gpu", "resource")) or server.shape.resource,
        max_replicas=server.max_replicas,
        surge=scaling.surge(opened.values, server.max_replicas),
        away=scaling.away(opened.values, server),
        sync_timeout=server.budget.sync_timeout,
        first=download.first(server),
        image=server.image,
        chart=CHART,
        values=opened.values,
        needs=needs(server, stack, opened.values),
        volumes=volumes(server, stack),
        reach=reach(server, stack, opened.values),
        health=(SCALED_OBJECT,) if server.min_replicas < server.max_replicas else (),
        facts=facts(server),
        notes=(*of_server(server), *(f"{blueprint.name} on {server.shape.name}: {each}" for each in opened.replaced)),
    )


def _choice(
    blueprint: Blueprint[Inference],
    runs: Build,
    target: _Target,
    nodes: Sequence[Node],
    context: int,
    concurrency: int,
) -> fit.Choice | fit.Refusal:
    override, serving = target.override, blueprint.spec.serving
    return fit.choose(
        target.model,
        nodes,
        context=context,
        concurrency=concurrency,
        tensor=override.tensor_parallel,
        utilization=override.gpu_memory_utilization or serving.gpu_memory_utilization,
        kv_dtype=target.options.args.get("kv-cache-dtype"),
        adapters=len(serving.adapters),
        adapter_rank=adapters.largest_rank(blueprint),
        version=runs.version,
    )


def _budget(blueprint: Blueprint[Inference], target: _Target, replicas: int) -> Budget:
    return load_budget(
        target.model,
        kind=storage.load_kind(blueprint, target.source),
        replicas=replicas,
        start=blueprint.spec.budget.start_seconds,
        schedule=blueprint.spec.budget.schedule_seconds,
        shutdown_timeout=blueprint.spec.budget.shutdown_seconds,
    )
