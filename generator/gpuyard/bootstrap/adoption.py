"""A VCN that somebody else made: its gateways are used as they are, since it has at most one of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from gpuyard.bootstrap.addressplan import subnets
from gpuyard.bootstrap.resource import STACK
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


def adopted(cloud: Cloud, stack: Stack, compartment: str | None = None) -> dict[str, Adopted]:
    """By cluster, of those that name a VCN; Refused where it is not there.

    Its gateways and subnets are in its own compartment, or in the stack's, where another stack made them.
    """
    return {
        each.name: _adopted(cloud, stack, each, each.oci.vcn, compartment)
        for each in stack.clusters
        if each.oci.vcn and not each.oci.cluster
    }


def _adopted(cloud: Cloud, stack: Stack, cluster: Cluster, ocid: str, compartment: str | None) -> Adopted:
    region = cluster.region or ""
    what = f"read the VCN of the cluster {cluster.name}"
    vcn = cloud.call("virtual_network", "get_vcn", ocid, region=region, what=what).data
    parts, taken = {"vcn": ocid}, []
    for where in dict.fromkeys(filter(None, (vcn["compartmentId"], compartment))):
        options = {"region": region, "compartment_id": where, "vcn_id": ocid}
        for gateway in _GATEWAYS:
            for row in cloud.listed("virtual_network", f"list_{gateway.replace('-', '_')}s", **options):
                if _foreign(row, stack):
                    parts[gateway] = row["id"]
        taken += [row for row in cloud.listed("virtual_network", "list_subnets", **options) if _foreign(row, stack)]
    lacking = [gateway for gateway in _GATEWAYS if gateway not in parts]
    return Adopted(parts, (*_problems(cluster, vcn, taken), *_shared(stack, cluster, lacking)))


def _foreign(row: Mapping[str, Any], stack: Stack) -> bool:
    """Another stack's is somebody else's, too."""
    tags = row.get("freeformTags") or {}
    return not is_gone(row.get("lifecycleState")) and tags.get(STACK) != stack.name


def _shared(stack: Stack, cluster: Cluster, lacking: list[str]) -> Iterator[str]:
    """With clusters of the same stack, listed before it: each has its own addresses, and none the others' gateways."""
    for other in stack.clusters[: stack.clusters.index(cluster)]:
        if other.oci.vcn != cluster.oci.vcn or other.oci.cluster:
            continue
        if ip_network(other.oci.cidr).overlaps(ip_network(cluster.oci.cidr)):
            yield (
                f"{cluster.name}: cidr {cluster.oci.cidr} overlaps with that of {other.name} ({other.oci.cidr}) in the"
                " same VCN; choose another part of it"
            )
        if lacking:
            names = ", ".join(each.replace("-", " ") for each in lacking)
            yield (
                f"{cluster.name}: it shares its VCN with {other.name}, and gateways that bootstrap makes are not shared"
                f" (not supported yet); make its {names} in the Console first, or name another VCN"
            )
        return


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
