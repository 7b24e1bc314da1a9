"""What a cluster has of what it is to have: whether it is there, and who made it; never the values of a Secret."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from gpuyard.bootstrap.handover.discovery import Paths
from gpuyard.bootstrap.handover.wishes import Wish
from gpuyard.bootstrap.waiting import all_done
from gpuyard.doors.kubernetes import Kubernetes, UnansweredError

__all__ = ["MANAGER", "Seen", "look"]

MANAGER = "gpuyard-bootstrap"
"""Field manager of what is made once."""
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that is there."""

    metadata: Mapping[str, Any]
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """All of it, where it has to be compared."""

    @property
    def ours(self) -> bool:
        """Whether a hand-over made it."""
        return any(each.get("manager") == MANAGER for each in self.metadata.get("managedFields", ()))


def look(api: Kubernetes, wanted: Iterable[Wish]) -> dict[str, Seen]:
    """By the id of what is wanted."""
    paths, some = Paths(api), list(wanted)
    for wish in some:  # once per API group, before many ask at the same time
        paths.listed(wish.body)
    with ThreadPoolExecutor(_THREADS) as pool:
        found = all_done([pool.submit(_one, api, paths, wish) for wish in some])
    return {wish.id: seen for wish, seen in zip(some, found, strict=True) if seen}


def _one(api: Kubernetes, paths: Paths, wish: Wish) -> Seen | None:
    path = paths.of(wish.body)
    if path is None:
        return None
    try:
        if wish.kept:
            content = api.get(path)
            return Seen(content["metadata"], content)
        return Seen(api.metadata(path)["metadata"])
    except UnansweredError as error:
        if error.status == 404:
            return None
        raise
