"""What is allowed and still worth saying."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from gpuyard.catalogue.flagrules import assumptions
from gpuyard.project.load import Project
from gpuyard.project.userfiles import BLUEPRINTS
from gpuyard.resolve import exposure, network, nodes, releases
from gpuyard.resolve.site import Available, Site
from gpuyard.resolve.workload import Resolved, Workload

__all__ = ["notes"]

_NAMED = 12
"""Blueprints that a note names."""

Own = Mapping[tuple[str, str], Collection[str]]
"""What there is to say of a blueprint, by cluster and blueprint, in the clusters that differ."""


def notes(project: Project, site: Site, resolved: Resolved, said: Sequence[Sequence[str]], own: Own) -> Iterator[str]:
    """One line each: of the stack, then of each blueprint, on each of its shapes, too; then what a cluster adds.

    `said` are those of each blueprint on any shape.
    """
    workloads = resolved.workloads
    of_stack = list(_of_stack(resolved))
    yield from of_stack
    if not project.blueprints:
        example = f"{BLUEPRINTS}/<name>.yaml"
        yield f"{BLUEPRINTS}: no blueprints here, so only the platform is deployed; add one as {example}"
    yield from _of_nodes(project, site.available)
    yield from _closed(_placed(resolved))
    found: dict[str, dict[str, None]] = {}
    for workload in workloads:
        found.setdefault(workload.name, {}).update(dict.fromkeys(workload.notes))
    clusters: dict[str, list[str]] = {}
    for placement in resolved.placements:
        clusters.setdefault(placement.workload.name, []).append(placement.cluster)
    common: set[str] = set()
    for blueprint, of_it in zip(project.blueprints, said, strict=True):
        lines = (*of_it, *found.get(blueprint.name, ()))
        common.update(lines)
        only = _only(blueprint.name, clusters.get(blueprint.name, ()), own)
        yield from (line for line in lines if only is None or line in only)
    for cluster in resolved.own:
        yield from (f"{cluster}: {line}" for line in _of_stack(resolved.at(cluster)) if line not in of_stack)
    for (cluster, _), more in own.items():
        yield from (f"{cluster}: {line}" for line in more if line not in common)


def _of_stack(resolved: Resolved) -> Iterator[str]:
    """Whatever runs there."""
    stack = resolved.stack
    yield from (f"{stack.file}: {each}" for each in assumptions(stack.vllm.version))
    if any(workload.reach and workload.reach.outside for workload in resolved.workloads):
        yield from exposure.stack_notes(stack)
    yield from network.stack_notes(stack)
    yield from releases.notes(stack, resolved.releases, _kinds(resolved.workloads))


def _kinds(workloads: Sequence[Workload]) -> set[tuple[str, str]]:
    """Of the objects that authors add to what is made for theirs."""
    objects = (each for workload in workloads for each in workload.values.get("extraObjects", ()))
    return {(each["apiVersion"], each["kind"]) for each in objects}


def _only(name: str, clusters: Sequence[str], own: Own) -> Collection[str] | None:
    """What can be said of a blueprint at all, where each of its clusters differs; None: anything."""
    if not clusters or any((cluster, name) not in own for cluster in clusters):
        return None
    return {line for cluster in clusters for line in own[cluster, name]}


def _placed(resolved: Resolved) -> list[Workload]:
    """As clusters have them; those that none has, as they would be."""
    placed = [each.workload for each in resolved.placements]
    names = {workload.name for workload in placed}
    return [*placed, *(workload for workload in resolved.workloads if workload.name not in names)]


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
    """What to know about OCI shapes: of each, where the stack names it first, and of their pools."""
    stack = project.stack
    for shape, found in available.values():
        for node in found:
            having = (i for i, cluster in enumerate(stack.clusters) if node.name in cluster.shapes.get(shape.name, ()))
            where = project.at(stack.file, "spec", "clusters", next(having), "shapes", shape.name)
            yield from (f"{where}: {node.name}: {warning}" for warning in node.warnings)
    if every := [node for _, found in available.values() for node in found]:
        yield f"{project.at(stack.file, 'spec', 'clusters')}: {nodes.brief(every)}"
