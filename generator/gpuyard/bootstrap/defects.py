"""Known defects of the cluster autoscaler on OCI that the state of a stack meets: each is said, with what to do."""

import re
from collections.abc import Iterable, Iterator, Mapping

from gpuyard.bootstrap.difference import Change
from gpuyard.bootstrap.parts.addons import AUTOSCALER
from gpuyard.bootstrap.parts.pools import DISK_TAG
from gpuyard.bootstrap.resource import Found
from gpuyard.catalogue.oracle import Fix, Release, oracle

__all__ = ["ISSUES", "defects", "of_release"]

ISSUES = "https://github.com/kubernetes/autoscaler/issues"
_NOT_REMOVED, _NOT_RECOVERED = 8315, 9703
"""Its fixes: a node that never started is removed, and it recovers where Oracle never gave that node an id."""
_PERMISSION = "read cluster-work-requests"
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def defects(changes: Iterable[Change], ours: Mapping[str, Found], offered: Mapping[str, str]) -> Iterator[str]:
    """One text each; what `apply` repairs says so. `offered` has the autoscaler's version of clusters without one."""
    for change in changes:
        if any(field.path == f"freeformTags.{DISK_TAG}" for field in change.fields):
            yield (
                f"{change.id}: without the tag {DISK_TAG} the autoscaler never grows this pool from no nodes"
                f" ({ISSUES}/9637); apply sets it"
            )
        if change.kind == "policy" and change.found and change.resource:
            statements = change.found.data.get("statements") or ()
            if _needs(change.resource.body["statements"]) and not _needs(statements):
                yield (
                    f"{change.id}: without `{_PERMISSION}` the autoscaler does not see that nodes failed to start,"
                    f" and waits for them ({ISSUES}/10306); apply adds it"
                )
    for cluster, version in sorted(_versions(ours, offered).items()):
        yield from of_release(cluster, version, empty=_empty(ours, cluster))
    for name, found in sorted(ours.items()):
        if found.kind == "gpu-pool" and found.state == "NEEDS_ATTENTION":
            yield (
                f"{name}: some of its nodes did not start; the autoscaler does not try another availability domain"
                f" ({ISSUES}/8700), apply does for the fewest replicas"
            )


def _needs(statements: Iterable[str]) -> bool:
    return any(_PERMISSION in each for each in statements)


def _versions(ours: Mapping[str, Found], offered: Mapping[str, str]) -> dict[str, str]:
    """By cluster: the autoscaler's that it has, or gets."""
    end = f"/addon-{AUTOSCALER}"
    there = {name.removesuffix(end): each.data for name, each in ours.items() if name.endswith(end)}
    return {**offered, **{name: str(data.get("currentInstalledVersion") or "") for name, data in there.items()}}


def _empty(ours: Mapping[str, Found], cluster: str) -> bool:
    """Whether it has GPU pools, and all of them are without nodes."""
    pools = [each for name, each in ours.items() if each.kind == "gpu-pool" and name.startswith(f"{cluster}/")]
    return bool(pools) and not any((each.data.get("nodeConfigDetails") or {}).get("size") for each in pools)


def of_release(cluster: str, version: str, *, empty: bool = False) -> Iterator[str]:
    """What a version of the autoscaler lacks; `empty`: it has to start the first node of its pools itself."""
    match = _VERSION.match(version)
    if match is None:
        return
    major, minor, patch = map(int, match.groups())
    release, fixes = (major, minor, patch), oracle().fixes
    name = f"{cluster}: autoscaler {_text(release)}"
    if not (fix := fixes[_NOT_REMOVED]).in_release(release):
        yield (
            f"{name} never removes a node for which Oracle had no host, and tries for ever"
            f" ({ISSUES}/{_NOT_REMOVED}); {_upgrade(fix, release)}"
        )
    if (fix := fixes[_NOT_RECOVERED]).in_release(release):
        return
    if empty:
        yield (
            f"{name} may never start the first node of its pools, which are all empty ({ISSUES}/9671); keep"
            f" scaling.min of one blueprint at 1, or start one node by hand, until you {_upgrade(fix, release)}"
        )
    else:
        yield (
            f"{name} goes on waiting for a node for which Oracle had no host, and tries no other pool"
            f" ({ISSUES}/{_NOT_RECOVERED}); where pods stay pending, set the size of that pool to the nodes that it"
            f" has, in the Console, until you {_upgrade(fix, release)}"
        )


def _upgrade(fix: Fix, release: Release) -> str:
    """The add-on goes with the cluster's version of Kubernetes."""
    first = fix.first_after(release)
    if first[:2] == release[:2]:
        return f"update the add-on {AUTOSCALER} to {_text(first)} or newer in the Console"
    return f"upgrade to Kubernetes {first[0]}.{first[1]}, whose autoscaler is repaired as of {_text(first)}"


def _text(release: Release) -> str:
    return ".".join(map(str, release))
