"""Stage 2, resolve: fills every default, chooses parallelism and placement, refuses what can't work. Pure."""

from collections.abc import Mapping

from gpuyard.catalogue.images import image
from gpuyard.catalogue.shapes import Shape, catalogue
from gpuyard.errors import InputError
from gpuyard.project.load import Project
from gpuyard.project.stack import Stack
from gpuyard.resolve import placements as clusters
from gpuyard.resolve import pulls as images
from gpuyard.resolve import stackrules as stack
from gpuyard.resolve.inference.workloads import Available, workloads
from gpuyard.resolve.notes import notes
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.releases import releases
from gpuyard.resolve.workload import Placement, Refusal, Resolved, Resources, Source, Workload

__all__ = ["Placement", "Refusal", "Resolved", "Resources", "Source", "Workload", "resolve"]


def resolve(project: Project) -> Resolved:
    """Everything that follows from the user's files; InputError with every problem found."""
    shapes, problems = catalogue(), Problems(project)
    stack.check(project.stack, shapes, problems)
    mirrors, locked = project.stack.mirrors, project.digests
    server = image(project.stack.image, f"v{project.stack.vllm_version}", mirrors=mirrors, locked=locked)
    platform = releases(project.stack.platform, mirrors=mirrors, locked=locked)
    images.check(project.stack, server, platform, problems)
    available = _available(project.stack, shapes)
    results = [
        result
        for blueprint in project.blueprints
        for result in workloads(blueprint, project.stack, available, problems)
    ]
    found: dict[str, dict[str, Workload]] = {blueprint.name: {} for blueprint in project.blueprints}
    for result in results:
        if isinstance(result, Workload):
            found[result.name][result.shape.name] = result
    placements = clusters.place(project, found, problems)
    if problems.found:
        raise InputError(problems.found)
    runnable = tuple(result for result in results if isinstance(result, Workload))
    return Resolved(
        stack=project.stack,
        image=server,
        workloads=runnable,
        refusals=tuple(result for result in results if isinstance(result, Refusal)),
        placements=placements,
        releases=platform,
        gpu_resources=tuple(sorted({shape.resource for shape, _ in available.values()})),
        notes=(*images.notes(locked, server, platform), *notes(project, available, runnable)),
    )


def _available(stack: Stack, shapes: Mapping[str, Shape]) -> Available:
    """The shapes and OCI shapes of all clusters, in the catalogue's order."""
    wanted = {node for cluster in stack.clusters for nodes in cluster.shapes.values() for node in nodes}
    available = {}
    for name, shape in shapes.items():
        if nodes := tuple(node for node in shape.nodes.values() if node.name in wanted):
            available[name] = (shape, nodes)
    return available
