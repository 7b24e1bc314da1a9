"""Node pools: one without GPUs, one for each OCI shape with GPUs and availability domain, and how many nodes they have.

A GPU pool is made empty, and grows afterwards: where there is no capacity the pool stays whole, and the next
availability domain is tried.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.fleet import Fleet
from gpuyard.bootstrap.ground import Ground
from gpuyard.bootstrap.parts.nodestart import NVME_LABEL, user_data
from gpuyard.bootstrap.resource import RESOURCE, SPEC, STACK, Found, Kind, Place, Resource
from gpuyard.bootstrap.states import Standing, standing
from gpuyard.catalogue.oracle import oracle
from gpuyard.catalogue.shapes import HOURS_A_MONTH
from gpuyard.doors.oci import LIMITS, Cloud, NoCapacity, Refused, wait_for_work

__all__ = ["DISK_TAG", "KINDS", "SYSTEM_DISK", "domains", "gpu_pools", "max_pods", "nodes", "places", "system_pool"]

DISK_TAG = "cluster-autoscaler/node-ephemeral-storage"
"""Without it the autoscaler never grows a pool from no nodes for pods that ask for a disk (autoscaler issue 9637)."""
SYSTEM_DISK = 100
"""GB of a boot volume."""
GPU_PODS = 31
"""Of a GPU node: its models and what runs on every node; more would only take addresses."""
_MOST_PODS = 110
_USED = 0.85
"""Of a boot volume, for pods; the rest is the system's."""


def max_pods(ocpus: int) -> int:
    """Of a node without GPUs: 31 for each VNIC behind the first, which every OCPU brings one of."""
    return min(_MOST_PODS, 31 * max(1, ocpus - 1))


def system_pool(ground: Ground) -> Resource:
    """Nodes for everything but models; over all availability domains."""
    system = ground.landing.system
    ocpu, memory = oracle().prices.system[system.shape]
    body = {
        **_head(ground, "pool-system", system.shape, SYSTEM_DISK, ()),
        "nodeShapeConfig": {"ocpus": float(system.ocpus), "memoryInGBs": float(system.memory)},
        "nodeConfigDetails": _details(ground, ground.region.domains, system.nodes, max_pods(system.ocpus)),
    }
    hour = system.ocpus * ocpu + system.memory * memory + _disk(SYSTEM_DISK)
    return Resource(
        id=ground.named("pool-system"), kind="system-pool", region=ground.region.name, body=body,
        usd_per_hour=system.nodes * hour,
    )  # fmt: skip


def domains(ground: Ground) -> Sequence[tuple[int, str]]:
    """Number and name of the availability domains where GPU nodes are looked for, in order."""
    wanted = ground.landing.availability_domains or range(1, len(ground.region.domains) + 1)
    return [(number, ground.region.domains[number - 1]) for number in wanted if number <= len(ground.region.domains)]


def places(ground: Ground, shape: str) -> Sequence[tuple[int, str]]:
    """Those for the nodes of an OCI shape: only the one of its capacity reservation, where it has one."""
    reserved = ground.reserved.get(shape)
    if reserved is None:
        return domains(ground)
    return [(number, name) for number, name in enumerate(ground.region.domains, 1) if name == reserved.domain]


def gpu_pools(ground: Ground, fleet: Fleet) -> Iterator[Resource]:
    """One for each availability domain, without nodes."""
    reserved = ground.reserved.get(fleet.node.name)
    for number, domain in places(ground, fleet.node.name):
        name = f"pool-{fleet.node.name}-ad{number}"
        drives = fleet.node.bare_metal and fleet.node.local_nvme_tb > 0
        labels = (("gpuyard.dev/shape", fleet.node.shape), *((NVME_LABEL,) if drives else ()))
        body = {
            **_head(ground, name, fleet.node.name, fleet.disk, labels),
            "nodeConfigDetails": _details(ground, [domain], 0, GPU_PODS, reserved.id if reserved else ""),
        }
        yield Resource(
            id=ground.named(name), kind="gpu-pool", region=ground.region.name, body=body,
            tags={DISK_TAG: f"{int(fleet.disk * _USED)}Gi"},
        )  # fmt: skip


