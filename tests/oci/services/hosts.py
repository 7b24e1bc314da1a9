"""Compute: hosts and who has them, capacity reports, and reservations."""

from typing import Any

from tests.oci import hooks
from tests.oci.cloud import TENANCY, Cloud
from tests.oci.errors import Refused, invalid, not_found
from tests.oci.limits import room, weight
from tests.oci.thing import Answer, Request, Thing
from tests.oci.world import domains, world

NO_CAPACITY = "Out of host capacity."


def free(cloud: Cloud, region: str, shape: str, domain: str, fault_domain: str | None) -> int:
    """Hosts of a shape that nobody has: of one fault domain, or of the whole availability domain."""
    if fault_domain is None:
        of_domain = cloud.capacity.get(f"{shape}/{domain}", cloud.capacity.get(shape))
        parts = sum(free(cloud, region, shape, domain, each) for each in world()["faultDomains"])
        return parts if of_domain is None else min(parts, max(0, of_domain - _used(cloud, region, shape, domain, None)))
    narrow = cloud.capacity.get(f"{shape}/{domain}/{fault_domain}")
    if narrow is not None:
        return max(0, narrow - _used(cloud, region, shape, domain, fault_domain))
    wide = cloud.capacity.get(f"{shape}/{domain}", cloud.capacity.get(shape))
    if wide is not None:
        return max(0, wide - _used(cloud, region, shape, domain, None))
    return max(0, int(world()["shapes"][shape]["hosts"]) - _used(cloud, region, shape, domain, fault_domain))


def _used(cloud: Cloud, region: str, shape: str, domain: str, fault_domain: str | None) -> int:
    taken = [each.has for each in cloud.all("instance", region)]
    held = [
        {**one, "availabilityDomain": each.has["availabilityDomain"], "shape": one["instanceShape"]}
        for each in cloud.all("compute_capacity_reservation", region)
        for one in each.has["instanceReservationConfigs"]
    ]

    def here(has: dict[str, Any]) -> bool:
        at = has["shape"] == shape and has["availabilityDomain"] == domain
        return at and fault_domain in {None, has.get("faultDomain")}

    loose = sum(here(has) for has in taken if not has.get("capacityReservationId"))
    return loose + sum(int(has["reservedCount"]) for has in held if here(has))


@hooks.handles("compute", "create_compute_capacity_report")
def _report(cloud: Cloud, request: Request) -> Answer:
    body = request.body
    if body["compartmentId"] != TENANCY:
        raise not_found("compartmentId: a capacity report is the tenancy's, so this is its OCID")
    if body["availabilityDomain"] not in domains(request.region):
        raise invalid(f"availabilityDomain {body['availabilityDomain']} is none of {request.region}")
    said = [
        {**each, **_available(cloud, request.region, body["availabilityDomain"], each)}
        for each in body["shapeAvailabilities"]
    ]
    return Answer({**body, "shapeAvailabilities": said, "timeCreated": cloud.now()})


def _available(cloud: Cloud, region: str, domain: str, asked: dict[str, Any]) -> dict[str, Any]:
    shape = asked["instanceShape"]
    if shape not in world()["shapes"]:
        return {"availabilityStatus": "HARDWARE_NOT_SUPPORTED"}
    count = free(cloud, region, shape, domain, asked.get("faultDomain"))
    if count == 0:
        return {"availabilityStatus": "OUT_OF_HOST_CAPACITY", "availableCount": 0}
    return {"availabilityStatus": "AVAILABLE", "availableCount": count}


@hooks.of(hooks.CHECKS, "compute_capacity_reservation")
def _check_reservation(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    if body["availabilityDomain"] not in domains(request.region):
        raise invalid(f"availabilityDomain {body['availabilityDomain']} is none of {request.region}")
    for each in body.get("instanceReservationConfigs") or []:
        if each["instanceShape"] not in world()["shapes"]:
            raise invalid(f"instanceShape {each['instanceShape']} is unknown")
        left = free(cloud, request.region, each["instanceShape"], body["availabilityDomain"], each.get("faultDomain"))
        if each["reservedCount"] > left:
            raise Refused(500, "InternalError", NO_CAPACITY)


@hooks.of(hooks.BORN, "compute_capacity_reservation")
def _reservation(cloud: Cloud, thing: Thing) -> None:
    configs = [{**each, "usedCount": 0} for each in thing.has.get("instanceReservationConfigs") or []]
    count = sum(int(each["reservedCount"]) for each in configs)
    thing.has.update(instanceReservationConfigs=configs, reservedInstanceCount=count, usedInstanceCount=0)


def reserved(cloud: Cloud, reservation: str, shape: str) -> int:
    """Hosts of a reservation that no instance has yet."""
    configs = cloud.things[reservation].has["instanceReservationConfigs"]
    held = sum(int(each["reservedCount"]) for each in configs if each["instanceShape"] == shape)
    return held - sum(each.has.get("capacityReservationId") == reservation for each in cloud.all("instance"))


def fault_domain(cloud: Cloud, region: str, wanted: dict[str, Any], place: dict[str, Any]) -> str:
    """Where in a placement a host is free for an instance; raises what a launch says where none is."""
    shape, domain = wanted["shape"], place["availabilityDomain"]
    limit = world()["shapes"][shape]["limit"]
    if room(cloud, region, "compute", limit, domain).available < weight(wanted, limit):
        raise Refused(400, "LimitExceeded", f"The following service limits were exceeded: {limit}.")
    parts = place.get("faultDomains") or world()["faultDomains"]
    if reservation := place.get("capacityReservationId"):
        if reserved(cloud, reservation, shape) < 1:
            raise Refused(500, "InternalError", NO_CAPACITY)
        return str(parts[0])
    best = max(parts, key=lambda each: free(cloud, region, shape, domain, each))
    if free(cloud, region, shape, domain, best) < 1:
        raise Refused(500, "InternalError", NO_CAPACITY)
    return str(best)
