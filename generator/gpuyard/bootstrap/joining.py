"""An OKE cluster that somebody else made: GPU pools join it, in the network that its own node pools have.

It is never changed and never deleted; what it lacks is said. Its node pools show which subnets and groups let a node
reach its control plane, so that nobody has to write them down.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpuyard.bootstrap.addressplan import addresses, usable
from gpuyard.bootstrap.defects import of_release
from gpuyard.bootstrap.fleet import Fleet
from gpuyard.bootstrap.ground import Lodging
from gpuyard.bootstrap.observe import Observed
from gpuyard.bootstrap.parts.addons import AUTOSCALER
from gpuyard.bootstrap.parts.pools import GPU_PODS
from gpuyard.bootstrap.resource import MANAGED, STACK, Found
from gpuyard.bootstrap.states import is_gone
from gpuyard.doors.oci import Cloud, Refused
from gpuyard.project.stack import Cluster, Stack

__all__ = ["Joined", "joined"]

_NATIVE = "OCI_VCN_IP_NATIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What somebody else's cluster offers, what speaks against using it, and what is worth knowing."""

    lodging: Lodging | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def joined(
    cloud: Cloud, stack: Stack, observed: Observed, fleets: Mapping[str, list[Fleet]], files: Mapping[str, bool]
) -> dict[str, Joined]:
    """By cluster, of those that name one; `files` says where something needs file storage."""
    return {
        each.name: _joined(cloud, stack, observed, each, fleets[each.name], files=files[each.name])
        for each in stack.clusters
        if each.oci.cluster
    }


def _joined(
    cloud: Cloud, stack: Stack, observed: Observed, cluster: Cluster, fleets: Sequence[Fleet], *, files: bool
) -> Joined:
    found = observed.cluster(cluster.name)
    if found is None:
        text = "is not in this region, or the login may not read it; check region and cluster of the stack"
        return Joined(problems=(f"{cluster.name}: the cluster {cluster.oci.cluster} {text}",))
    problems = list(_problems(stack, cluster, found))
    if problems:
        return Joined(problems=tuple(problems))
    pool = _pool(cloud, found)
    if pool is None:
        text = "has no node pool; make one without GPUs in the Console, whose subnets and groups GPU nodes then have"
        return Joined(problems=(f"{cluster.name}: the cluster {found.name} {text}",))
    lodging = _lodging(found.id, pool["nodeConfigDetails"])
    problems = list(_network(cloud, cluster, found, lodging, fleets))
    notes = [f"{cluster.name}: GPU nodes get the subnets and groups of the node pool {pool['name']}"]
    notes += _lacking(cloud, stack, cluster, found, fleets, files=files)
    return Joined(lodging=lodging, problems=tuple(problems), notes=tuple(notes))


def _problems(stack: Stack, cluster: Cluster, found: Found) -> Iterator[str]:
    """Of the cluster as such: each would fail later, and some of them only when models run."""
    name, data = f"{cluster.name}: the cluster {found.name}", found.data
    if found.state not in ("ACTIVE", "UPDATING"):
        yield f"{name} is {found.state}; name one that is ACTIVE"
        return
    if (found.tags.get(MANAGED), found.tags.get(STACK)) == ("gpuyard", stack.name):
        yield f"{name} was made by this stack; remove cluster, and it stays as it is"
    if data.get("type") != "ENHANCED_CLUSTER":
        yield f"{name} is a basic cluster; make it an enhanced one in the Console, which has workload identity"
    cnis = [each.get("cniType") for each in data.get("clusterPodNetworkOptions") or ()]
    if _NATIVE not in cnis:
        kinds = ", ".join(str(each) for each in cnis) or "no CNI"
        yield f"{name} has {kinds}; name one with VCN-native pod networking ({_NATIVE}), chosen when it is made"
    version = str(data["kubernetesVersion"]).removeprefix("v")
    if not version.startswith(f"{cluster.kubernetes}."):
        minor = version.rpartition(".")[0]
        yield (
            f"{name} has Kubernetes {version}, and the stack says {cluster.kubernetes}; set kubernetes to {minor}, or"
            " upgrade the cluster: bootstrap never does"
        )
    if cluster.oci.vcn and cluster.oci.vcn != data["vcnId"]:
        yield f"{name} is in the VCN {data['vcnId']}, and vcn names another one; remove vcn"


