"""What a change does in the clusters beyond what it says, told before it lands: a line a cluster and blueprint."""

from collections.abc import Iterator
from typing import NamedTuple

from gpuyard.review.placed import Claim, Consequence, Effect, Placed, Placements, Running

__all__ = ["consequences"]


class _Change(NamedTuple):
    """A blueprint that runs in a cluster before and after."""

    cluster: str
    name: str
    old: Placed
    new: Placed

    @property
    def elsewhere(self) -> bool:
        """In another namespace, where everything is made anew."""
        return self.old.namespace != self.new.namespace

    def means(self, effect: Effect, message: str, key: tuple[str, ...] = ()) -> Consequence:
        return Consequence(self.cluster, self.name, message, effect, key)


def consequences(before: Running, after: Running) -> tuple[Consequence, ...]:
    """In the order of clusters and blueprints; nothing for clusters and blueprints that are new."""
    return (*_handed_over(before, after), *_all(before.placements, after.placements))


def _handed_over(before: Running, after: Running) -> Iterator[Consequence]:
    """Only what both engines know is handed over: all else would be deleted by the one, or made anew by the other."""
    if not before.engine or before.engine == after.engine:
        return
    for cluster, old in sorted(before.placements.items()):
        new = after.placements.get(cluster, {})
        moved = [name for name in sorted({*old, *new}) if _where(old.get(name)) != _where(new.get(name))]
        if cluster not in after.placements or moved:
            what = f"{', '.join(moved)} in {cluster}" if cluster in after.placements else f"{cluster} in the stack"
            message = (
                f"spec.engine changes while {what} changes, too, and only what stays where it is can be handed "
                "over: set "
                f"engine back to {before.engine}, compile and push that first, and change the engine in a commit "
                "of its own"
            )
            yield Consequence(cluster, None, message, Effect.REFUSED, ("stack", "spec", "engine"))
        else:
            message = (
                f"{cluster} is handed over from {before.engine} to {after.engine}: README.md has the commands, of "
                "which "
                "the first come before the push; without them every model is deleted"
            )
            yield Consequence(cluster, None, message, Effect.HANDED_OVER)


def _where(placed: Placed | None) -> tuple[str, str] | None:
    return (placed.shape, placed.namespace) if placed else None


def _all(before: Placements, after: Placements) -> Iterator[Consequence]:
    for cluster, old in sorted(before.items()):
        if cluster not in after:
            message = (
                f"{cluster} leaves the stack: nothing is deleted there, and what runs keeps running until you remove it"
            )
            yield Consequence(cluster, None, message, Effect.CLUSTER_LEAVES)
            continue
        new = after[cluster]
        there = {(placed.namespace, secret) for placed in old.values() for secret in placed.secrets}
        unknown = any(not placed.pod for placed in old.values())
        for name in sorted({*old, *new}):
            if name not in new:
                yield _removed(cluster, name, old[name])
                continue
            if name in old:
                yield from _changed(_Change(cluster, name, old[name], new[name]))
            if not unknown:
                yield from _missing(cluster, name, new[name], there)


def _removed(cluster: str, name: str, old: Placed) -> Consequence:
    kept = f"; {_kept(name, old.namespace)}" if old.claim else ""
    return Consequence(cluster, name, f"{name} is deleted from {cluster}{kept}", Effect.REMOVED)


def _kept(name: str, namespace: str) -> str:
    delete = f"`kubectl delete pvc {name}-cache -n {namespace}`"
    return f"the volume claim {name}-cache is kept and still billed; to delete it: {delete}"


def _changed(change: _Change) -> Iterator[Consequence]:
    cluster, name, old, new = change
    if old.shape != new.shape:
        yield change.means(Effect.MOVED, f"{name} moves from {old.shape} to {new.shape} in {cluster}")
    yield from _away(change)
    if old.weights and new.weights and (change.elsewhere or old.weights != new.weights):
        until = " into a new volume claim" if change.elsewhere else "; its servers run on until they are there"
        message = f"the weights of {name} are copied in {cluster} by Job {new.weights}{until}"
        yield change.means(Effect.COPIED, message)
    if old.claim and (change.elsewhere or new.claim is None):
        yield change.means(Effect.BILLED, f"{name} in {cluster}: {_kept(name, old.namespace)}")
    elif old.claim and new.claim:
        yield from _refused(change, old.claim, new.claim)


def _away(change: _Change) -> Iterator[Consequence]:
    """Only where both locks say which pods they mean; what is made in another namespace serves nobody until then."""
    cluster, name, old, new = change
    if change.elsewhere:
        message = (
            f"{name} is away in {cluster} until a new server has started in namespace {new.namespace}: "
            f"the one in {old.namespace} is deleted, and so is its address {name}.{old.namespace}.svc"
        )
        yield change.means(Effect.AWAY, message)
    elif new.away and old.pod and new.pod and old.pod != new.pod:
        minutes = -(-new.away // 60)
        one = "; scaling.min of 2 or rollout.spareGpus would keep one"
        way = "" if new.claim and new.claim.kind == "block" else one
        message = (
            f"{name} is away in {cluster} for up to {minutes} minutes: "
            f"the old server stops before the new one starts{way}"
        )
        yield change.means(Effect.AWAY, message)


def _refused(change: _Change, old: Claim, new: Claim) -> Iterator[Consequence]:
    """A claim can grow, and nothing else."""
    cluster, name = change.cluster, change.name
    key: tuple[str, ...]
    if old.kind != new.kind:
        what, key = f"change from {old.kind} to {new.kind}", ("blueprint", "spec", "storage", "cache", "kind")
        back = f"set {name}'s storage.cache.kind back to {old.kind}"
    elif old.storage_class != new.storage_class:
        what, key = f"change from {old.storage_class} to {new.storage_class}", ("stack", "spec", "storage", new.kind)
        back = f"set spec.storage.{new.kind} of the stack back"
    elif new.gib < old.gib:
        what, key = f"shrink from {old.gib}Gi to {new.gib}Gi", ("blueprint", "spec", "storage", "cache", "size")
        back = f"set {name}'s storage.cache.size to {old.gib}Gi"
    else:
        return
    message = (
        f"{name} in {cluster}: its volume claim {name}-cache cannot {what}; {back}, or name a claim of your own in "
        f"storage.cache.claim; once {name}-cache is deleted there, `cache` may ask for a new one"
    )
    yield change.means(Effect.REFUSED, message, key)


def _missing(cluster: str, name: str, new: Placed, there: set[tuple[str, str]]) -> Iterator[Consequence]:
    """Secrets that nothing of the stack needed in that namespace before."""
    for secret in new.secrets:
        if (new.namespace, secret) not in there:
            message = (
                f"{name} in {cluster} needs the Secret {secret}, which nothing needed in namespace {new.namespace} "
                f"before: `kubectl create secret generic {secret} -n {new.namespace} …`, with the keys that README.md "
                "lists"
            )
            yield Consequence(cluster, name, message, Effect.MISSING)