def nodes(ground: Ground, fleet: Fleet) -> Resource:
    """How many nodes the pools of an OCI shape have together, at the least."""
    pools = [ground.link(f"pool-{fleet.node.name}-ad{number}") for number, _ in places(ground, fleet.node.name)]
    return Resource(
        id=ground.named(f"nodes-{fleet.node.name}"),
        kind="nodes",
        region=ground.region.name,
        body={"size": fleet.least, "pools": pools, "shape": fleet.node.name},
        after=(ground.named("pool-system"),),
        usd_per_hour=fleet.least * (fleet.node.price_usd_per_hour + _disk(fleet.disk)),
    )


def _disk(size: int) -> float:
    return size * oracle().prices.boot_volume_gb_month / HOURS_A_MONTH


def _head(ground: Ground, name: str, shape: str, disk: int, labels: Sequence[tuple[str, str]]) -> dict[str, Any]:
    image = (ground.region.images or {}).get((shape, ground.kubernetes), "")
    return {
        "compartmentId": ground.compartment,
        "clusterId": ground.lodging.cluster,
        "name": ground.display(name),
        "nodeShape": shape,
        "kubernetesVersion": ground.kubernetes,
        "initialNodeLabels": [{"key": key, "value": value} for key, value in labels],
        "nodeSourceDetails": {"sourceType": "IMAGE", "imageId": image, "bootVolumeSizeInGBs": disk},
        "nodeMetadata": {"user_data": user_data(nvme=NVME_LABEL in labels)},
    }


def _details(ground: Ground, where: Sequence[str], size: int, pods: int, reserved: str = "") -> dict[str, Any]:
    lodging, common = ground.lodging, {"capacityReservationId": reserved} if reserved else {}
    return {
        "size": size,
        "nsgIds": list(lodging.groups),
        "placementConfigs": [
            {"availabilityDomain": domain, "subnetId": lodging.subnet(domain), **common} for domain in where
        ],
        "nodePoolPodNetworkOptionDetails": {
            "cniType": "OCI_VCN_IP_NATIVE",
            "podSubnetIds": list(lodging.pods),
            "podNsgIds": list(lodging.pod_groups),
            "maxPodsPerNode": pods,
        },
    }


def _find(cloud: Cloud, kind: Kind, place: Place, before: Iterable[Found]) -> Iterator[Found]:
    """All pools at once: their names say of which kind they are."""
    for each in standard.find(cloud, kind, place, before):
        system = each.tags.get(RESOURCE, "").endswith("/pool-system")
        yield Found(kind=kind.name if system else "gpu-pool", region=each.region, data=each.data, tags=each.tags)


def _found_already(cloud: Cloud, kind: Kind, place: Place, before: Iterable[Found]) -> Iterator[Found]:
    yield from ()


def _update(cloud: Cloud, kind: Kind, there: Found, resource: Resource, body: Mapping[str, Any]) -> None:
    """As many nodes as it has: that is the autoscaler's affair."""
    size = there.data["nodeConfigDetails"]["size"]
    details = {**body["nodeConfigDetails"], "size": size}
    standard.update(cloud, kind, there, resource, {**body, "nodeConfigDetails": details})


def _count(cloud: Cloud, kind: Kind, place: Place, before: Iterable[Found]) -> Iterator[Found]:
    """Of each stack and OCI shape: of a pool that needs attention only nodes that are there, of a failed one none."""
    sizes: dict[tuple[str, str], int] = {}
    tags: dict[tuple[str, str], Mapping[str, str]] = {}
    for pool in before:
        if pool.kind == "gpu-pool" and pool.region == place.region and "/pool-" in pool.tags.get(RESOURCE, ""):
            name = pool.tags[RESOURCE].rpartition("-ad")[0].replace("/pool-", "/nodes-")
            own = pool.tags.get(STACK, ""), name
            sizes[own] = sizes.get(own, 0) + _size(cloud, kind, pool)
            tags[own] = {**pool.tags, RESOURCE: name, SPEC: ""}
    for own, size in sizes.items():
        yield Found(kind=kind.name, region=place.region, data={"id": own[1], "size": size}, tags=tags[own])


