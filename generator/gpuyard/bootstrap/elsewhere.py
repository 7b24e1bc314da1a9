"""In which other regions a stack has something: of clusters that it has elsewhere now or no longer, or lists otherwise.

Its clusters say where to look. What was made before they said something else shows by the policies of a cluster, which
are in the home region and go last, and by a repository or bucket that is not where a new one would be made.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from gpuyard.bootstrap.resource import RESOURCE, STACK, Found
from gpuyard.doors.oci import region_of
from gpuyard.project.oraclecloud import Infrastructure

__all__ = ["STORES", "lost_clusters", "missing_stores"]

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


def _cluster(found: Found) -> str:
    return found.tags[RESOURCE].partition("/")[0]


def _regions(policies: Iterable[Found]) -> Iterator[str]:
    for policy in policies:
        for statement in policy.data.get("statements") or ():
            yield from filter(None, map(region_of, _OCID.findall(statement)))
