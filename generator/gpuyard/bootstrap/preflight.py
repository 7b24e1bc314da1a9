"""What is checked before the first write: names, addresses, images, limits and capacity. None of it costs anything."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network

from gpuyard.bootstrap.addressplan import addresses, subnets, usable
from gpuyard.bootstrap.checks import Check
from gpuyard.bootstrap.defects import defects
from gpuyard.bootstrap.difference import REGION, Action, Change
from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.fleet import Fleet
from gpuyard.bootstrap.ground import Reserved
from gpuyard.bootstrap.observe import Observed, whose
from gpuyard.bootstrap.offers import autoscalers
from gpuyard.bootstrap.parts.cluster import SERVICES
from gpuyard.bootstrap.parts.pools import GPU_PODS, max_pods
from gpuyard.bootstrap.room import room
from gpuyard.bootstrap.states import Standing, detail, standing
from gpuyard.doors.oci import Cloud
from gpuyard.project.stack import Cluster, Stack

__all__ = ["preflight"]


def preflight(
    cloud: Cloud,
    stack: Stack,
    observed: Observed,
    changes: Sequence[Change],
    fleets: Mapping[str, list[Fleet]],
    reserved: Mapping[str, Mapping[str, Reserved]],
) -> list[Check]:
    """Everything that stands against the changes, or is worth knowing before money is spent."""
    found = [*_names(observed, changes), *_images(changes), *_moved(changes), *_replaced(changes), *_states(changes)]
    gets = autoscalers(cloud, changes)
    found += [Check("autoscaler", text) for text in defects(changes, observed.ours, gets)]
    for cluster in stack.clusters:
        if not cluster.oci.cluster:
            found += _addresses(cluster, fleets[cluster.name])
        found += _reserved(cluster, fleets[cluster.name], reserved[cluster.name], observed)
    return [*found, *room(cloud, stack, observed, changes, fleets, reserved)]


def _names(observed: Observed, changes: Sequence[Change]) -> Iterator[Check]:
    """Names that only one can have, and somebody else has."""
    for change in changes:
        kind = KINDS[change.kind]
        if change.action is Action.CREATE and kind.unique and change.resource:
            name = change.resource.body[kind.unique]
            for other in observed.others:
                if other.kind == kind.name and other.name == name:
                    text = f"a {kind.title} {name} is there that {whose(other)} ({other.id}); choose another name"
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


def _moved(changes: Sequence[Change]) -> Iterator[Check]:
    """Clusters that the stack has in another region than before: one message each."""
    moved = {change.id.partition("/")[0]: places for change in changes if (places := _places(change))}
    for cluster, (before, after) in moved.items():
        text = f"{cluster}: it is in {before}, and moving it to {after} is not supported yet"
        yield Check("region", f"{text}; keep its region, or give the cluster in {after} another name", fatal=True)


def _places(change: Change) -> tuple[str, str] | None:
    """Before and after, where they differ."""
    return next(((str(each.before), str(each.after)) for each in change.fields if each.path == REGION), None)


def _replaced(changes: Sequence[Change]) -> Iterator[Check]:
    for change in changes:
        if change.action is Action.REPLACE and not _broken(change) and not _places(change):
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
