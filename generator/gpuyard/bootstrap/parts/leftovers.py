"""What controllers in the clusters made, and nobody takes away: load balancers, machines, volumes, mount targets."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.observe import Observed, together
from gpuyard.bootstrap.resource import STACK, Found, Kind, Place
from gpuyard.bootstrap.states import is_gone
from gpuyard.doors.oci import Cloud, Refused

__all__ = ["KINDS", "leftovers"]


def leftovers(cloud: Cloud, observed: Observed, stack: str) -> list[Found]:
    """In the stack's subnets, or with its tag, which the clusters give to what they make."""
    if observed.compartment is None:
        return []
    places = [Place(region, observed.compartment, domains) for region, domains in observed.domains.items()]
    subnets = frozenset(each.id for each in observed.ours.values() if each.kind == "subnet")
    nodes = _nodes(cloud, observed)
    calls = [partial(_of_kind, cloud, kind, place, subnets, stack) for place in places for kind in _LISTED]
    calls += [partial(_machines, cloud, place, subnets, nodes) for place in places]
    calls += [partial(_exports, cloud, place, observed, subnets, stack) for place in places]
    return [each for rows in together(calls) for each in rows]


def _of_kind(cloud: Cloud, kind: Kind, place: Place, subnets: frozenset[str], stack: str) -> list[Found]:
    rows = standard.find(cloud, kind, place, ())
    return [each for each in rows if each.tags.get(STACK) == stack or _subnets(each.data) & subnets]


def _subnets(data: Mapping[str, Any]) -> frozenset[str]:
    return frozenset([*(data.get("subnetIds") or ()), *filter(None, [data.get("subnetId")])])


def _nodes(cloud: Cloud, observed: Observed) -> frozenset[str]:
    """Machines of node pools, which go with them."""
    pools = [each for each in observed.ours.values() if each.kind in ("system-pool", "gpu-pool")]
    found = together(partial(_pool_nodes, cloud, pool) for pool in pools)
    return frozenset(each for ids in found for each in ids)


def _pool_nodes(cloud: Cloud, pool: Found) -> list[str]:
    data = cloud.call("container_engine", "get_node_pool", pool.id, region=pool.region).data
    return [node["id"] for node in data.get("nodes") or () if node.get("id")]


def _machines(cloud: Cloud, place: Place, subnets: frozenset[str], nodes: frozenset[str]) -> list[Found]:
    """In the stack's subnets and of no node pool: Karpenter's."""
    rows = cloud.listed("compute", "list_vnic_attachments", region=place.region, compartment_id=place.compartment)
    used = {row["instanceId"] for row in rows if row.get("subnetId") in subnets and row.get("instanceId") not in nodes}
    if not used:
        return []
    rows = cloud.listed("compute", "list_instances", region=place.region, compartment_id=place.compartment)
    machine = _KINDS["machine"]
    return [
        standard.found(machine, place.region, row)
        for row in rows
        if row["id"] in used and not is_gone(row.get("lifecycleState"))
    ]


def _exports(cloud: Cloud, place: Place, observed: Observed, subnets: frozenset[str], stack: str) -> list[Found]:
    """Mount targets and file systems of the driver of volumes, and the exports between them."""
    targets = [
        each
        for each in (*observed.others, *observed.ours.values())
        if each.kind == "mount-target" and each.region == place.region and _subnets(each.data) & subnets
    ]
    ours = {each.id for each in observed.ours.values()}
    found = [each for each in targets if each.id not in ours]
    systems: set[str] = set()
    for target in targets:
        rows = cloud.listed(
            "file_storage", "list_exports", region=place.region, export_set_id=target.data["exportSetId"]
        )
        for row in rows:
            if row["id"] not in ours and not is_gone(row.get("lifecycleState")):
                found.append(Found(kind="export", region=place.region, data=row))
                systems.add(row["fileSystemId"])
    others = [each for each in observed.others if each.kind == "file-system" and each.region == place.region]
    found += [each for each in others if each.id in systems or each.tags.get(STACK) == stack]
    return found


def _terminate(cloud: Cloud, kind: Kind, there: Found) -> None:
    what = f"terminate machine {there.name}"
    pause = 0.5
    try:
        cloud.call("compute", "terminate_instance", there.id, region=there.region, what=what, absent=True)
        while True:
            data = cloud.call("compute", "get_instance", there.id, region=there.region, what=what, absent=True).data
            if data.get("lifecycleState") == "TERMINATED":
                return
            cloud.pause(pause)
            pause = min(15.0, pause * 1.5)
    except Refused as error:
        if error.fault.status != 404:
            raise


def _never(*_: object) -> Any:
    raise AssertionError("only controllers make these")


def _find_none(cloud: Cloud, kind: Kind, place: Place, before: Iterable[Found]) -> Iterator[Found]:
    yield from ()


def _kind(name: str, title: str, service: str, noun: str, **more: Any) -> Kind:
    own: Mapping[str, Any] = {"find": standard.find, "delete": standard.delete, **more}
    return Kind(name=name, title=title, service=service, noun=noun, create=_never, update=_never, **own)


KINDS = (
    _kind("machine", "machine", "compute", "instance", find=_find_none, delete=_terminate, seconds=60),
    _kind("load-balancer", "load balancer", "load_balancer", "load_balancer", seconds=30),
    _kind(
        "network-load-balancer", "network load balancer", "network_load_balancer", "network_load_balancer", seconds=30
    ),
    _kind("volume", "block volume", "blockstorage", "volume", keeps=True),
    _kind("secret", "secret", "vaults", "secret", find=_find_none, delete=_never, keeps=True),
)
_KINDS: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
_LISTED = tuple(kind for kind in KINDS if kind.find is standard.find)
