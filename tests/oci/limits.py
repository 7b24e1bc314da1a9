"""Service limits: how much there may be, and how much there is."""

from dataclasses import dataclass
from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import invalid, not_found
from tests.oci.kinds import KINDS
from tests.oci.thing import Answer, Request
from tests.oci.world import domains, world


@dataclass(frozen=True)
class Room:
    """How much of a limit is used."""

    used: int
    available: int


def room(cloud: Cloud, region: str, service: str, name: str, domain: str | None) -> Room:
    """What a limit leaves, in an availability domain where it is one's."""
    entry = world()["limits"][service][name]
    where = domain if entry["scope"] == "AD" else None
    most = cloud.limits.get(f"{name}/{where}", cloud.limits.get(name, entry["value"]))
    used = sum(
        weight(thing.has, name)
        for thing in _counted(cloud, service, name)
        if thing.region == region and where in {None, thing.has.get("availabilityDomain")}
    )
    return Room(used, max(0, most - used))


def _counted(cloud: Cloud, service: str, name: str) -> list[Any]:
    if service == "compute":
        return [each for each in cloud.all("instance") if world()["shapes"][each.has["shape"]]["limit"] == name]
    kinds = [kind.name for kind in KINDS.values() if kind.limit == (service, name)]
    return [each for kind in kinds for each in cloud.all(kind)]


def weight(has: dict[str, Any], name: str) -> int:
    """How much of a limit one thing takes: GPU limits count GPUs, and core limits cores."""
    if name.startswith("gpu"):
        return int(world()["shapes"][has["shape"]]["gpus"])
    return int(has["shapeConfig"]["ocpus"]) if name.endswith("core-count") else 1


@hooks.handles("limits", "get_resource_availability")
def _availability(cloud: Cloud, request: Request) -> Answer:
    service, name = request.path["serviceName"], request.path["limitName"]
    entry = world()["limits"].get(service, {}).get(name)
    if entry is None:
        raise not_found(f"limit {name} of {service}")
    domain = request.asked("availabilityDomain")
    if (entry["scope"] == "AD") != (domain is not None):
        raise invalid(
            f"availabilityDomain is {'required' if domain is None else 'not allowed'}: {name} is a limit of "
            f"scope {entry['scope']}"
        )
    if domain is not None and domain not in domains(request.region):
        raise invalid(f"availabilityDomain {domain} is none of {request.region}")
    found = room(cloud, request.region, service, name, domain)
    return Answer(
        {
            "used": found.used,
            "available": found.available,
            "fractionalUsage": float(found.used),
            "fractionalAvailability": float(found.available),
        }
    )


@hooks.handles("limits", "list_limit_definitions")
def _definitions(cloud: Cloud, request: Request) -> Answer:
    return Answer(
        [
            {
                "name": name,
                "serviceName": service,
                "description": name,
                "scopeType": entry["scope"],
                "areQuotasSupported": True,
                "isResourceAvailabilitySupported": True,
                "isDeprecated": False,
                "isEligibleForLimitIncrease": True,
                "isDynamic": False,
            }
            for service, name, entry in _all(request)
        ]
    )


@hooks.handles("limits", "list_limit_values")
def _values(cloud: Cloud, request: Request) -> Answer:
    def value(name: str, entry: dict[str, Any], domain: str | None) -> dict[str, Any]:
        most = cloud.limits.get(f"{name}/{domain}", cloud.limits.get(name, entry["value"]))
        said = {"name": name, "scopeType": entry["scope"], "value": most}
        return said if domain is None else {**said, "availabilityDomain": domain}

    return Answer(
        [
            value(name, entry, domain)
            for _, name, entry in _all(request)
            for domain in ([*domains(request.region)] if entry["scope"] == "AD" else [None])
        ]
    )


@hooks.handles("limits", "list_services")
def _services(cloud: Cloud, request: Request) -> Answer:
    return Answer([{"name": name, "description": name} for name in world()["limits"]])


def _all(request: Request) -> list[tuple[str, str, dict[str, Any]]]:
    wanted = request.asked("serviceName")
    return [
        (service, name, entry)
        for service, entries in world()["limits"].items()
        for name, entry in entries.items()
        if wanted in {None, service}
    ]
