"""In which other regions a stack has something: of clusters that it has elsewhere now or no longer, or lists otherwise.

Its clusters say where to look. What was made before they said something else shows by the policies of a cluster, which
are in the home region and go last, and by a repository or bucket that is not where a new one would be made.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from gpuyard.bootstrap.resource import RESOURCE, STACK, Found, Place
from gpuyard.doors.oci import region_of
from gpuyard.project.oraclecloud import Infrastructure
from gpuyard.project.stack import Stack

__all__ = ["STORES", "first_domains", "lost_clusters", "missing_stores", "remaining", "stored"]

STORES = ("repository", "bucket")
"""Kinds of what the stack keeps beside its clusters."""
_OCID = re.compile(r"ocid1\.cluster\.[a-z0-9.-]+")


def lost_clusters(stack: str, found: Collection[Found], subscribed: Collection[str]) -> frozenset[str]:
    """Regions of clusters that are not in those where was looked: by their OCIDs, or any region without one."""
    ours = [each for each in found if each.tags.get(STACK) == stack and "/" in each.tags.get(RESOURCE, "")]
    seen = {_cluster(each) for each in ours if each.kind not in ("policy", *STORES)}
    lost = [each for each in ours if each.kind == "policy" and _cluster(each) not in seen]
    named = {name: set(_regions(each for each in lost if _cluster(each) == name)) for name in map(_cluster, lost)}
    return frozenset(region for some in named.values() for region in some or subscribed if region in subscribed)


def missing_stores(stack: str, found: Iterable[Found], oci: Infrastructure) -> frozenset[str]:
    """Kinds of which the stack asks for one that was not found."""
    there = {each.tags.get(RESOURCE) for each in found if each.tags.get(STACK) == stack}
    wanted = {
        "repository": [f"repository/{name}" for name in oci.repositories],
        "bucket": ["bucket"] if oci.bucket else [],
    }
    return frozenset(kind for kind, names in wanted.items() if not there.issuperset(names))


def first_domains(stack: Stack, places: Mapping[str, Place]) -> dict[str, Place]:
    """The places with only those availability domains in which file storage of the stack's clusters is made now."""
    numbers: dict[str, set[int]] = {}
    for each in stack.clusters:
        numbers.setdefault(each.region or "", set()).add(next(iter(each.oci.availability_domains), 1))
    return {
        region: replace(
            place, domains=tuple(name for number, name in enumerate(place.domains, 1) if number in numbers[region])
        )
        for region, place in places.items()
    }


def remaining(
    stack: Stack,
    places: Mapping[str, Place],
    near: Mapping[str, Place],
    files: Collection[str],
    found: Collection[Found],
) -> dict[str, Place]:
    """The other availability domains, of regions in which file storage may be in one of them.

    It is in none where each cluster that needs it has its own already, and nothing is there of clusters that are gone.
    """
    ours = [each for each in found if each.tags.get(STACK) == stack.name and "/" in each.tags.get(RESOURCE, "")]
    names = {each.tags[RESOURCE] for each in ours}
    known = {each.name for each in stack.clusters}
    strays = any(_cluster(each) not in known for each in ours if each.kind not in STORES)
    lacking = {
        each.region
        for each in stack.clusters
        if each.name in files and not names >= {f"{each.name}/file-system", f"{each.name}/mount-target"}
    }
    rest = {
        region: replace(place, domains=tuple(each for each in place.domains if each not in near[region].domains))
        for region, place in places.items()
        if strays or region in lacking
    }
    return {region: place for region, place in rest.items() if place.domains}


def stored(ours: Mapping[str, Found]) -> dict[str, str]:
    """Where what is kept is, by resource: its availability domain where it is in one, or its region."""
    kept = {name: each for name, each in ours.items() if each.kind in (*STORES, "file-system", "mount-target")}
    return {name: str(each.data.get("availabilityDomain") or each.region) for name, each in kept.items()}


def _cluster(found: Found) -> str:
    return found.tags[RESOURCE].partition("/")[0]


def _regions(policies: Iterable[Found]) -> Iterator[str]:
    for policy in policies:
        for statement in policy.data.get("statements") or ():
            yield from filter(None, map(region_of, _OCID.findall(statement)))
