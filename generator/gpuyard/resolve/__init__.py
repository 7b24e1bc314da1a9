"""Stage 2, resolve: fills every default, chooses parallelism and placement, refuses what can't work. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from gpuyard.catalogue.shapes import Shape, catalogue
from gpuyard.doors.cache import NOTHING, Cache
from gpuyard.errors import InputError
from gpuyard.project import podfiles
from gpuyard.project.load import Project
from gpuyard.project.stack import Stack
from gpuyard.resolve import enginerules, linting, moved, names, placements, pulls, releases, stackrules, variants
from gpuyard.resolve.decided import Ahead, decide
from gpuyard.resolve.notes import notes
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Available, Site
from gpuyard.resolve.workload import Own, Placement, Refusal, Resolved, Workload
from gpuyard.review.placed import Running

__all__ = ["NOTHING_RUNS", "Placement", "Refusal", "Resolved", "Workload", "resolve"]

NOTHING_RUNS = Running()


def resolve(
    project: Project, running: Running = NOTHING_RUNS, cache: Cache = NOTHING, ahead: Ahead | None = None
) -> Resolved:
    """Everything that follows from the user's files and what runs today, as far as `cache` doesn't know it.

    InputError with every problem found.
    """
    shapes, problems = catalogue(), Problems(project)
    stack = project.stack
    stackrules.check(stack, shapes, problems)
    enginerules.check(stack, problems)
    platform = releases.releases(
        stack.platform, stack.images, stack.network, storage=stack.storage, locked=project.digests
    )
    pulls.check(stack, platform, problems)
    releases.check(stack, problems)
    blueprints = frozenset(blueprint.name for blueprint in project.blueprints)
    available, models = _available(stack, shapes), project.models
    site = Site(stack, available, project.digests, blueprints, models, project.broken_models, _files(project))
    decided = decide(project, site, problems, cache, ahead)
    workloads = tuple(workload for each in decided for workload in each.workloads)
    names.check(stack, workloads, problems)
    enginerules.check_names(stack, workloads, problems)
    refused = tuple(refusal for each in decided for refusal in each.refusals)
    placed = placements.place(project, workloads, refused, running.placements, problems)
    differing = variants.resolve(project, site, placed, shapes, problems)
    placements.check_gpus(project, differing.placements, problems)
    for own in (Own(stack, platform), *differing.own.values()):
        enginerules.check_project(own.stack, own.releases, problems)
    if problems.raised():
        raise InputError(problems.found, more=problems.more, unread=project.unread)
    whole = Resolved(
        stack=stack,
        workloads=workloads,
        refusals=refused,
        placements=differing.placements,
        releases=platform,
        gpu_resources=tuple(
            sorted({shape.resource for shape, _ in site.available.values()} | {each.gpu_resource for each in workloads})
        ),
        notes=(),
        own=differing.own,
    )
    refusals, lines = linting.check(project, whole)
    if refusals:
        raise InputError(refusals)
    servers = tuple(dict.fromkeys(workload.image for workload in whole.every_workload))
    told = (
        *pulls.notes(project.digests, servers, whole.every_release),
        *moved.notes(stack, running),
        *lines,
        *notes(project, site, whole, [each.notes for each in decided], differing.notes),
    )
    return replace(whole, notes=told)


def _files(project: Project) -> Mapping[str, str]:
    """What blueprints bring into their pods; what is wrong with a file has been noted."""
    names = {name for blueprint in project.blueprints for _, name in blueprint.spec.brought()}
    return {name: podfiles.text(project.sources[name]) for name in sorted(names & project.sources.keys())}


def _available(stack: Stack, shapes: Mapping[str, Shape]) -> Available:
    """The shapes and OCI shapes of all clusters, in the catalogue's order."""
    wanted = {node for cluster in stack.clusters for nodes in cluster.shapes.values() for node in nodes}
    available = {}
    for name, shape in shapes.items():
        if nodes := tuple(node for node in shape.nodes.values() if node.name in wanted):
            available[name] = (shape, nodes)
    return available
