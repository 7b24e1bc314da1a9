"""What is checked before the first write: names, addresses, images, limits and capacity. None of it costs anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from gpuyard.bootstrap.addressplan import addresses, subnets, usable
from gpuyard.bootstrap.defects import defects
from gpuyard.bootstrap.difference import Action, Change
from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.fleet import Fleet
from gpuyard.bootstrap.ground import Reserved
from gpuyard.bootstrap.observe import Observed
from gpuyard.bootstrap.offers import autoscalers
from gpuyard.bootstrap.parts.cluster import SERVICES
from gpuyard.bootstrap.parts.pools import GPU_PODS, max_pods
from gpuyard.bootstrap.states import Standing, detail, standing
from gpuyard.doors.oci import Cloud, Refused
from gpuyard.project.stack import Cluster, Stack

__all__ = ["Check", "preflight"]

_NONE_LEFT = "OUT_OF_HOST_CAPACITY"
_NOT_OFFERED = "is not offered"


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked and found; `fatal`: nothing is written as long as it is so."""

    name: str
    message: str
    fatal: bool = False
    short: str = ""
    """Id of nodes of which none can start."""


def preflight(
    cloud: Cloud,
    stack: Stack,
    observed: Observed,
    changes: Sequence[Change],
    fleets: Mapping[str, list[Fleet]],
    reserved: Mapping[str, Mapping[str, Reserved]],
) -> list[Check]:
    """Everything that stands against the changes, or is worth knowing before money is spent."""
    found = [*_names(observed, changes), *_images(changes), *_replaced(changes), *_states(changes)]
    gets = autoscalers(cloud, changes)
    found += [Check("autoscaler", text) for text in defects(changes, observed.ours, gets)]
    for cluster in stack.clusters:
        if not cluster.oci.cluster:
            found += _addresses(cluster, fleets[cluster.name])
        growing = {each.id: each for each in changes if each.action in (Action.CREATE, Action.UPDATE)}
        held = reserved[cluster.name]
        found += _reserved(cluster, fleets[cluster.name], held, observed)
        for fleet in fleets[cluster.name]:
            if fleet.node.name in held:
                continue  # its hosts are kept for it, and count against the limit already
            if f"{cluster.name}/nodes-{fleet.node.name}" in growing and fleet.least:
                found += _capacity(cloud, cluster, fleet, observed)
    return found


def _names(observed: Observed, changes: Sequence[Change]) -> Iterator[Check]:
    """Names that only one can have, and somebody else has."""
    for change in changes:
        kind = KINDS[change.kind]
        if change.action is Action.CREATE and kind.unique and change.resource:
            name = change.resource.body[kind.unique]
            for other in observed.others:
                if other.kind == kind.name and other.name == name:
                    text = f"a {kind.title} {name} is there that gpuyard did not make ({other.id}); choose another name"
                    adopt = ", or set spec.oci.compartment to its OCID" if kind.name == "compartment" else ""
                    yield Check("name", f"{text}{adopt}", fatal=True)


def _images(changes: Sequence[Change]) -> Iterator[Check]:
    for change in changes:
        if change.action in (Action.CREATE, Action.UPDATE) and change.kind in ("system-pool", "gpu-pool"):
            body = change.resource.body if change.resource else {}
            if not body["nodeSourceDetails"]["imageId"]:
                shape, version = body["nodeShape"], body["kubernetesVersion"]
                text = f"OKE has no image for {shape} and Kubernetes {version}; choose another version or shape"
                yield Check("image", f"{change.id}: {text}", fatal=True)


def _replaced(changes: Sequence[Change]) -> Iterator[Check]:
    for change in changes:
        if change.action is Action.REPLACE and not _broken(change):
            keys = ", ".join(field.path for field in change.fields)
            text = f"{change.id}: {keys} cannot be changed in place, and replacing it is not supported yet"
            yield Check("replace", text, fatal=True)


def _broken(change: Change) -> bool:
    """Whether it is made anew because of its state: that is supported."""
    found = change.found
    return found is not None and standing(KINDS[found.kind], found.state) is Standing.BROKEN


def _states(changes: Sequence[Change]) -> Iterator[Check]:
    """What OCI itself says is wrong with what is there."""
    for change in changes:
        found = change.found
        if found is None or change.resource is None:
            continue
        told = f"{change.id} is {found.state}: {detail(found)}"
        match standing(KINDS[found.kind], found.state):
            case Standing.BROKEN:
                yield Check("state", f"{told}; it is deleted and created again")
            case Standing.BLOCKED:
                text = f"{told}; make it usable in the Console, or delete it ({found.id}) if nothing in it is needed"
                yield Check("state", text, fatal=True)
            case Standing.ODD:
                yield Check("state", f"{told}; look at it in the Console ({found.id})")
            case Standing.USABLE | Standing.PENDING | Standing.GONE:
                pass


