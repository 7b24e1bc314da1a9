"""What a cluster loses with a change: blueprints that ran there before."""

from collections.abc import Iterator

from gpuyard.review.placed import Consequence, Placements

__all__ = ["departures"]


def departures(before: Placements, after: Placements) -> Iterator[Consequence]:
    """One for each cluster that leaves, and for each blueprint that leaves a cluster."""
    for cluster, old in sorted(before.items()):
        if cluster not in after:
            message = (
                f"{cluster} leaves the stack: nothing is deleted there, and what runs keeps running until you remove it"
            )
            yield Consequence(cluster, None, message)
            continue
        for name in sorted(old.keys() - after[cluster].keys()):
            delete = f"`kubectl delete pvc {name}-cache -n {old[name].namespace}`"
            kept = (
                f"; the volume claim {name}-cache is kept and still billed; to delete it: {delete}"
                if old[name].claim
                else ""
            )
            yield Consequence(cluster, name, f"{name} is deleted from {cluster}{kept}")
