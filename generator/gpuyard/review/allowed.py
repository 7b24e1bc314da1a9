"""What a change allows that could do harm, told before it lands: a line for each new entry of serving.unsafe."""

from collections.abc import Iterable, Iterator, Mapping

from gpuyard.review.placed import Consequence, Effect, Running

__all__ = ["newly_allowed"]

Asked = tuple[str, str, Mapping[str, str]]
"""Cluster, blueprint, and what each of its entries allows."""


def newly_allowed(before: Running, asked: Iterable[Asked]) -> Iterator[Consequence]:
    """Against what runs; in a cluster where a blueprint is new, all of its entries are."""
    for cluster, name, entries in sorted(asked, key=lambda each: each[:2]):
        old = before.placements.get(cluster, {}).get(name)
        for entry, allows in sorted(entries.items()):
            if old is None or entry not in old.unsafe:
                message = f"{name} in {cluster} is newly allowed {entry}, which {allows}"
                yield Consequence(cluster, name, message, Effect.ALLOWED)
