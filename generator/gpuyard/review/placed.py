"""What runs where, in the words of the lock: enough to tell what a change does to a cluster, without its manifests."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Claim", "Consequence", "Placed", "Placements"]


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


Placements = Mapping[str, Mapping[str, Placed]]
"""By cluster and blueprint; a cluster without models is there, too."""


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a change does in a cluster beyond what it says; blueprint None: to the cluster as a whole."""

    cluster: str
    blueprint: str | None
    message: str