def _pool(cloud: Cloud, found: Found) -> Mapping[str, Any] | None:
    """The first by name that is not gpuyard's and whose pods have addresses of the VCN."""
    rows = cloud.listed(
        "container_engine", "list_node_pools", region=found.region, compartment_id=found.data["compartmentId"],
        cluster_id=found.id,
    )  # fmt: skip
    usable_rows = [
        row
        for row in rows
        if not is_gone(row.get("lifecycleState"))
        and (row.get("freeformTags") or {}).get(MANAGED) != "gpuyard"
        and _pods(row.get("nodeConfigDetails") or {}).get("podSubnetIds")
    ]
    return min(usable_rows, key=lambda row: str(row["name"]), default=None)


def _pods(details: Mapping[str, Any]) -> Mapping[str, Any]:
    return details.get("nodePoolPodNetworkOptionDetails") or {}


def _lodging(cluster: str, details: Mapping[str, Any]) -> Lodging:
    places = details["placementConfigs"]
    pods = _pods(details)
    return Lodging(
        cluster=cluster,
        subnets={each["availabilityDomain"]: each["subnetId"] for each in places},
        groups=tuple(details.get("nsgIds") or ()),
        pods=tuple(pods["podSubnetIds"]),
        pod_groups=tuple(pods.get("podNsgIds") or ()),
    )


def _network(cloud: Cloud, cluster: Cluster, found: Found, lodging: Lodging, fleets: Sequence[Fleet]) -> Iterator[str]:
    """Its VCN and subnets are there for this login, and large enough for all pods of the most GPU nodes."""
    parts = {found.data["vcnId"]: "vcn", **dict.fromkeys([*lodging.subnets.values(), *lodging.pods], "subnet")}
    seen: dict[str, Mapping[str, Any]] = {}
    for ocid, noun in parts.items():
        what = f"read the {noun} of the cluster {cluster.name}"
        try:
            seen[ocid] = cloud.call("virtual_network", f"get_{noun}", ocid, region=found.region, what=what).data
        except Refused as error:
            if error.fault.status != 404:
                raise
            yield f"{cluster.name}: the login may not read the {noun} {ocid}; let it `use virtual-network-family`"
            return
        if is_gone(seen[ocid].get("lifecycleState")):
            yield f"{cluster.name}: the {noun} {ocid} of the cluster is {seen[ocid]['lifecycleState']}"
    room = sum(usable(seen[ocid]["cidrBlock"]) for ocid in lodging.pods)
    needed = sum(addresses(each.most, GPU_PODS) for each in fleets)
    if needed > room:
        nodes = sum(each.most for each in fleets)
        text = f"pods of {nodes} GPU nodes need {needed} addresses, and their subnets have {room}"
        yield f"{cluster.name}: {text}; lower scaling.max, or give its node pool a larger subnet for pods"


def _lacking(
    cloud: Cloud, stack: Stack, cluster: Cluster, found: Found, fleets: Sequence[Fleet], *, files: bool
) -> Iterator[str]:
    """What bootstrap makes in a cluster of its own, and leaves to others in this one."""
    rows = cloud.listed("container_engine", "list_addons", region=found.region, cluster_id=found.id)
    there = {row["name"]: row for row in rows if not is_gone(row.get("lifecycleState"))}
    if any(each.resource.startswith("nvidia.com/") for each in fleets) and "NvidiaGpuPlugin" not in there:
        yield (
            f"{cluster.name}: the cluster does not have the add-on NvidiaGpuPlugin, without which no node offers GPUs;"
            " enable it in the Console, or set platform.devicePlugin"
        )
    if fleets:
        yield (
            f"{cluster.name}: the cluster's autoscaler does not know the GPU pools: they keep the nodes of the fewest"
            " replicas until you add the pools to its setting `nodes`"
        )
    if fleets and (scaler := there.get(AUTOSCALER)):
        yield from of_release(cluster.name, str(scaler.get("currentInstalledVersion") or ""))
    if files:
        name = stack.storage["fss"]
        yield (
            f"{cluster.name}: file storage is not made for a cluster that is there; its StorageClass {name} has to be"
            " yours"
        )
