"""Stage 2, resolve: fills every default, chooses parallelism and placement, refuses what can't work. Pure."""

from collections.abc import Mapping

from gpuyard.catalogue.shapes import Shape, catalogue
from gpuyard.errors import InputError
from gpuyard.project.load import Project
from gpuyard.project.stack import Stack
from gpuyard.resolve import placements, pulls, releases, stackrules
from gpuyard.resolve.kinds import KINDS
from gpuyard.resolve.notes import notes
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Available, Site
from gpuyard.resolve.workload import Placement, Refusal, Resolved, Workload

__all__ = ["Placement", "Refusal", "Resolved", "Workload", "resolve"]


def resolve(project: Project) -> Resolved:
    """Everything that follows from the user's files; InputError with every problem found."""
    shapes, problems = catalogue(), Problems(project)
    stack = project.stack
    stackrules.check(stack, shapes, problems)
    platform = releases.releases(stack.platform, stack.images, stack.network, locked=project.digests)
    pulls.check(stack, platform, problems)
    releases.check(stack, problems)
    names = frozenset(blueprint.name for blueprint in project.blueprints)
    site = Site(stack, _available(stack, shapes), project.digests, names)
    results = [
        result
        for blueprint in project.blueprints
        for result in KINDS[blueprint.kind].workloads(blueprint, site, problems)
    ]
    found: dict[str, dict[str, Workload]] = {blueprint.name: {} for blueprint in project.blueprints}
    for result in results:
        if isinstance(result, Workload):
            found[result.name][result.shape.name] = result
    workloads = tuple(result for result in results if isinstance(result, Workload))
    placed = placements.place(project, found, problems)
    servers = tuple(dict.fromkeys(workload.image for workload in workloads))
    if problems.found:
        raise InputError(problems.found)
    return Resolved(
        stack=stack,
        workloads=workloads,
        refusals=tuple(result for result in results if isinstance(result, Refusal)),
        placements=placed,
        releases=platform,
        gpu_resources=tuple(
            sorted({shape.resource for shape, _ in site.available.values()} | {each.gpu_resource for each in workloads})
        ),
        notes=(
            *pulls.notes(project.digests, servers, platform),
            *releases.notes(stack, platform),
            *notes(project, site, workloads),
        ),
    )


def _available(stack: Stack, shapes: Mapping[str, Shape]) -> Available:
    """The shapes and OCI shapes of all clusters, in the catalogue's order."""
    wanted = {node for cluster in stack.clusters for nodes in cluster.shapes.values() for node in nodes}
    available = {}
    for name, shape in shapes.items():
        if nodes := tuple(node for node in shape.nodes.values() if node.name in wanted):
            available[name] = (shape, nodes)
    return available
