"""What runs where, once it is rendered: as the lock keeps it, and as the next change is compared with."""

from gpuyard.doors.cache import NOTHING, Cache
from gpuyard.project.stack import Stack
from gpuyard.resolve.workload import Placement, Resolved, Workload
from gpuyard.review.placed import Claim, Placed, Placements
from gpuyard.review.pods import Pods, pods
from gpuyard.tree import Tree

__all__ = ["placements_of"]


def placements_of(resolved: Resolved, tree: Tree, cache: Cache = NOTHING) -> Placements:
    """What runs where, as the lock keeps it."""
    found: dict[str, dict[str, Placed]] = {cluster.name: {} for cluster in resolved.stack.clusters}
    asked = pods(tree, dict.fromkeys(map(_place, resolved.placements)), cache)
    for each in resolved.placements:
        stack, workload = resolved.stack_at(each.cluster), each.workload
        found[each.cluster][workload.name] = _placed(stack, workload, asked[_place(each)])
    return found


def _place(placement: Placement) -> tuple[str, str, str]:
    return placement.workload.name, placement.workload.shape.name, placement.cluster if placement.own else ""


def _placed(stack: Stack, workload: Workload, pods: Pods) -> Placed:
    """As its cluster has it."""
    named = (use.name for use in workload.needs.keys if use.kind == "Secret")
    return Placed(
        shape=workload.shape.name,
        namespace=stack.namespace,
        claim=next((Claim(each.kind, each.storage_class, each.size_gib) for each in workload.volumes), None),
        pod=pods[0],
        weights=pods[1],
        secrets=tuple(sorted({*named, *stack.images.pull_secrets})),
        away=workload.away,
        unsafe=tuple(sorted(workload.unsafe)),
    )
