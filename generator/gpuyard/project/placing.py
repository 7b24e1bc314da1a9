"""Where a blueprint runs in a cluster, and what of it differs there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpuyard.project.parts import Vllm

__all__ = ["Placing", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A blueprint on a shape of a cluster, and what is the cluster's own; None: as the blueprint says."""

    shape: str
    nodes: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    """Values of topology.kubernetes.io/zone; empty: any."""
    min: int | None = None
    max: int | None = None
    host: str | None = None
    """Empty: none, whatever the blueprint says."""
    vllm: Vllm = field(default_factory=Vllm)


def split(placed: Mapping[str, Any] | None) -> dict[str, Any]:
    """The two keys of a Cluster that `blueprints` becomes: the shapes of all, and what those say that differ."""
    if placed is None:
        return {}
    own = {name: each for name, each in placed.items() if not isinstance(each, str)}
    # An empty host isn't one that is left out.
    hosts = {name: {"host": each["host"] or ""} if "host" in each else {} for name, each in own.items()}
    return {
        "blueprints": {name: each if isinstance(each, str) else each["shape"] for name, each in placed.items()},
        "placed": {name: {**each, **hosts[name]} for name, each in own.items()},
    }
