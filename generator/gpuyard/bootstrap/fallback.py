"""Where a blueprint goes whose nodes cannot start: the next of the shapes that its author lists, as an edit. Pure.

Only a blueprint of which nothing runs yet in the cluster: what runs stays where it is. Only shapes that somebody has
put in an order: the blueprint's `shapes`, and the OCI shapes that the cluster lists for one of them.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gpuyard.bootstrap.fleet import node_of
from gpuyard.doors import yamlio
from gpuyard.project.load import Project
from gpuyard.project.stack import Cluster
from gpuyard.project.userfiles import STACK_FILE
from gpuyard.resolve import Resolved
from gpuyard.resolve.workload import Workload

__all__ = ["Move", "edited", "moves"]


@dataclass(frozen=True, slots=True)
class Move:
    """A blueprint that goes to another shape of its cluster, and the OCI shape that it has there."""

    cluster: str
    blueprint: str
    before: str
    """OCI shape."""
    shape: str
    node: str
    first: bool
    """Whether the OCI shape is the one that it has there if nothing more is said."""

    @property
    def told(self) -> str:
        """For people."""
        return f"{self.cluster}: {self.blueprint} goes from {self.before} to {self.node}, the next that it may run on"


def moves(project: Project, resolved: Resolved, short: Collection[str]) -> tuple[Move, ...]:
    """`short`: ids of the nodes that cannot start, such as phx/nodes-BM.GPU.H100.8."""
    clusters = {each.name: each for each in resolved.stack.clusters}
    found = []
    for placement in resolved.placements:
        cluster, workload = clusters[placement.cluster], placement.workload
        before = node_of(workload, cluster).name
        if f"{cluster.name}/nodes-{before}" not in short:
            continue
        ways = list(_ways(project, resolved, cluster, workload))
        here = next((index for index, (_, node) in enumerate(ways) if node == before), len(ways))
        for shape, node in ways[here + 1 :]:
            if f"{cluster.name}/nodes-{node}" not in short:
                first = node == next(
                    each for each in cluster.shapes[shape] if each in _nodes(resolved, workload, shape)
                )
                found.append(Move(cluster.name, workload.name, before, shape, node, first))
                break
    return tuple(found)


def _ways(project: Project, resolved: Resolved, cluster: Cluster, workload: Workload) -> Iterator[tuple[str, str]]:
    """Shape and OCI shape, in the order in which they are tried."""
    file = next(each.file for each in project.blueprints if each.name == workload.name)
    listed = project.documents[file].value["spec"].get("shapes") or (workload.shape.name,)
    own = cluster.placed.get(workload.name)
    for shape in listed:
        fits = _nodes(resolved, workload, shape)
        if own and own.nodes and shape == own.shape:
            fits = [node for node in fits if node in own.nodes]
        yield from ((shape, node) for node in cluster.shapes.get(shape, ()) if node in fits)


def _nodes(resolved: Resolved, workload: Workload, shape: str) -> Sequence[str]:
    same = (each for each in resolved.workloads if (each.name, each.shape.name) == (workload.name, shape))
    return next((list(each.nodes) for each in same), [])


def edited(project: Project, resolved: Resolved, some: Iterable[Move]) -> str:
    """stack.yaml with these moves, and everything else in it as it is."""
    text = project.sources[STACK_FILE].decode()
    names = [each.name for each in project.stack.clusters]
    for cluster in dict.fromkeys(each.cluster for each in some):
        here = {each.blueprint: each for each in some if each.cluster == cluster}
        index = names.index(cluster)
        path: yamlio.Path = ("spec", "clusters", index, "blueprints")
        stack = project.stack.clusters[index]
        if stack.blueprints is None:
            running = [each.workload for each in resolved.placements if each.cluster == cluster]
            whole = {each.name: each.shape.name for each in running}
            text = yamlio.spliced(text, path, {**whole, **{name: _value(move) for name, move in here.items()}})
            continue
        for name, move in here.items():
            text = _placed(text, (*path, name), move, mapping=name in stack.placed)
    return text


def _value(move: Move) -> Any:
    return move.shape if move.first else {"shape": move.shape, "nodes": [move.node]}


def _placed(text: str, path: yamlio.Path, move: Move, *, mapping: bool) -> str:
    if not mapping:
        return yamlio.spliced(text, path, _value(move))
    text = yamlio.spliced(text, (*path, "shape"), move.shape)
    return yamlio.spliced(text, (*path, "nodes"), None if move.first else [move.node])
