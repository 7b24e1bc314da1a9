"""Changes of a model cache that its cluster refuses: a claim can grow, and nothing else."""

from collections.abc import Iterator

from gpuyard.review.placed import Claim, Consequence, Placements

__all__ = ["refusals"]


def refusals(before: Placements, after: Placements) -> Iterator[Consequence]:
    """What to do before the clusters follow, for each claim that stays and can't become what is asked."""
    for cluster, old in sorted(before.items()):
        for name, placed in sorted(old.items()):
            new = after.get(cluster, {}).get(name)
            if new is None or new.namespace != placed.namespace:  # there, it is another claim
                continue
            if message := _refusal(name, placed.claim, new.claim):
                yield Consequence(cluster, name, message)


def _refusal(name: str, old: Claim | None, new: Claim | None) -> str | None:
    if old is None or new is None:
        return None
    way = f"or delete PersistentVolumeClaim {name}-cache before the clusters sync"
    if old.kind != new.kind:
        return f"a claim cannot change from {old.kind} to {new.kind}: set {name}'s storage.cache.kind back, {way}"
    if old.storage_class != new.storage_class:
        change = f"from {old.storage_class} to {new.storage_class}"
        return f"a claim cannot change {change}: set spec.storage of the stack back, {way}"
    if new.gib < old.gib:
        return f"a claim cannot shrink from {old.gib}Gi to {new.gib}Gi: set {name}'s storage.cache.size, {way}"
    return None
