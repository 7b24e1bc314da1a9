"""What is allowed and still worth saying."""

from collections.abc import Iterator, Sequence

from gpuyard.catalogue.vllm import catalogue, deprecations, versions
from gpuyard.doors.yamlio import show_path
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.load import Project
from gpuyard.project.stack import Stack
from gpuyard.project.userfiles import BLUEPRINTS
from gpuyard.resolve import exposure, network
from gpuyard.resolve.inference import adapters, offline, sources
from gpuyard.resolve.inference.workloads import Available
from gpuyard.resolve.workload import Workload

__all__ = ["notes"]


def notes(project: Project, available: Available, workloads: Sequence[Workload]) -> Iterator[str]:
    """One line each: of the stack, then of each blueprint."""
    stack = project.stack
    if stack.vllm_version not in versions() and (known := catalogue(stack.vllm_version)):
        yield f"{stack.file}: flags and metrics of vLLM {stack.vllm_version} are checked as those of {known.release}"
    if not project.blueprints:
        example = f"{BLUEPRINTS}/<name>.yaml"
        yield f"{BLUEPRINTS}: no blueprints here, so no models, the platform alone; write one as {example}"
    yield from _of_nodes(project, available)
    yield from exposure.stack_notes(stack, project.blueprints)
    for blueprint in project.blueprints:
        yield from exposure.notes(blueprint, stack)
        yield from network.notes(blueprint, stack)
        yield from _of_blueprint(blueprint, [each for each in workloads if each.name == blueprint.name])
        yield from adapters.notes(blueprint)
        yield from _of_flags(blueprint, stack)


def _of_nodes(project: Project, available: Available) -> Iterator[str]:
    """What to know about an OCI shape, where the stack names it first."""
    stack = project.stack
    for shape, nodes in available.values():
        for node in nodes:
            having = (i for i, cluster in enumerate(stack.clusters) if node.name in cluster.shapes.get(shape.name, ()))
            where = project.at(stack.file, "spec", "clusters", next(having), "shapes", shape.name)
            yield from (f"{where}: {node.name}: {warning}" for warning in node.warnings)


def _of_flags(blueprint: Blueprint, stack: Stack) -> Iterator[str]:
    """Flags that a later vLLM won't take."""
    for path, message in deprecations(blueprint.serving.args, stack.vllm_version):
        yield f"{blueprint.file}: {show_path(('spec', 'serving', *path))}: {message}"


def _of_blueprint(blueprint: Blueprint, workloads: Sequence[Workload]) -> Iterator[str]:
    for workload in workloads:
        if blueprint.spare_gpus and not workload.surge:
            yield (
                f"{blueprint.file}: {blueprint.spare_gpus} spare GPUs are too few for a replica on "
                f"{workload.shape.name} ({workload.gpus} GPUs), so an old one stops before a new one starts"
            )
    yield from sources.notes(blueprint, ((each.model, each.source) for each in workloads))
    for path, name in offline.named(blueprint):
        if path[0] == "speculative-config":
            yield f"{blueprint.file}: {name} takes GPU memory that the fit doesn't count"
