"""Capacity that somebody has reserved: each is in one availability domain, and its shape's nodes start only there."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from gpuyard.bootstrap.ground import Reserved
from gpuyard.bootstrap.observe import Observed, together
from gpuyard.bootstrap.states import is_gone
from gpuyard.doors.oci import Cloud
from gpuyard.project.stack import Cluster, Stack

__all__ = ["reservations"]

_USE = "use compute-capacity-reservations"


def reservations(cloud: Cloud, stack: Stack, observed: Observed) -> dict[str, dict[str, Reserved]]:
    """By cluster and OCI shape; Refused where one is not there."""
    named = [(each, shape, ocid) for each in stack.clusters for shape, ocid in each.oci.reservations.items()]
    found = together(partial(_read, cloud, observed, cluster, shape, ocid) for cluster, shape, ocid in named)
    return {
        each.name: {one.shape: one for (cluster, _, _), one in zip(named, found, strict=True) if cluster is each}
        for each in stack.clusters
    }


def _read(cloud: Cloud, observed: Observed, cluster: Cluster, shape: str, ocid: str) -> Reserved:
    region = cluster.region or ""
    what = f"read the capacity reservation of {shape} in {cluster.name}"
    data = cloud.call("compute", "get_compute_capacity_reservation", ocid, region=region, what=what).data
    configs = [each for each in data.get("instanceReservationConfigs") or () if each["instanceShape"] == shape]
    free = sum(int(each["reservedCount"]) - int(each.get("usedCount") or 0) for each in configs)
    domains = observed.domains[region]
    where = str(data["availabilityDomain"])
    allowed = [domains[number - 1] for number in cluster.oci.availability_domains if number <= len(domains)]
    problems = _problems(cluster, shape, data, configs=bool(configs), allowed=not allowed or where in allowed)
    return Reserved(
        id=ocid, shape=shape, domain=where, free=free, problems=tuple(problems),
        note="" if data["compartmentId"] == observed.compartment else _elsewhere(cluster, data["compartmentId"]),
    )  # fmt: skip


def _problems(cluster: Cluster, shape: str, data: Mapping[str, Any], *, configs: bool, allowed: bool) -> Iterator[str]:
    name = f"{cluster.name}: the capacity reservation {data.get('displayName') or data['id']}"
    if is_gone(data.get("lifecycleState")):
        yield f"{name} is {data['lifecycleState']}; name another one, or none"
    elif not configs:
        yield f"{name} holds no {shape}; name one that does"
    if not allowed:
        yield f"{name} is in {data['availabilityDomain']}, which availabilityDomains of the cluster leaves out"


def _elsewhere(cluster: Cluster, compartment: str) -> str:
    statement = f"Allow any-user to {_USE} in compartment id {compartment} where request.principal.type = 'nodepool'"
    return f"{cluster.name}: a capacity reservation is in another compartment, where a policy has to say: {statement}"
