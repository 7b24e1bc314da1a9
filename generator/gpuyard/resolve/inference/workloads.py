"""A blueprint on every shape of the stack: which model form, which nodes, does it fit, with what settings."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from gpuyard import fit
from gpuyard.catalogue.health import SCALED_OBJECT
from gpuyard.catalogue.shapes import Node, Shape
from gpuyard.fit.budget import Budget, load_budget
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve import exposure
from gpuyard.resolve.inference import (
    adapters,
    alternatives,
    download,
    files,
    gpumemory,
    hatch,
    hostmemory,
    longcontext,
    paths,
    pod,
    powers,
    query,
    scaling,
    storage,
    variables,
)
from gpuyard.resolve.inference.build import Build, build
from gpuyard.resolve.inference.build import check as check_build
from gpuyard.resolve.inference.facts import facts
from gpuyard.resolve.inference.needs import needs, reach, volumes
from gpuyard.resolve.inference.notes import of_server
from gpuyard.resolve.inference.server import Resources, Server
from gpuyard.resolve.inference.targets import Target, flags, targets
from gpuyard.resolve.inference.values import CHART, values
from gpuyard.resolve.overrides import at
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site
from gpuyard.resolve.workload import Refusal, Workload

__all__ = ["workloads"]


def workloads(blueprint: Blueprint[Inference], site: Site, problems: Problems) -> Iterator[Workload | Refusal]:
    """What becomes of a blueprint on each of its shapes."""
    runs = build(blueprint, site)
    _check(blueprint, site, runs, problems)
    found = []
    for target in targets(blueprint, runs, site, problems):
        result = _server(blueprint, runs, target)
        found.append(result)
        # A shape that the author asked for must work; the others are only tried.
        if isinstance(result, Refusal) and blueprint.spec.shapes is not None:
            path = _blamed([result], ("spec", "shapes", target.shape.name))
            problems.add(blueprint.file, path, result.reason, key=True)
    refused = [each for each in found if isinstance(each, Refusal)]
    if found and blueprint.spec.shapes is None and len(refused) == len(found):
        reasons = "; ".join(f"{each.shape}: {each.reason}" for each in refused)
        path = _blamed(refused, ("spec", "model"))
        problems.add(blueprint.file, path, f"fits on no shape of the stack; {reasons}")
    shapes = [each.shape for each in found if isinstance(each, Server)]
    yield from (_workload(each, site, shapes, problems) if isinstance(each, Server) else each for each in found)


def _blamed(refused: Sequence[Refusal], otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The flag without which all of them would go, where it is one; else the place that is given."""
    paths = {each.path for each in refused}
    return paths.pop() if len(paths) == 1 and "args" in refused[0].path else otherwise


def _check(blueprint: Blueprint[Inference], site: Site, runs: Build, problems: Problems) -> None:
    """What is wrong wherever it runs."""
    stack = site.stack
    powers.check(blueprint, runs, problems)
    check_build(blueprint, runs, stack, problems)
    scaling.check(blueprint, stack, problems)
    query.check(blueprint, runs, problems)
    storage.check(blueprint, stack, problems)
    adapters.check(blueprint, runs.version, problems)
    files.check(blueprint, problems)
    exposure.check(blueprint, stack, problems)
    variables.check(blueprint, runs, problems)


def _server(blueprint: Blueprint[Inference], runs: Build, target: Target) -> Server | Refusal:
    override, model, context = target.override, target.model, target.context
    cache_gib = pod.cache_gib(blueprint, model, target.source)
    candidates = storage.with_drives(blueprint, target.nodes, override.nodes, cache_gib)
    if isinstance(candidates, str):
        return Refusal(blueprint.name, target.shape.name, candidates, ("spec", "storage", "cache"))
    choice = _choice(blueprint, runs, target, candidates)
    if isinstance(choice, fit.Refusal):
        return Refusal(blueprint.name, target.shape.name, choice.reason, _decided(blueprint, target, choice))
    replicas = override.scaling.max or blueprint.spec.scaling.max
    args = {
        **pod.args(choice, context, target.options, target.source),
        **target.args,
        **longcontext.flags(model, target.options),
    }
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
        concurrency=target.concurrency,
        min_replicas=blueprint.spec.scaling.min if override.scaling.min is None else override.scaling.min,
        max_replicas=replicas,
        fit=choice.fit,
        steps=alternatives.steps(target.loaded, nodes, choice, target.concurrency),
        budget=_budget(blueprint, target, replicas),
        resources=resources,
        cache_gib=cache_gib,
        options=target.options,
        args=args,
        download_seconds=storage.download_seconds(blueprint, model, target.source),
        copied_adapters=tuple(adapters.copied(blueprint)),
    )


def _decided(blueprint: Blueprint[Inference], target: Target, refusal: fit.Refusal) -> tuple[str, ...]:
    """The key without which a model would fit, where that is only one."""
    if refusal.widest:
        return ("spec", "serving", "contextLength") if blueprint.spec.serving.context_length else ("spec", "model")
    if refusal.flag in target.options.args:
        return tuple(map(str, target.options.path("args", refusal.flag)))
    return ("spec", "model")


def _pod(
    blueprint: Blueprint[Inference],
    target: Target,
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
    unsure = paths.check(server, site, opened.values, problems)
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
        sync_timeout=scaling.sync_timeout(opened.values, server),
        first=download.first(server, opened.values),
        image=server.image,
        chart=CHART,
        values=opened.values,
        needs=needs(server, stack, opened.values),
        volumes=volumes(server, stack),
        reach=reach(server, stack, opened.values),
        health=(SCALED_OBJECT,) if server.min_replicas < server.max_replicas else (),
        facts=facts(server),
        unsafe=powers.listed(blueprint, server.options, build(blueprint, site)),
        notes=(
            *of_server(server, site, opened.values),
            *unsure,
            *(f"{blueprint.name} on {server.shape.name}: {each}" for each in opened.replaced),
        ),
    )


def _choice(
    blueprint: Blueprint[Inference], runs: Build, target: Target, nodes: Sequence[Node]
) -> fit.Choice | fit.Refusal:
    override, serving = target.override, blueprint.spec.serving
    return fit.choose(
        target.loaded,
        nodes,
        context=target.context,
        concurrency=target.concurrency,
        tensor=override.tensor_parallel,
        max_num_seqs=gpumemory.sequences(target.args),
        batched_tokens=gpumemory.batched(target.args),
        utilization=override.gpu_memory_utilization or serving.gpu_memory_utilization,
        version=runs.version,
        flags=flags(target),
    )


def _budget(blueprint: Blueprint[Inference], target: Target, replicas: int) -> Budget:
    return load_budget(
        target.model,
        kind=storage.load_kind(blueprint, target.source),
        replicas=replicas,
        start=blueprint.spec.budget.start_seconds,
        schedule=blueprint.spec.budget.schedule_seconds,
        shutdown_timeout=blueprint.spec.budget.shutdown_seconds,
    )
