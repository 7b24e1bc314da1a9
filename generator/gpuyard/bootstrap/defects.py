"""Known defects of the cluster autoscaler on OCI that the state of a stack meets: each is said, with what to do."""

import re
from collections.abc import Iterable, Iterator, Mapping

from gpuyard.bootstrap.difference import Change
from gpuyard.bootstrap.parts.pools import DISK_TAG
from gpuyard.bootstrap.resource import Found

__all__ = ["ISSUES", "defects"]

ISSUES = "https://github.com/kubernetes/autoscaler/issues"
_STUCK = (1, 35, 0)
"""The newest version of the autoscaler in which issue 9671 was seen; read 2026-11-22."""
_PERMISSION = "read cluster-work-requests"
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def defects(changes: Iterable[Change], ours: Mapping[str, Found]) -> Iterator[str]:
    """One text each; what `apply` repairs says so."""
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
    yield from _stuck(ours)
    for name, found in sorted(ours.items()):
        if found.kind == "gpu-pool" and found.state == "NEEDS_ATTENTION":
            yield (
                f"{name}: some of its nodes did not start; the autoscaler does not try another availability domain"
                f" ({ISSUES}/8700), apply does"
            )


def _needs(statements: Iterable[str]) -> bool:
    return any(_PERMISSION in each for each in statements)


def _stuck(ours: Mapping[str, Found]) -> Iterator[str]:
    for name, addon in sorted(ours.items()):
        if not name.endswith("/addon-ClusterAutoscaler"):
            continue
        match = _VERSION.match(str(addon.data.get("currentInstalledVersion") or ""))
        cluster = name.partition("/")[0]
        pools = [each for key, each in ours.items() if each.kind == "gpu-pool" and key.startswith(f"{cluster}/")]
        empty = [each for each in pools if not (each.data.get("nodeConfigDetails") or {}).get("size")]
        if match and tuple(map(int, match.groups())) <= _STUCK and pools and len(empty) == len(pools):
            yield (
                f"{cluster}: autoscaler {match[0]} may never start the first node of its pools, which are all empty"
                f" ({ISSUES}/9671); keep scaling.min of one blueprint at 1, or start one node by hand"
            )
