"""What a lifecycle state means for us: OCI has a dozen of them, and five answers are enough."""

from collections.abc import Mapping
from enum import StrEnum

from gpuyard.bootstrap.resource import Found, Kind

__all__ = ["Standing", "detail", "is_gone", "standing"]


class Standing(StrEnum):
    """What is to be done about a resource in a state."""

    USABLE = "usable"
    PENDING = "pending"
    """Wait: it changes by itself."""
    BROKEN = "broken"
    """Nothing can use it, and nothing is lost with it: it is deleted and made anew, once the plan is agreed to."""
    BLOCKED = "blocked"
    """Nothing can use it, and only its owner can say what becomes of it: nothing is written."""
    ODD = "odd"
    """It can be used, and somebody should look at it."""
    GONE = "gone"
    """As if it were not there."""


_STANDINGS: Mapping[str, Standing] = {
    "": Standing.USABLE,  # what has no states
    "ACTIVE": Standing.USABLE,
    "AVAILABLE": Standing.USABLE,
    "RUNNING": Standing.USABLE,
    "CREATING": Standing.PENDING,
    "PROVISIONING": Standing.PENDING,
    "UPDATING": Standing.PENDING,
    "RESTORING": Standing.PENDING,
    "STARTING": Standing.PENDING,
    "STOPPING": Standing.PENDING,
    "MOVING": Standing.PENDING,
    "CREATING_IMAGE": Standing.PENDING,
    "FAILED": Standing.BROKEN,
    "FAULTY": Standing.BROKEN,
    "INACTIVE": Standing.BLOCKED,
    "NEEDS_ATTENTION": Standing.ODD,
    "STOPPED": Standing.ODD,
    "CANCELLING_DELETION": Standing.PENDING,
    "SCHEDULING_DELETION": Standing.GONE,
    "PENDING_DELETION": Standing.GONE,
    "DELETING": Standing.GONE,
    "DELETED": Standing.GONE,
    "TERMINATING": Standing.GONE,
    "TERMINATED": Standing.GONE,
}


def standing(kind: Kind, state: str) -> Standing:
    """Of a kind in a state; one that is newer than gpuyard is told, and no obstacle."""
    found = _STANDINGS.get(state, Standing.ODD)
    return Standing.BLOCKED if found is Standing.BROKEN and kind.keeps else found


def is_gone(state: str | None) -> bool:
    """Whether it is deleted, or on its way there."""
    return _STANDINGS.get(state or "") is Standing.GONE


def detail(found: Found) -> str:
    """What OCI says of the state."""
    error = found.data.get("addonError") or {}
    said = found.data.get("lifecycleDetails") or error.get("message") or ""
    return " ".join(str(said).split()).rstrip(".") or "OCI does not say why"
