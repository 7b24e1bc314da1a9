"""Which file makes the namespace of several charts: that of the first of them, in the order of layers."""

from collections.abc import Iterable

from gpuyard.catalogue.platform import Release

__all__ = ["first_of_each"]


def first_of_each(releases: Iterable[Release]) -> list[Release]:
    """The first release of each namespace."""
    found: dict[str, Release] = {}
    for release in releases:
        found.setdefault(release.namespace, release)
    return list(found.values())
