"""Which workload runs on which cluster: one shape per blueprint and cluster."""

from collections.abc import Iterable, Mapping

from gpuyard.errors import nearest
from gpuyard.project.load import Project
from gpuyard.project.stack import Cluster
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.workload import Placement, Workload

__all__ = ["check_gpus", "place"]

Found = Mapping[str, Mapping[str, Workload]]
"""Workloads by blueprint and shape; shapes in the order of the author's preference."""


def place(project: Project, found: Found, problems: Problems) -> tuple[Placement, ...]:
    """The placements of every cluster."""
    placements: list[Placement] = []
    for index, cluster in enumerate(project.stack.clusters):
        chosen = _named(project, index, cluster, found, problems)
        if cluster.blueprints is None:
            chosen = [workload for shapes in found.values() if (workload := _first(cluster, shapes))]
        placements += [Placement(cluster.name, workload) for workload in chosen]
    return tuple(placements)


def _first(cluster: Cluster, shapes: Mapping[str, Workload]) -> Workload | None:
    """The first of a blueprint's shapes that the cluster has, with a node that it fits on."""
    return next((workload for workload in shapes.values() if _runs(cluster, workload)), None)


def _runs(cluster: Cluster, workload: Workload) -> bool:
    return bool(set(cluster.shapes.get(workload.shape.name, ())) & set(workload.nodes))


def _named(project: Project, index: int, cluster: Cluster, found: Found, problems: Problems) -> list[Workload]:
    """The workloads that the cluster names; each must exist, fit and have a node here."""
    chosen = []
    for name, shape in (cluster.blueprints or {}).items():
        path = ("spec", "clusters", index, "blueprints", name)
        if name in project.broken and name not in found:
            continue  # its file has problems of its own
        if name not in found:
            problems.add(project.stack.file, path, f"no blueprint is called {name}; {nearest(name, found)}", key=True)
        elif shape not in cluster.shapes:
            message = f"the cluster has no shape {shape}; {nearest(shape, cluster.shapes)}"
            problems.add(project.stack.file, path, message)
        elif shape not in found[name] or not _runs(cluster, found[name][shape]):
            message = f"{name} does not run on {shape} here; {nearest(shape, found[name])}"
            problems.add(project.stack.file, path, message)
        else:
            chosen.append(found[name][shape])
    return chosen


def check_gpus(project: Project, placed: Iterable[Placement], problems: Problems) -> None:
    """Every cluster within its limit of GPUs."""
    found: dict[str, list[Workload]] = {cluster.name: [] for cluster in project.stack.clusters}
    for each in placed:
        found[each.cluster].append(each.workload)
    for index, cluster in enumerate(project.stack.clusters):
        _check_gpus(project, index, found[cluster.name], problems)


def _check_gpus(project: Project, index: int, chosen: list[Workload], problems: Problems) -> None:
    """The most that all blueprints may take together, while they are rolled out, too.

    A pull request must not buy a data centre, and the quota of this limit must not stop a rollout for ever.
    """
    most = {workload.name: (workload.max_replicas + workload.surge) * workload.gpus for workload in chosen}
    site = project.sites.get(project.stack.clusters[index].name, project.stack)
    limit = site.policy.max_gpus
    if sum(most.values()) > limit:
        parts = ", ".join(f"{name} {gpus}" for name, gpus in most.items())
        problems.add(
            project.stack.file,
            ("spec", "clusters", index),
            f"its blueprints may take {sum(most.values())} GPUs at most ({parts}), "
            f"and spec.policy.maxGpus is {limit}; lower scaling.max or rollout.spareGpus, or raise the limit",
        )