def _size(cloud: Cloud, kind: Kind, pool: Found) -> int:
    details = pool.data.get("nodeConfigDetails") or {}
    state = standing(kind, pool.state)
    if state in (Standing.USABLE, Standing.PENDING):
        return int(details.get("size") or 0)
    if state is Standing.BROKEN:
        return 0
    return _started(cloud.call(kind.service, "get_node_pool", pool.id, region=pool.region).data)


def _started(pool: Mapping[str, Any]) -> int:
    """Nodes that OCI found a host for."""
    return sum(node.get("lifecycleState") in ("ACTIVE", "CREATING", "UPDATING") for node in pool.get("nodes") or ())


def _grow(cloud: Cloud, kind: Kind, resource: Resource, body: Mapping[str, Any], _: str = "") -> Found:
    """In the first pool that OCI has hosts for; NoCapacity where none has, and the next run tries again."""
    what = f"start nodes {resource.id}"
    pools = [cloud.call(kind.service, "get_node_pool", each, region=resource.region).data for each in body["pools"]]
    have = {pool["id"]: _size(cloud, kind, _as_found(pool, resource)) for pool in pools}
    missing = body["size"] - sum(have.values())
    refused = None
    for pool in pools if missing > 0 else ():
        before = have[pool["id"]]
        try:
            _resize(cloud, kind, pool["id"], before + missing, resource.region, what)
        except Refused as error:
            if not (isinstance(error, NoCapacity) or error.fault.code in LIMITS):
                raise
            refused = error
            data = cloud.call(kind.service, "get_node_pool", pool["id"], region=resource.region, what=what).data
            started = _started(data)
            _resize(cloud, kind, pool["id"], started, resource.region, what)
            missing -= started - before
        else:
            missing = 0
            break
    if missing > 0 and refused:
        short = f"no availability domain has {missing} more {body['shape']} at the moment"
        text = f"{what}: {short}; everything else is kept, and the same command tries again"
        raise NoCapacity(text, refused.fault, started=body["size"] - missing) from refused
    return Found(kind=kind.name, region=resource.region, data={"id": resource.id, "size": body["size"]})


def _as_found(pool: Mapping[str, Any], resource: Resource) -> Found:
    return Found(kind="gpu-pool", region=resource.region, data=pool)


def _resize(cloud: Cloud, kind: Kind, pool: str, size: int, region: str, what: str) -> None:
    reply = cloud.call(
        kind.service, "update_node_pool", pool, {"nodeConfigDetails": {"size": size}}, region=region, what=what
    )
    wait_for_work(cloud, reply.headers["opc-work-request-id"], region=region, limit=5400, what=what)


def _regrow(cloud: Cloud, kind: Kind, there: Found, resource: Resource, body: Mapping[str, Any]) -> None:
    _grow(cloud, kind, resource, body)


def _leave(cloud: Cloud, kind: Kind, there: Found) -> None:
    """They go with their pools."""


_CHANGES = frozenset({"name", "kubernetesVersion", "initialNodeLabels", "nodeConfigDetails", "nodeSourceDetails"})
KINDS = (
    Kind(
        name="system-pool", title="node pool", service="container_engine", noun="node_pool", works=True, seconds=360,
        terraform="oci_containerengine_node_pool", changes=_CHANGES | {"nodeShape", "nodeShapeConfig"},
        unseen=frozenset({"nodeMetadata"}),
        find=_find, create=standard.create, update=standard.update, delete=standard.delete,
    ),
    Kind(
        name="gpu-pool", title="node pool", service="container_engine", noun="node_pool", works=True, seconds=30,
        terraform="oci_containerengine_node_pool", changes=_CHANGES,
        unseen=frozenset({"nodeMetadata", "nodeConfigDetails.size"}),
        find=_found_already, create=standard.create, update=_update, delete=standard.delete,
    ),
    Kind(
        name="nodes", title="nodes", service="container_engine", noun="node_pool", tagged=False, seconds=900,
        changes=frozenset({"size"}), unseen=frozenset({"pools", "shape"}), least=frozenset({"size"}),
        find=_count, create=_grow, update=_regrow, delete=_leave,
    ),
)  # fmt: skip
