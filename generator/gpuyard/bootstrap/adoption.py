"""A VCN that somebody else made: its gateways are used as they are, since it has at most one of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from gpuyard.bootstrap.addressplan import subnets
from gpuyard.bootstrap.resource import MANAGED
from gpuyard.bootstrap.states import is_gone
from gpuyard.doors.oci import Cloud
from gpuyard.project.stack import Cluster, Stack

__all__ = ["Adopted", "adopted"]

_GATEWAYS = ("internet-gateway", "nat-gateway", "service-gateway")


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a cluster does not make: OCIDs by part; and what stands against using it."""

    parts: Mapping[str, str]
    problems: tuple[str, ...]


def adopted(cloud: Cloud, stack: Stack) -> dict[str, Adopted]:
    """By cluster, of those that name a VCN; Refused where it is not there."""
    return {
        each.name: _adopted(cloud, each, each.oci.vcn)
        for each in stack.clusters
        if each.oci.vcn and not each.oci.cluster
    }


def _adopted(cloud: Cloud, cluster: Cluster, ocid: str) -> Adopted:
    region = cluster.region or ""
    what = f"read the VCN of the cluster {cluster.name}"
    vcn = cloud.call("virtual_network", "get_vcn", ocid, region=region, what=what).data
    where = {"region": region, "compartment_id": vcn["compartmentId"], "vcn_id": ocid}
    parts = {"vcn": ocid}
    for gateway in _GATEWAYS:
        for row in cloud.listed("virtual_network", f"list_{gateway.replace('-', '_')}s", **where):
            if _foreign(row):
                parts[gateway] = row["id"]
    taken = [row for row in cloud.listed("virtual_network", "list_subnets", **where) if _foreign(row)]
    return Adopted(parts, tuple(_problems(cluster, vcn, taken)))


def _foreign(row: Mapping[str, Any]) -> bool:
    tags = row.get("freeformTags") or {}
    return not is_gone(row.get("lifecycleState")) and tags.get(MANAGED) != "gpuyard"


def _problems(cluster: Cluster, vcn: Mapping[str, Any], taken: list[Mapping[str, Any]]) -> Iterator[str]:
    """Our subnets are inside the VCN, and where nobody else's are."""
    cidr = cluster.oci.cidr
    if is_gone(vcn.get("lifecycleState")):
        yield f"{cluster.name}: the VCN {vcn['id']} is {vcn['lifecycleState']}; name another one"
    inside = [each for each in vcn["cidrBlocks"] if ip_network(cidr).subnet_of(ip_network(each))]  # type: ignore[arg-type]  # both are of version 4
    if not inside:
        blocks = ", ".join(vcn["cidrBlocks"])
        yield f"{cluster.name}: cidr {cidr} is not inside the VCN, which has {blocks}; choose a part of it"
    ours = [ip_network(each) for each in subnets(cidr).values()]
    for row in taken:
        if any(ip_network(row["cidrBlock"]).overlaps(each) for each in ours):
            yield (
                f"{cluster.name}: cidr {cidr} overlaps with the subnet {row.get('displayName') or row['id']}"
                f" ({row['cidrBlock']}) of the VCN; choose another part of it"
            )