def _reserved(
    cluster: Cluster, fleets: Sequence[Fleet], held: Mapping[str, Reserved], observed: Observed
) -> Iterator[Check]:
    """Whether each capacity reservation is one for this cluster, and has as many hosts as nodes are missing."""
    needed = {fleet.node.name: fleet.least for fleet in fleets}
    for shape, each in held.items():
        yield from (Check("reservation", text, fatal=True) for text in each.problems)
        there = observed.ours.get(f"{cluster.name}/nodes-{shape}")
        missing = needed.get(shape, 0) - (int(there.data["size"]) if there else 0)
        if missing > each.free and not each.problems:
            text = f"{missing} more {shape} are needed, and its capacity reservation has {each.free} free"
            yield Check(
                "reservation", f"{cluster.name}: {text}; enlarge it in the Console, or name another one", fatal=True
            )
        if each.note:
            yield Check("reservation", each.note)


def _addresses(cluster: Cluster, fleets: Sequence[Fleet]) -> Iterator[Check]:
    landing = cluster.oci
    if ip_network(landing.cidr).overlaps(ip_network(SERVICES)):
        text = (
            f"{cluster.name}: cidr {landing.cidr} overlaps with {SERVICES}, the addresses of Services; choose another"
        )
        yield Check("addresses", text, fatal=True)
        return
    ranges = subnets(landing.cidr)
    system = landing.system
    nodes = system.nodes + sum(fleet.most for fleet in fleets)
    pods = addresses(system.nodes, max_pods(system.ocpus)) + sum(addresses(each.most, GPU_PODS) for each in fleets)
    for what, needed, subnet in (("pods", pods, "pods"), ("nodes", nodes, "workers")):
        room = usable(ranges[subnet])
        if needed > room:
            text = f"{cluster.name}: {nodes} nodes need {needed} addresses for {what}, {ranges[subnet]} has {room}"
            yield Check("addresses", f"{text}; choose a larger spec.clusters[].oci.cidr", fatal=True)


def _capacity(cloud: Cloud, cluster: Cluster, fleet: Fleet, observed: Observed) -> Iterator[Check]:
    """Limits and capacity for the fewest nodes, in each availability domain where they may be."""
    region, shape = cluster.region or "", fleet.node.name
    domains = observed.domains[region]
    wanted = cluster.oci.availability_domains or range(1, len(domains) + 1)
    allowed, reasons, empty = False, [], []
    for number in wanted:
        if number > len(domains):
            continue
        domain = domains[number - 1]
        why = _limited(cloud, region, domain, shape, fleet)
        if why:
            reasons.append(f"AD-{number}: {why}")
            continue
        allowed = True
        if _none_left(cloud, region, domain, shape):
            empty.append(f"AD-{number}")
    if not allowed:
        told = "; ".join(reasons) or "the region has none of its availability domains"
        hint = "ask for more in the Console under Limits, Quotas and Usage"
        if all(each.endswith(_NOT_OFFERED) for each in reasons):
            hint = "choose another OCI shape or region"
        id_of = f"{cluster.name}/nodes-{shape}"
        short = "" if id_of in observed.ours and observed.ours[id_of].data["size"] else id_of
        yield Check(
            "limit", f"{cluster.name}: {fleet.least} {shape} cannot start. {told}; {hint}", fatal=True, short=short
        )
    elif empty:
        text = f"no capacity for {shape} in {', '.join(empty)} at the moment; the report promises nothing either way"
        yield Check("capacity", f"{cluster.name}: {text}")


def _limited(cloud: Cloud, region: str, domain: str, shape: str, fleet: Fleet) -> str:
    """Why not one more node of the shape starts there; empty: as far as limits go, all do."""
    rows = cloud.listed(
        "compute", "list_shapes", region=region, compartment_id=cloud.tenancy, availability_domain=domain
    )
    offer = next((row for row in rows if row["shape"] == shape), None)
    if offer is None:
        return f"{shape} {_NOT_OFFERED}"
    for limit in offer.get("quotaNames") or ():
        try:
            left = cloud.call(
                "limits", "get_resource_availability", "compute", limit, cloud.tenancy, region=region,
                availability_domain=domain,
            ).data.get("available")  # fmt: skip
        except Refused as error:
            if error.fault.status == 404:
                continue  # OCI does not say how much of it is left
            raise
        needed = fleet.least * fleet.node.gpus
        if left is not None and left < needed:
            return f"limit {limit} leaves {left} GPUs, {needed} are needed"
    return ""


def _none_left(cloud: Cloud, region: str, domain: str, shape: str) -> bool:
    body = {
        "compartmentId": cloud.tenancy,
        "availabilityDomain": domain,
        "shapeAvailabilities": [{"instanceShape": shape}],
    }
    report = cloud.call("compute", "create_compute_capacity_report", body, region=region).data
    rows = report["shapeAvailabilities"]
    return bool(rows) and all(row["availabilityStatus"] == _NONE_LEFT for row in rows)
