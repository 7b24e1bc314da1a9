"""What a review knows of a stack without reading its objects: servers in numbers, prices, and what rules go by."""

from collections.abc import Collection, Iterator, Sequence

from gpuyard.catalogue.shapes import HOURS_A_MONTH, Node, catalogue
from gpuyard.catalogue.vllm import removals
from gpuyard.project.kinds.inference import Inference
from gpuyard.project.load import Project
from gpuyard.resolve.workload import Resolved, Workload
from gpuyard.review.danger import Knowledge
from gpuyard.review.diff import World
from gpuyard.review.placed import Consequence, Running
from gpuyard.review.served import NodePrice, Served

__all__ = ["world_of"]


def world_of(
    project: Project, resolved: Resolved, before: Running, found: Sequence[Consequence], notes: Sequence[str]
) -> World:
    """For a comparison of what a stack has with what it had."""
    return World(
        engine=resolved.stack.engine.value,
        served={(each.cluster, each.workload.name): _served(each.workload) for each in resolved.placements},
        prices=dict(_prices()),
        known=Knowledge(
            dict(_unsafe(project, resolved, before)),
            removals(),
            dict(_versions(project, resolved)),
        ),
        consequences=found,
        notes=notes,
    )


def _unsafe(project: Project, resolved: Resolved, before: Running) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Those that were allowed before: a new entry is a consequence, and its flag needs no second word."""
    known: dict[str, list[Collection[str]]] = {}
    for each in resolved.placements:
        old = before.placements.get(each.cluster, {}).get(each.workload.name)
        known.setdefault(each.workload.name, []).append(old.unsafe if old else ())
    for blueprint in project.blueprints:
        if isinstance(blueprint.spec, Inference):
            here = known.get(blueprint.name, ())
            entries = blueprint.spec.serving.unsafe
            yield blueprint.name, tuple(entry for entry in entries if all(entry in had for had in here))


def _versions(project: Project, resolved: Resolved) -> Iterator[tuple[tuple[str, str], str]]:
    """Of vLLM: a placement's, or else the blueprint's, or else the stack's in that cluster."""
    own = {each.name: each.spec.vllm.version for each in project.blueprints if isinstance(each.spec, Inference)}
    clusters = {each.name: each for each in resolved.stack.clusters}
    for each in resolved.placements:
        name, placed = each.workload.name, clusters[each.cluster].placed.get(each.workload.name)
        version = placed.vllm.version if placed else None
        yield (each.cluster, name), version or own.get(name) or resolved.stack_at(each.cluster).vllm.version


def _served(workload: Workload) -> Served:
    """The same that its objects say."""
    replicas, context = workload.facts.get("replicas"), workload.facts.get("context")
    return Served(
        gpus=workload.gpus,
        few=replicas.value["min"] if replicas else workload.max_replicas,
        many=workload.max_replicas,
        context=context.value if context else 0,
        nodes=tuple(sorted(workload.nodes)),
        images=(str(workload.image),),
    )


def _price(node: Node) -> NodePrice:
    hourly = node.price_usd_per_gpu_hour
    return NodePrice(node.gpus, hourly, hourly * HOURS_A_MONTH)


def _prices() -> Iterator[tuple[str, NodePrice]]:
    for shape in catalogue().values():
        for node in shape.nodes.values():
            yield node.name, _price(node)
