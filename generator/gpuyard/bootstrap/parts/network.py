"""The network of a cluster: a VCN of its own, gateways, route tables, security lists, groups and subnets."""

from collections.abc import Iterator

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.addressplan import subnets
from gpuyard.bootstrap.ground import Ground
from gpuyard.bootstrap.resource import Kind, Resource
from gpuyard.catalogue.oracle import oracle

__all__ = ["KINDS", "network"]

_ANYWHERE = "0.0.0.0/0"
_PUBLIC = ("public-balancers",)


def _kind(name: str, title: str, noun: str, changes: str, unseen: str = "", listing: str = "") -> Kind:
    return Kind(
        name=name,
        title=title,
        service="virtual_network",
        noun=noun,
        listing=listing,
        terraform=f"oci_core_{noun}",
        changes=frozenset(["displayName", *changes.split()]),
        unseen=frozenset(unseen.split()),
        find=standard.find,
        create=standard.create,
        update=standard.update,
        delete=standard.delete,
    )


KINDS = (
    _kind("vcn", "VCN", "vcn", ""),
    _kind("internet-gateway", "internet gateway", "internet_gateway", "isEnabled"),
    _kind("nat-gateway", "NAT gateway", "nat_gateway", ""),
    _kind("service-gateway", "service gateway", "service_gateway", "services"),
    _kind("routes", "route table", "route_table", "routeRules"),
    # Controllers write the rules of load balancers into the lists of their subnets.
    _kind("security-list", "security list", "security_list", "", "ingressSecurityRules egressSecurityRules"),
    _kind("group", "network security group", "network_security_group", ""),
    _kind("subnet", "subnet", "subnet", "routeTableId securityListIds"),
)


def network(ground: Ground) -> Iterator[Resource]:
    """All of a cluster's network but the rules of its groups, and what somebody else made."""
    given = {ground.named(part) for part in ground.given}
    yield from (each for each in _all(ground) if each.id not in given)


def _all(ground: Ground) -> Iterator[Resource]:
    yield _part(ground, "vcn", "vcn", cidrBlocks=[ground.landing.cidr], dnsLabel=_label(ground.cluster.name))
    vcn = ground.link("vcn")
    yield _part(ground, "internet-gateway", "internet-gateway", vcnId=vcn, isEnabled=True)
    yield _part(ground, "nat-gateway", "nat-gateway", vcnId=vcn)
    services = [{"serviceId": ground.region.service_id}]
    yield _part(ground, "service-gateway", "service-gateway", vcnId=vcn, services=services)
    yield from _routes(ground)
    for name in ("security-list", "security-list-balancers"):
        empty: list[object] = []
        yield _part(ground, name, "security-list", vcnId=vcn, ingressSecurityRules=empty, egressSecurityRules=empty)
    for name in oracle().groups:
        yield _part(ground, f"group-{name}", "group", vcnId=vcn)
    yield from _subnets(ground)


def _routes(ground: Ground) -> Iterator[Resource]:
    public = [_route(ground.link("internet-gateway"), _ANYWHERE, "CIDR_BLOCK")]
    private = [
        _route(ground.link("nat-gateway"), _ANYWHERE, "CIDR_BLOCK"),
        _route(ground.link("service-gateway"), ground.region.service_label, "SERVICE_CIDR_BLOCK"),
    ]
    for name, rules in (("public", public), ("private", private)):
        yield _part(ground, f"routes-{name}", "routes", vcnId=ground.link("vcn"), routeRules=rules)


def _route(gateway: str, destination: str, kind: str) -> dict[str, str]:
    return {"networkEntityId": gateway, "destination": destination, "destinationType": kind}


def _subnets(ground: Ground) -> Iterator[Resource]:
    public = (*_PUBLIC, *(["control-plane"] if ground.landing.api else []))
    for name, cidr in subnets(ground.landing.cidr).items():
        balancers = "-balancers" if name.endswith("balancers") else ""
        yield _part(
            ground,
            f"subnet-{name}",
            "subnet",
            vcnId=ground.link("vcn"),
            cidrBlock=cidr,
            **({} if "vcn" in ground.given else {"dnsLabel": _label(name)}),  # it may have none, or this one
            prohibitPublicIpOnVnic=name not in public,
            routeTableId=ground.link("routes-public" if name in public else "routes-private"),
            securityListIds=[ground.link(f"security-list{balancers}")],
        )


def _part(ground: Ground, name: str, kind: str, **body: object) -> Resource:
    head = {"compartmentId": ground.compartment, "displayName": ground.display(name)}
    return Resource(id=ground.named(name), kind=kind, region=ground.region.name, body={**head, **body})


def _label(name: str) -> str:
    """A DNS label of letters and digits, of 15 at the most."""
    return "".join(char for char in name if char.isalnum())[:15]
