"""VNICs and private addresses of what stands in subnets."""

import ipaddress

from tests.oci.cloud import Cloud
from tests.oci.errors import Refused
from tests.oci.thing import Thing

KEPT = 3
"""Addresses of a subnet that nobody gets: the first two and the last."""


def attach(cloud: Cloud, owner: Thing, subnet: str, nsgs: list[str], *, primary: bool) -> Thing:
    """A VNIC with one address; raises where the subnet has none left."""
    shared = {"compartmentId": owner.has["compartmentId"], "availabilityDomain": owner.has.get("availabilityDomain")}
    address = _address(cloud, subnet)
    vnic = cloud.add(
        "vnic",
        owner.region,
        {**shared, "subnetId": subnet, "nsgIds": nsgs, "privateIp": address, "isPrimary": primary},
        owner=owner.id,
    )
    cloud.add(
        "private_ip",
        owner.region,
        {**shared, "subnetId": subnet, "vnicId": vnic.id, "ipAddress": address, "isPrimary": True},
        owner=vnic.id,
    )
    if owner.name_of_kind == "instance":
        cloud.add(
            "vnic_attachment",
            owner.region,
            {**shared, "instanceId": owner.id, "subnetId": subnet, "vnicId": vnic.id},
            owner=owner.id,
        )
    return vnic


def addresses(cloud: Cloud, owner: Thing) -> list[Thing]:
    """The private addresses of what `attach` was for."""
    vnics = {each.id for each in cloud.children(owner.id) if each.name_of_kind == "vnic"}
    return [each for each in cloud.all("private_ip", owner.region) if each.has["vnicId"] in vnics]


def left(cloud: Cloud, subnet: str) -> int:
    """Addresses of a subnet that nobody has."""
    size: int = ipaddress.IPv4Network(cloud.things[subnet].has["cidrBlock"]).num_addresses
    taken = sum(each.has["subnetId"] == subnet for each in cloud.all("private_ip"))
    return size - KEPT - taken


def _address(cloud: Cloud, subnet: str) -> str:
    if left(cloud, subnet) < 1:
        raise Refused(400, "LimitExceeded", f"The subnet {subnet} does not have any available private IPs.")
    taken = {each.has["ipAddress"] for each in cloud.all("private_ip") if each.has["subnetId"] == subnet}
    block = ipaddress.IPv4Network(cloud.things[subnet].has["cidrBlock"])
    return next(str(each) for each in list(block.hosts())[1:] if str(each) not in taken)
