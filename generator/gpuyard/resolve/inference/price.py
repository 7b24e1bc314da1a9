"""What a model costs at list price: the GPUs of its replicas, and the nodes that Oracle bills."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from gpuyard.catalogue.shapes import HOURS_A_MONTH, Node
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.workload import Fact

__all__ = ["price"]


def price(server: Server) -> Fact:
    """An hour of one replica on each OCI shape, and a month of the fewest and the most replicas."""
    nodes = [server.shape.nodes[name] for name in server.nodes]
    hourly = [_gpus(node, server.gpus, 1) for node in nodes]
    low, high = f"{min(hourly):.2f}", f"{max(hourly):.2f}"
    few = (_cheapest(nodes), server.gpus, server.min_replicas)
    many = (_dearest(nodes), server.gpus, server.max_replicas)
    value = {
        "nodes": [_row(node, server.gpus) for node in nodes],
        "usdPerMonth": {"min": _month(_gpus(*few)), "max": _month(_gpus(*many))},
        "usdPerMonthOfNodes": {"min": _month(_whole(*few)), "max": _month(_whole(*many))},
    }
    return Fact(value, f"{low if low == high else f'{low}-{high}'} USD/hour")


def _cheapest(nodes: Sequence[Node]) -> Node:
    return min(nodes, key=lambda node: node.price_usd_per_gpu_hour)


def _dearest(nodes: Sequence[Node]) -> Node:
    return max(nodes, key=lambda node: node.price_usd_per_gpu_hour)


def _row(node: Node, gpus: int) -> Mapping[str, Any]:
    return {
        "node": node.name,
        "usdPerHour": round(_gpus(node, gpus, 1), 4),
        "usdPerMonth": _month(_gpus(node, gpus, 1)),
        "usdPerHourOfNode": round(node.price_usd_per_hour, 4),
        "date": node.date,
    }


def _gpus(node: Node, gpus: int, replicas: int) -> float:
    """USD an hour for the GPUs of so many replicas."""
    return replicas * gpus * node.price_usd_per_gpu_hour


def _whole(node: Node, gpus: int, replicas: int) -> float:
    """USD an hour for the nodes that hold so many replicas and nothing else."""
    return ceil(replicas / (node.gpus // gpus)) * node.price_usd_per_hour


def _month(hourly: float) -> int:
    return round(hourly * HOURS_A_MONTH)
