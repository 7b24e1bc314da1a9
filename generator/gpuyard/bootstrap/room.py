"""Whether there is room for what is new: service limits of all of it together, and hosts for nodes with GPUs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gpuyard.bootstrap.checks import Check
from gpuyard.bootstrap.difference import Action, Change
from gpuyard.bootstrap.fleet import Fleet
from gpuyard.bootstrap.ground import Reserved
from gpuyard.bootstrap.observe import Observed
from gpuyard.bootstrap.resource import Resource
from gpuyard.doors.oci import Cloud, Refused
from gpuyard.project.stack import Cluster, Stack

__all__ = ["room"]

_COUNTED: Mapping[str, tuple[str, str]] = {
    "vcn": ("vcn", "vcn-count"),
    "cluster": ("container-engine", "cluster-count"),
    "file-system": ("filesystem", "file-system-count"),
    "mount-target": ("filesystem", "mount-target-count"),
}
"""By kind: service and limit; of an availability domain where the resource is in one."""
_CORES = "-core-count"
_NONE_LEFT = "OUT_OF_HOST_CAPACITY"
_NOT_OFFERED = "is not offered"
_MORE = "ask for more in the Console under Limits, Quotas and Usage"
_UNTOLD = (400, 403, 404)
"""OCI does not say, or not to this login; a limit that is reached is then said when something is made."""


class _Limit(NamedTuple):
    region: str
    service: str
    name: str
    domain: str
    """Empty: it is one of the region."""


def room(
    cloud: Cloud,
    stack: Stack,
    observed: Observed,
    changes: Sequence[Change],
    fleets: Mapping[str, list[Fleet]],
    reserved: Mapping[str, Mapping[str, Reserved]],
) -> Iterator[Check]:
    """All that does not fit; nodes from a capacity reservation count against their limit already."""
    space = _Space(cloud, observed)
    yield from space.of_parts(changes)
    growing = {each.id for each in changes if each.action in (Action.CREATE, Action.UPDATE)}
    for cluster in stack.clusters:
        for fleet in fleets[cluster.name]:
            if fleet.node.name not in reserved[cluster.name] and _nodes(cluster, fleet) in growing:
                yield from space.of_fleet(cluster, fleet)


def _nodes(cluster: Cluster, fleet: Fleet) -> str:
    return f"{cluster.name}/nodes-{fleet.node.name}"


class _Space:
    """What limits leave, less what was given away already."""

    def __init__(self, cloud: Cloud, observed: Observed) -> None:
        self._cloud, self._observed = cloud, observed
        self._left: dict[_Limit, int | None] = {}
        self._shapes: dict[tuple[str, str], Mapping[str, Sequence[str]]] = {}

    def of_parts(self, changes: Sequence[Change]) -> Iterator[Check]:
        """Everything but nodes with GPUs."""
        needs: dict[_Limit, int] = {}
        for change in changes:
            if change.action is Action.CREATE and change.resource:
                for limit, amount in self._needs(change.resource):
                    needs[limit] = needs.get(limit, 0) + amount
        for limit, amount in needs.items():
            where = limit.domain or limit.region
            if not limit.service:
                text = f"{where}: {limit.name} {_NOT_OFFERED}; choose another OCI shape or region"
                yield Check("limit", text, fatal=True)
            elif (left := self._available(limit)) is not None and left < amount:
                are = "is" if amount == 1 else "are"
                text = f"{where}: limit {limit.name} leaves {left}, {amount} {are} needed; {_MORE}"
                yield Check("limit", text, fatal=True)

    def _needs(self, resource: Resource) -> Iterator[tuple[_Limit, int]]:
        """Without a service: a shape that is not offered there."""
        region, body = resource.region, resource.body
        if resource.kind in _COUNTED:
            service, name = _COUNTED[resource.kind]
            yield _Limit(region, service, name, body.get("availabilityDomain", "")), 1
        elif resource.kind == "system-pool":
            domains = [each["availabilityDomain"] for each in body["nodeConfigDetails"]["placementConfigs"]]
            for number, domain in enumerate(domains):
                nodes = (body["nodeConfigDetails"]["size"] + len(domains) - 1 - number) // len(domains)
                limits = self._of_shape(region, domain, body["nodeShape"])
                if limits is None:
                    yield _Limit(region, "", body["nodeShape"], domain), 1
                for name in limits or ():
                    if nodes and name.endswith(_CORES):
                        yield _Limit(region, "compute", name, domain), nodes * int(body["nodeShapeConfig"]["ocpus"])

    def of_fleet(self, cluster: Cluster, fleet: Fleet) -> Iterator[Check]:
        """The nodes of an OCI shape that are missing, in whichever availability domains they may be."""
        region, shape, own = cluster.region or "", fleet.node.name, _nodes(cluster, fleet)
        have = int(self._observed.ours[own].data["size"]) if own in self._observed.ours else 0
        missing = fleet.least - have
        if missing <= 0:
            return
        fitting = {domain: self._fitting(region, domain, fleet, missing) for _, domain in self._domains(cluster)}
        if sum(count for count, _ in fitting.values()) < missing:
            reasons = [f"AD-{number}: {fitting[domain][1]}" for number, domain in self._domains(cluster)]
            told = "; ".join(reasons) or "the region has none of its availability domains"
            offered = not all(each.endswith(_NOT_OFFERED) for each in reasons)
            hint = _MORE if offered else "choose another OCI shape or region"
            text = f"{cluster.name}: {missing} {shape} cannot start. {told}; {hint}"
            yield Check("limit", text, fatal=True, short="" if have else own)
            return
        for domain, (count, _) in fitting.items():
            self._take(region, domain, fleet, min(count, missing))
            missing -= min(count, missing)
        yield from self._hosts(cluster, shape, [domain for domain, (count, _) in fitting.items() if count])

    def _hosts(self, cluster: Cluster, shape: str, domains: Sequence[str]) -> Iterator[Check]:
        """What Oracle's capacity report says; who may not ask for it goes without."""
        try:
            empty = [
                f"AD-{number}"
                for number, domain in self._domains(cluster)
                if domain in domains and _none_left(self._cloud, cluster.region or "", domain, shape)
            ]
        except Refused as error:
            if error.fault.status not in _UNTOLD:
                raise
            text = f"this login may not ask for capacity reports, so whether there are hosts for {shape} is not known"
            yield Check("capacity", f"{cluster.name}: {text}; a policy of the tenancy allows it")
            return
        if empty:
            text = (
                f"no capacity for {shape} in {', '.join(empty)} at the moment; the report promises nothing either way"
            )
            yield Check("capacity", f"{cluster.name}: {text}")

    def _domains(self, cluster: Cluster) -> Iterator[tuple[int, str]]:
        domains = self._observed.domains[cluster.region or ""]
        for number in cluster.oci.availability_domains or range(1, len(domains) + 1):
            if number <= len(domains):
                yield number, domains[number - 1]

    def _fitting(self, region: str, domain: str, fleet: Fleet, missing: int) -> tuple[int, str]:
        """How many of the missing nodes fit there, and why not all."""
        limits = self._of_shape(region, domain, fleet.node.name)
        if limits is None:
            return 0, f"{fleet.node.name} {_NOT_OFFERED}"
        fits, why = missing, ""
        for name in limits:
            left = self._available(_Limit(region, "compute", name, domain))
            if left is not None and left // fleet.node.gpus < fits:
                fits = left // fleet.node.gpus
                why = f"limit {name} leaves {left} GPUs, {missing * fleet.node.gpus} are needed"
        return fits, why

    def _take(self, region: str, domain: str, fleet: Fleet, count: int) -> None:
        for name in self._of_shape(region, domain, fleet.node.name) or ():
            limit = _Limit(region, "compute", name, domain)
            if (left := self._left.get(limit)) is not None:
                self._left[limit] = left - count * fleet.node.gpus

    def _of_shape(self, region: str, domain: str, shape: str) -> Sequence[str] | None:
        """Names of its limits; None: it is not offered there."""
        if (region, domain) not in self._shapes:
            rows = self._cloud.listed(
                "compute", "list_shapes", region=region, compartment_id=self._cloud.tenancy, availability_domain=domain
            )
            self._shapes[region, domain] = {row["shape"]: row.get("quotaNames") or () for row in rows}
        return self._shapes[region, domain].get(shape)

    def _available(self, limit: _Limit) -> int | None:
        """What is left of it in the compartment, whose quota may be smaller; None: OCI does not say."""
        if limit not in self._left:
            where: dict[str, Any] = {"availability_domain": limit.domain} if limit.domain else {}
            compartment = self._observed.compartment or self._observed.parent
            try:
                self._left[limit] = self._cloud.call(
                    "limits", "get_resource_availability", limit.service, limit.name, compartment,
                    region=limit.region, absent=True, **where,
                ).data.get("available")  # fmt: skip
            except Refused as error:
                if error.fault.status not in _UNTOLD:
                    raise
                self._left[limit] = None
        return self._left[limit]


def _none_left(cloud: Cloud, region: str, domain: str, shape: str) -> bool:
    body = {
        "compartmentId": cloud.tenancy,
        "availabilityDomain": domain,
        "shapeAvailabilities": [{"instanceShape": shape}],
    }
    report = cloud.call("compute", "create_compute_capacity_report", body, region=region, absent=True).data
    rows = report["shapeAvailabilities"]
    return bool(rows) and all(row["availabilityStatus"] == _NONE_LEFT for row in rows)
