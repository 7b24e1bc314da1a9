"""Identity: the tenancy, its regions and domains; compartments, policies and dynamic groups."""

import re
from collections.abc import Iterator
from typing import Any

from tests.oci import hooks, work
from tests.oci.cloud import TENANCY, Cloud
from tests.oci.errors import invalid, not_found
from tests.oci.thing import Answer, Request, Thing
from tests.oci.world import domains, world

_STATEMENT = re.compile(
    r"(allow|endorse|admit|define)\s+(any-user|any-group|service|group|dynamic-group)\b.+\bto\s+.+\bin\s+"
    r"(tenancy|compartment)\b.*",
    re.IGNORECASE | re.DOTALL,
)


@hooks.handles("identity", "get_tenancy")
def _tenancy(cloud: Cloud, request: Request) -> Answer:
    if request.target != TENANCY:
        raise not_found(request.target)
    root = cloud.things[TENANCY]
    return Answer({**root.has, "homeRegionKey": world()["regions"][cloud.home]["key"]})


@hooks.handles("identity", "list_regions")
def _regions(cloud: Cloud, request: Request) -> Answer:
    return Answer([{"key": each["key"], "name": name} for name, each in world()["regions"].items()])


@hooks.handles("identity", "list_region_subscriptions")
def _subscriptions(cloud: Cloud, request: Request) -> Answer:
    return Answer(
        [
            {
                "regionKey": world()["regions"][name]["key"],
                "regionName": name,
                "status": "READY",
                "isHomeRegion": name == cloud.home,
            }
            for name in cloud.subscribed
        ]
    )


@hooks.handles("identity", "list_availability_domains")
def _domains(cloud: Cloud, request: Request) -> Answer:
    cloud.find(str(request.asked("compartmentId")), request.region, "compartment")
    return Answer(
        [
            {"name": name, "id": f"ocid1.availabilitydomain.oc1..{name.lower()}", "compartmentId": TENANCY}
            for name in domains(request.region)
        ]
    )


@hooks.handles("identity", "list_fault_domains")
def _fault_domains(cloud: Cloud, request: Request) -> Answer:
    domain = request.asked("availabilityDomain")
    if domain not in domains(request.region):
        raise invalid(f"availabilityDomain {domain} is none of {request.region}")
    return Answer(
        [
            {
                "name": name,
                "id": f"ocid1.faultdomain.oc1..{domain}.{name}".lower(),
                "availabilityDomain": domain,
                "compartmentId": request.asked("compartmentId"),
            }
            for name in world()["faultDomains"]
        ]
    )


@hooks.of(hooks.CHECKS, "dynamic_group")
def _check_group(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    if body["compartmentId"] != TENANCY:
        raise not_found("dynamic groups are made in the tenancy's root compartment")


@hooks.of(hooks.CHECKS, "policy")
def _check_policy(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    _statements(cloud, body)


@hooks.of(hooks.AMENDED, "policy")
def _amend_policy(cloud: Cloud, thing: Thing, body: dict[str, Any]) -> None:
    _statements(cloud, body)


def _statements(cloud: Cloud, body: dict[str, Any]) -> None:
    statements = body.get("statements")
    if statements is None:
        return
    if not statements:
        raise invalid("statements: at least one is required")
    for each in statements:
        if not _STATEMENT.fullmatch(each):
            raise invalid(f"No permissions found: unable to parse policy statement: {each}")
        for one in _compartments(cloud, each):
            if one is None or one.gone or one.hidden:
                _seen(one)
                raise invalid(f"A compartment does not exist under current compartment hierarchy, in: {each}")


def _compartments(cloud: Cloud, statement: str) -> Iterator[Thing | None]:
    """The compartments that a statement names: by OCIDs, or as a path of names."""
    for id in re.findall(r"ocid1\.(?:compartment|tenancy)\.[a-z0-9.-]+", statement):
        yield cloud.things.get(id)
    if named := re.search(r"\sin\s+compartment\s+(?!id\s)(\S+)", statement, re.IGNORECASE):
        name = named[1].split(":")[-1]
        yield next((each for each in cloud.all("compartment") if each.has["name"] == name), None)


def _seen(thing: Thing | None) -> None:
    if thing is not None and thing.hidden:
        thing.hidden -= 1


@hooks.of(hooks.LEAVES, "compartment")
def _leave(cloud: Cloud, thing: Thing) -> None:
    if thing.id == TENANCY:
        raise not_found(thing.id)


@hooks.of(hooks.WORK, "delete compartment")
def _delete(cloud: Cloud, task: Thing, _: dict[str, str]) -> None:
    """Only an empty compartment goes; another one is there again."""
    compartment = cloud.things[task.note["of"]]
    inside = [
        each
        for each in cloud.things.values()
        if not each.gone
        and each.name_of_kind != "work_request"
        and each.id != compartment.id
        and each.has.get("compartmentId") == compartment.id
    ]
    if inside:
        compartment.state = compartment.kind.ready
        names = ", ".join(f"{each.name_of_kind} {each.id}" for each in inside[:3])
        work.fail(cloud, task, "Conflict", f"The compartment is not empty: {names}")
        return
    cloud.end(compartment)
    work.acted(task, "DELETED")
