"""Which workload runs on which cluster: one shape per blueprint and cluster.

What runs stays where it runs until its author moves it: a merge must not take a model away, or start it anew elsewhere.
"""

from collections.abc import Iterable, Mapping

from gpuyard.errors import Hint
from gpuyard.project.load import Project
from gpuyard.project.stack import Cluster
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.sticky import Ran
from gpuyard.resolve.workload import Placement, Refusal, Workload
from gpuyard.review.placed import Placements

__all__ = ["check_gpus", "place"]

Found = Mapping[str, Mapping[str, Workload]]
"""Workloads by blueprint and shape; shapes in the order of the author's preference."""
_LISTED = "the folder blueprints has them"


def place(
    project: Project,
    workloads: Iterable[Workload],
    refusals: Iterable[Refusal],
    running: Placements,
    problems: Problems,
) -> tuple[Placement, ...]:
    """The placements of every cluster."""
    found: dict[str, dict[str, Workload]] = {blueprint.name: {} for blueprint in project.blueprints}
    for each in workloads:
        found[each.name][each.shape.name] = each
    placements: list[Placement] = []
    ran = Ran(project, found, refusals, running)
    for index, cluster in enumerate(project.stack.clusters):
        chosen = _named(project, index, cluster, found, problems)
        if cluster.blueprints is None:
            chosen = [workload for name in found if (workload := _undecided(cluster, name, found, ran, problems))]
        placements += [Placement(cluster.name, workload) for workload in chosen]
    return tuple(placements)


def _undecided(cluster: Cluster, name: str, found: Found, ran: Ran, problems: Problems) -> Workload | None:
    """Where nobody decided: what runs already, or else the first shape that the cluster has, with a node it fits on."""
    if (shape := ran.shape(cluster, name)) is None:
        return next((workload for workload in found[name].values() if workload.runs_on(cluster)), None)
    workload = found[name].get(shape)
    if workload and workload.runs_on(cluster):
        return workload
    ran.explain(cluster, name, shape, problems)
    return None


def _named(project: Project, index: int, cluster: Cluster, found: Found, problems: Problems) -> list[Workload]:
    """The workloads that the cluster names; each must exist, fit and have a node here."""
    chosen = []
    for name, shape in (cluster.blueprints or {}).items():
        path = ("spec", "clusters", index, "blueprints", name)
        if name in project.broken and name not in found:
            continue  # its file has problems of its own
        if name not in found:
            hint = Hint(name, found, _LISTED)
            problems.add(project.stack.file, path, f"no blueprint is called {name}", key=True, hint=hint)
        elif shape not in cluster.shapes:
            hint = Hint(shape, cluster.shapes)
            problems.add(project.stack.file, path, f"the cluster has no shape {shape}", hint=hint)
        elif shape not in found[name] or not found[name][shape].runs_on(cluster):
            hint = Hint(shape, found[name])
            problems.add(project.stack.file, path, f"{name} does not run on {shape} here", hint=hint)
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
