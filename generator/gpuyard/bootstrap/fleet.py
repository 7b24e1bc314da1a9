"""How many GPU nodes of which OCI shape a cluster needs for what is placed in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gpuyard.catalogue.shapes import Node
from gpuyard.project.stack import Cluster
from gpuyard.resolve import Resolved
from gpuyard.resolve.workload import Workload

__all__ = ["Fleet", "fleets", "node_of", "packed"]


@dataclass(frozen=True, slots=True)
class Fleet:
    """The nodes of one OCI shape: for the fewest and the most replicas."""

    node: Node
    least: int
    most: int
    disk: int
    """GB of a node's boot volume."""
    resource: str
    """What its GPUs are called."""


def fleets(resolved: Resolved, cluster: Cluster) -> list[Fleet]:
    """In the order of the OCI shapes' names."""
    needs: dict[str, list[tuple[int, int, int]]] = {}
    nodes: dict[str, tuple[Node, str]] = {}
    for placement in resolved.placements:
        if placement.cluster != cluster.name:
            continue
        workload = placement.workload
        node = node_of(workload, cluster)
        nodes[node.name] = (node, workload.shape.resource)
        low, high = _replicas(workload)
        needs.setdefault(node.name, []).append((workload.gpus, low, high))
    return [
        Fleet(
            node=node,
            least=packed(node.gpus, ((gpus, low) for gpus, low, _ in needs[name])),
            most=packed(node.gpus, ((gpus, high) for gpus, _, high in needs[name])),
            disk=node.boot_volume_gb,
            resource=resource,
        )
        for name, (node, resource) in sorted(nodes.items())
    ]


def node_of(workload: Workload, cluster: Cluster) -> Node:
    """The cluster's first that it fits on."""
    here = cluster.shapes[workload.shape.name]
    return workload.shape.nodes[next(name for name in here if name in workload.nodes)]


def _replicas(workload: Workload) -> tuple[int, int]:
    told = workload.facts["replicas"].value if "replicas" in workload.facts else {}
    least: Mapping[str, int] = told
    return least.get("min", workload.max_replicas), workload.max_replicas


def packed(gpus: int, replicas: Iterable[tuple[int, int]]) -> int:
    """Nodes with so many GPUs that hold replicas of (GPUs, how many): the largest first, each where it still fits."""
    free: list[int] = []
    for size in sorted((size for size, count in replicas for _ in range(count)), reverse=True):
        place = next((index for index, left in enumerate(free) if left >= size), None)
        if place is None:
            free.append(gpus - size)
        else:
            free[place] -= size
    return len(free)
