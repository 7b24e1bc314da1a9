"""What is allowed and still worth saying."""

from collections.abc import Iterator, Sequence

from gpuyard.catalogue.flagrules import assumptions
from gpuyard.project.load import Project
from gpuyard.project.userfiles import BLUEPRINTS
from gpuyard.resolve import exposure
from gpuyard.resolve.kinds import KINDS
from gpuyard.resolve.site import Available, Site
from gpuyard.resolve.workload import Workload

__all__ = ["notes"]

_NAMED = 12
"""Blueprints that a note names."""


def notes(project: Project, site: Site, workloads: Sequence[Workload]) -> Iterator[str]:
    """One line each: of the stack, then of each blueprint, on each of its shapes, too."""
    stack = project.stack
    yield from (f"{stack.file}: {each}" for each in assumptions(stack.vllm.version))
    if not project.blueprints:
        example = f"{BLUEPRINTS}/<name>.yaml"
        yield f"{BLUEPRINTS}: no blueprints here, so only the platform is deployed; add one as {example}"
    yield from _of_nodes(project, site.available)
    if any(workload.reach and workload.reach.outside for workload in workloads):
        yield from exposure.stack_notes(stack)
    yield from _closed(workloads)
    found: dict[str, dict[str, None]] = {}
    for workload in workloads:
        found.setdefault(workload.name, {}).update(dict.fromkeys(workload.notes))
    for blueprint in project.blueprints:
        yield from KINDS[blueprint.kind].notes(blueprint, site)
        yield from found.get(blueprint.name, ())


def _closed(workloads: Sequence[Workload]) -> Iterator[str]:
    """Whom nobody may call: one line, however many there are."""
    files = {workload.name: workload.file for workload in workloads if workload.reach and workload.reach.closed}
    if not files:
        return
    names = list(files)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    who = f"{', '.join(names[:_NAMED])}{more} {'accept' if names[1:] else 'accepts'} no requests yet"
    where = BLUEPRINTS if names[1:] else files[names[0]]
    yield f"{where}: {who}: set clientNamespaces (pods in the cluster) or expose.host (clients outside)"


def _of_nodes(project: Project, available: Available) -> Iterator[str]:
    """What to know about an OCI shape, where the stack names it first."""
    stack = project.stack
    for shape, nodes in available.values():
        for node in nodes:
            having = (i for i, cluster in enumerate(stack.clusters) if node.name in cluster.shapes.get(shape.name, ()))
            where = project.at(stack.file, "spec", "clusters", next(having), "shapes", shape.name)
            yield from (f"{where}: {node.name}: {warning}" for warning in node.warnings)
