"""Clusters that differ: what runs there is resolved again, with the cluster's settings and placements.

What comes out the same is the stack's: a cluster has a level of its own only where something differs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gpuyard.catalogue.shapes import Shape
from gpuyard.errors import Hint, Problem
from gpuyard.project.blueprint import Blueprint, Spec
from gpuyard.project.load import Project
from gpuyard.project.placing import Placing
from gpuyard.project.stack import Cluster
from gpuyard.resolve import pulls, releases, stackrules
from gpuyard.resolve.clusterproblems import ClusterProblems
from gpuyard.resolve.kinds import KINDS
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site
from gpuyard.resolve.workload import Own, Placement, Refusal, Workload
from gpuyard.tree import PLATFORM

__all__ = ["Variants", "resolve"]


@dataclass(frozen=True, slots=True)
class Variants:
    """The placements of all clusters, and what else is a cluster's own."""

    placements: tuple[Placement, ...]
    own: Mapping[str, Own]
    """By the name of each cluster that differs."""
    notes: Mapping[tuple[str, str], tuple[str, ...]]
    """What is worth saying of a blueprint, by cluster and blueprint, where that was resolved again."""


def resolve(
    project: Project, site: Site, placed: Sequence[Placement], shapes: Mapping[str, Shape], problems: Problems
) -> Variants:
    """Everything that is a cluster's own; what only a cluster's settings cause goes to `problems`."""
    found = list(placed)
    own: dict[str, Own] = {}
    notes: dict[tuple[str, str], tuple[str, ...]] = {}
    runs: list[ClusterProblems] = []
    for index, cluster in enumerate(project.stack.clusters):
        if cluster.name not in project.sites and not cluster.placed:
            continue
        run = _Cluster(project, index, cluster, site)
        own[cluster.name] = run.settings()
        if cluster.name in shapes:
            message = f"{cluster.name} is a shape, and both have values in charts/; give a cluster that differs another"
            problems.add(project.stack.file, ("spec", "clusters", index, "name"), f"{message} name")
        for at, placement in enumerate(placed):
            if placement.cluster == cluster.name:
                if placement.workload.name == PLATFORM:
                    message = f"{cluster.name} differs, and has a folder of that name; give the blueprint another"
                    problems.add(placement.workload.file, ("metadata", "name"), message)
                found[at], notes[cluster.name, placement.workload.name] = run.placement(placement)
        run.check_hosts()
        runs.append(run.problems)
    known = set(problems.found)
    problems.found[:] = _still(project, placed, notes, runs, problems.found)
    problems.found += dict.fromkeys(each for run in runs for each in run.own(known))
    problems.more += sum(run.more - project.more for run in runs)
    return Variants(tuple(found), own, notes)


def _still(
    project: Project,
    placed: Sequence[Placement],
    again: Iterable[tuple[str, str]],
    runs: Sequence[ClusterProblems],
    found: Sequence[Problem],
) -> Iterator[Problem]:
    """Without what is wrong with a blueprint only where none of its clusters has the stack's settings."""
    seen, files = set(again), {blueprint.name: blueprint.file for blueprint in project.blueprints}
    everywhere = {files[each.workload.name] for each in placed}
    everywhere -= {files[each.workload.name] for each in placed if (each.cluster, each.workload.name) not in seen}
    told = {*project.problems, *(problem for run in runs for problem in run.found)}
    for problem in found:
        if problem.location.file not in everywhere or problem in told:
            yield problem


class _Cluster:
    """One cluster, resolved."""

    def __init__(self, project: Project, index: int, cluster: Cluster, site: Site) -> None:
        self._project, self._cluster = project, cluster
        self._path = ("spec", "clusters", index)
        self._site = replace(site, stack=project.sites.get(cluster.name, project.stack))
        self._blueprints = {blueprint.name: blueprint for blueprint in project.blueprints}
        self.problems = ClusterProblems(project, index)

    def settings(self) -> Own:
        """What the cluster has instead of the stack's."""
        stack = self._site.stack
        stackrules.check_settings(stack, self.problems)
        found = releases.releases(
            stack.platform, stack.images, stack.network, storage=stack.storage, locked=self._project.digests
        )
        pulls.check(stack, found, self.problems)
        releases.check(stack, self.problems)
        return Own(stack, found)

    def placement(self, placement: Placement) -> tuple[Placement, tuple[str, ...]]:
        """One as the cluster has it, and what is worth saying of it; the same where nothing differs."""
        common = placement.workload
        blueprint, own = self._blueprint(common.name), self._cluster.placed.get(common.name)
        site = self._site_of(common, own)
        before = len(self.problems.found)
        results = list(KINDS[blueprint.kind].workloads(blueprint, site, self.problems))
        here = next((each for each in results if _shape(each) == common.shape.name), None)
        if isinstance(here, Refusal) and len(self.problems.found) == before:
            self.problems.add(blueprint.file, ("spec", "shapes", common.shape.name), here.reason)
        if not isinstance(here, Workload):
            return placement, ()
        having = self._cluster.shapes[common.shape.name]
        if not set(having) & set(here.nodes):
            message = f"{common.name} does not fit on {', '.join(having)} then, only on {', '.join(here.nodes)}"
            self.problems.add(blueprint.file, ("spec", "shapes", common.shape.name), message)
        notes = (*KINDS[blueprint.kind].notes(blueprint, site), *here.notes)
        return (placement if here == common else replace(placement, workload=here, own=True)), notes

    def check_hosts(self) -> None:
        """Two blueprints of the cluster must not share what the stack lets them have in different clusters."""
        seen: dict[tuple[str, str], str] = {}
        # Those that have no host of their own here are there first.
        for name in sorted(self._cluster.blueprints or {}, key=lambda each: each in self._cluster.placed):
            if name not in self._blueprints:
                continue
            blueprint = self._blueprint(name)
            for each in blueprint.spec.unique():
                other = seen.setdefault((each.what, each.value), blueprint.file)
                if other != blueprint.file and name in self._cluster.placed:
                    message = each.clash.replace("{other}", other)
                    self.problems.add(blueprint.file, each.path, message)

    def _blueprint(self, name: str) -> Blueprint[Spec]:
        blueprint, own = self._blueprints[name], self._cluster.placed.get(name)
        return replace(blueprint, spec=blueprint.spec.placed(own)) if own else blueprint

    def _site_of(self, common: Workload, own: Placing | None) -> Site:
        """The site with the nodes and zones of a placement."""
        if own is None:
            return self._site
        shape, nodes = self._site.available[own.shape]
        having = self._cluster.shapes[own.shape]
        for index, name in enumerate(own.nodes):
            if name not in having:
                path = (*self._path, "blueprints", common.name, "nodes", index)
                self.problems.add(self._project.stack.file, path, f"the cluster has no {name}", hint=Hint(name, having))
        chosen = tuple(node for node in nodes if node.name in own.nodes) or nodes
        available = {**self._site.available, own.shape: (shape, chosen)}
        return replace(self._site, available=available, zones=own.zones)


def _shape(result: Workload | Refusal) -> str:
    return result.shape if isinstance(result, Refusal) else result.shape.name
