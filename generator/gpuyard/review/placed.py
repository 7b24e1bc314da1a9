"""What runs where, in the words of the lock: enough to tell what a change does to a cluster, without its manifests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Claim", "Consequence", "Effect", "Placed", "Placements", "Running"]


@dataclass(frozen=True, slots=True)
class Claim:
    """The volume claim of a model cache; it outlives its model."""

    kind: str
    storage_class: str
    gib: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A blueprint in a cluster; claim None: its cache goes with its pods, or is a claim that we didn't make."""

    shape: str
    namespace: str
    claim: Claim | None
    pod: str = ""
    """Digest of the servers' pods: another one restarts them. Empty where an older lock doesn't say."""
    weights: str = ""
    """Name of the Job that copies the weights, where there is one: another one copies again."""
    secrets: tuple[str, ...] = ()
    """Names of the Secrets in its namespace that it can't do without."""
    away: int = 0
    """Seconds without a server while its pods change; 0: others serve meanwhile."""
    unsafe: tuple[str, ...] = ()
    """Entries of serving.unsafe."""


Placements = Mapping[str, Mapping[str, Placed]]
"""By cluster and blueprint; a cluster without models is there, too."""


@dataclass(frozen=True, slots=True)
class Running:
    """A stack as its clusters have it; an empty name: an older lock doesn't say, or there is none."""

    stack: str = ""
    namespace: str = ""
    placements: Placements = field(default_factory=dict)
    engine: str = ""
    """What syncs them; empty: nothing does yet."""
    digests: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Of images by name and tag, where they come from another branch than the one that is compiled."""
    follows: tuple[str, str] = field(default=("", ""), compare=False)
    """The repository and the branch that the stack of that other branch names."""


class Effect(StrEnum):
    """What a change does in a cluster."""

    CLUSTER_LEAVES = "cluster-leaves"
    REMOVED = "removed"
    MOVED = "moved"
    """To another shape."""
    AWAY = "away"
    """Minutes without a server."""
    COPIED = "copied"
    """A Job copies weights again."""
    REFUSED = "refused"
    """By the cluster, for certain."""
    BILLED = "billed"
    """A volume claim that is left over."""
    MISSING = "missing"
    """A Secret in a namespace that doesn't have it."""
    ALLOWED = "allowed"
    """Something unsafe that was not allowed before."""
    HANDED_OVER = "handed-over"
    """To another engine."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a change does in a cluster beyond what it says; blueprint None: to the cluster as a whole."""

    cluster: str
    blueprint: str | None
    message: str
    """Names the cluster and the blueprint."""
    effect: Effect = Effect.REMOVED
    key: tuple[str, ...] = ()
    """Of a certain failure, what asks for it: `blueprint` or `stack`, and the path in that file."""

    @property
    def certain_failure(self) -> bool:
        """The cluster can't follow: an error, not a note."""
        return self.effect is Effect.REFUSED
