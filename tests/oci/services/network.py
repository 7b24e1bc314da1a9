"""Virtual network: VCNs with their default objects, gateways, route tables, subnets."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import conflict, invalid, limit_exceeded, not_found
from tests.oci.thing import Answer, Request, Thing
from tests.oci.world import domains, key_of, world

Network = ipaddress.IPv4Network
_LABEL = re.compile(r"[a-z][a-z0-9]{0,14}", re.IGNORECASE)
_DHCP = [{"type": "DomainNameServer", "serverType": "VcnLocalPlusInternet"}]


def network(text: str, *, least: int, most: int) -> Network:
    """A CIDR block of an allowed size."""
    try:
        found = Network(text)
    except ValueError:
        raise invalid(f"The requested CIDR {text} is invalid: not a network address") from None
    if not least <= found.prefixlen <= most:
        raise invalid(f"The requested CIDR {text} is invalid: the prefix has to be /{least} to /{most}")
    return found


def _apart(blocks: Iterable[Network], wanted: Network) -> None:
    for each in blocks:
        if each.overlaps(wanted):
            raise invalid(f"The requested CIDR {wanted} is invalid: it overlaps with {each}")


def _labelled(body: dict[str, Any]) -> None:
    label = body.get("dnsLabel")
    if label is not None and not _LABEL.fullmatch(label):
        raise invalid(f"dnsLabel: {label} has to be 1 to 15 letters and digits, and start with a letter")


@hooks.of(hooks.CHECKS, "vcn")
def _check_vcn(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    blocks = body.get("cidrBlocks") or []
    if bool(blocks) == bool(body.get("cidrBlock")):
        raise invalid("one of cidrBlocks and cidrBlock is required")
    found: list[Network] = []
    for each in blocks or [body["cidrBlock"]]:
        one = network(each, least=16, most=30)
        _apart(found, one)
        found.append(one)
    _labelled(body)


@hooks.of(hooks.BORN, "vcn")
def _vcn(cloud: Cloud, thing: Thing) -> None:
    has = thing.has
    has["cidrBlocks"] = has.get("cidrBlocks") or [has["cidrBlock"]]
    has["cidrBlock"] = has["cidrBlocks"][0]
    if label := has.get("dnsLabel"):
        has["vcnDomainName"] = f"{label}.oraclevcn.com"
    shared = {"compartmentId": has["compartmentId"], "vcnId": thing.id}
    name = has["displayName"]
    rest: dict[str, tuple[str, dict[str, Any]]] = {
        "defaultRouteTableId": ("route_table", {"routeRules": []}),
        "defaultSecurityListId": (
            "security_list",
            {
                "ingressSecurityRules": [],
                "egressSecurityRules": [
                    {
                        "protocol": "all",
                        "destination": "0.0.0.0/0",
                        "destinationType": "CIDR_BLOCK",
                        "isStateless": False,
                    }
                ],
            },
        ),
        "defaultDhcpOptionsId": ("dhcp_options", {"options": _DHCP}),
    }
    for field, (kind, more) in rest.items():
        about = {**shared, **more, "displayName": f"Default {kind.replace('_', ' ').title()} for {name}"}
        has[field] = cloud.add(kind, thing.region, about, owner=thing.id).id


@hooks.of(hooks.LEAVES, "route_table", "security_list", "dhcp_options")
def _default(cloud: Cloud, thing: Thing) -> None:
    if thing.owner:
        raise conflict(f"{thing.id} is the default of VCN {thing.owner} and goes with it")


def _only_one(cloud: Cloud, request: Request, kind: str, body: dict[str, Any], limit: str) -> None:
    if any(each.has["vcnId"] == body["vcnId"] for each in cloud.all(kind, request.region)):
        raise limit_exceeded(limit, 1)


@hooks.of(hooks.CHECKS, "internet_gateway")
def _check_internet(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    _only_one(cloud, request, "internet_gateway", body, "internet-gateway-count")


@hooks.of(hooks.CHECKS, "nat_gateway")
def _check_nat(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    _only_one(cloud, request, "nat_gateway", body, "nat-gateway-count")


@hooks.of(hooks.BORN, "nat_gateway")
def _nat(cloud: Cloud, thing: Thing) -> None:
    cloud.made += 1
    thing.has.update(
        {"natIp": f"203.0.113.{cloud.made % 250 + 1}", "blockTraffic": bool(thing.has.get("blockTraffic"))}
    )


def services(region: str) -> dict[str, dict[str, str]]:
    """What a service gateway reaches, by id."""
    key = key_of(region)
    found = {}
    for number, each in enumerate(world()["services"]):
        id = f"ocid1.service.oc1.{key}.aaaaaaaaservice{number}"
        name = each["name"].format(KEY=key.upper())
        found[id] = {"id": id, "name": name, "cidrBlock": each["cidrBlock"].format(key=key), "description": name}
    return found


@hooks.handles("virtual_network", "list_services")
def _services(cloud: Cloud, request: Request) -> Answer:
    return Answer(list(services(request.region).values()))


@hooks.handles("virtual_network", "get_service")
def _service(cloud: Cloud, request: Request) -> Answer:
    if request.target not in services(request.region):
        raise not_found(request.target)
    return Answer(services(request.region)[request.target])


@hooks.of(hooks.CHECKS, "service_gateway")
def _check_service_gateway(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    for each in body["services"]:
        if each["serviceId"] not in services(request.region):
            raise not_found(each["serviceId"])
    _only_one(cloud, request, "service_gateway", body, "service-gateway-count")


@hooks.of(hooks.BORN, "service_gateway")
def _service_gateway(cloud: Cloud, thing: Thing) -> None:
    known = services(thing.region)
    named = [
        {"serviceId": each["serviceId"], "serviceName": known[each["serviceId"]]["name"]}
        for each in thing.has["services"]
    ]
    thing.has.update({"services": named, "blockTraffic": False})


@hooks.of(hooks.CHECKS, "route_table")
def _check_routes(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    _routes(cloud, request.region, body["vcnId"], body["routeRules"])


@hooks.of(hooks.AMENDED, "route_table")
def _amend_routes(cloud: Cloud, thing: Thing, body: dict[str, Any]) -> None:
    _routes(cloud, thing.region, thing.has["vcnId"], body.get("routeRules") or [])


def _routes(cloud: Cloud, region: str, vcn: str, rules: list[dict[str, Any]]) -> None:
    labels = {each["cidrBlock"] for each in services(region).values()}
    seen: set[str] = set()
    for rule in rules:
        target = cloud.things[rule["networkEntityId"]]
        destination = rule.get("destination") or rule.get("cidrBlock") or ""
        if destination in seen:
            raise invalid(f"routeRules: more than one rule for {destination}")
        seen.add(destination)
        if target.has.get("vcnId", vcn) != vcn:
            raise invalid(f"routeRules: {target.id} is in another VCN")
        by_service = rule.get("destinationType") == "SERVICE_CIDR_BLOCK"
        if by_service != (target.name_of_kind == "service_gateway") or (by_service and destination not in labels):
            raise invalid(
                f"routeRules: {destination} with a {target.name_of_kind}; a SERVICE_CIDR_BLOCK goes to a service "
                f"gateway, and is one of {', '.join(sorted(labels))}"
            )
        if not by_service:
            network(destination, least=0, most=32)


@hooks.of(hooks.CHECKS, "subnet")
def _check_subnet(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    if not body.get("cidrBlock"):
        raise invalid("cidrBlock is required for an IPv4 subnet")
    wanted = network(body["cidrBlock"], least=16, most=30)
    vcn = cloud.things[body["vcnId"]]
    if not any(wanted.subnet_of(Network(each)) for each in vcn.has["cidrBlocks"]):
        raise invalid(f"The requested CIDR {wanted} is invalid: not within {', '.join(vcn.has['cidrBlocks'])}")
    beside = [each for each in cloud.all("subnet", request.region) if each.has["vcnId"] == vcn.id]
    _apart([Network(each.has["cidrBlock"]) for each in beside], wanted)
    _labelled(body)
    if label := body.get("dnsLabel"):
        if "dnsLabel" not in vcn.has:
            raise invalid("dnsLabel: the VCN has none, so its subnets cannot have one")
        if any(each.has.get("dnsLabel") == label for each in beside):
            raise invalid(f"dnsLabel: {label} is another subnet's of the VCN")
    domain = body.get("availabilityDomain")
    if domain is not None and domain not in domains(request.region):
        raise invalid(f"availabilityDomain {domain} is none of {request.region}")
    _of_vcn(cloud, vcn.id, body)


def _of_vcn(cloud: Cloud, vcn: str, body: dict[str, Any]) -> None:
    for id in [body.get("routeTableId"), body.get("dhcpOptionsId"), *(body.get("securityListIds") or [])]:
        if id is not None and cloud.things[id].has["vcnId"] != vcn:
            raise invalid(f"{id} is in another VCN")


@hooks.of(hooks.AMENDED, "subnet")
def _amend_subnet(cloud: Cloud, thing: Thing, body: dict[str, Any]) -> None:
    _of_vcn(cloud, thing.has["vcnId"], body)


@hooks.of(hooks.BORN, "subnet")
def _subnet(cloud: Cloud, thing: Thing) -> None:
    vcn, has = cloud.things[thing.has["vcnId"]], thing.has
    has.setdefault("routeTableId", vcn.has["defaultRouteTableId"])
    has.setdefault("dhcpOptionsId", vcn.has["defaultDhcpOptionsId"])
    has["securityListIds"] = has.get("securityListIds") or [vcn.has["defaultSecurityListId"]]
    has.setdefault("prohibitPublicIpOnVnic", has.get("prohibitInternetIngress", False))
    has["prohibitInternetIngress"] = has["prohibitPublicIpOnVnic"]
    has["virtualRouterIp"] = str(Network(has["cidrBlock"])[1])
    has["virtualRouterMac"] = "00:00:17:00:00:01"
    if label := has.get("dnsLabel"):
        has["subnetDomainName"] = f"{label}.{vcn.has['vcnDomainName']}"


@hooks.handles("virtual_network", "list_private_ips")
def _private_ips(cloud: Cloud, request: Request) -> Answer:
    if not any(request.asked(each) for each in ("subnetId", "vnicId", "ipAddress")):
        raise invalid("one of subnetId and vnicId is required")
    return Answer(list(cloud.all("private_ip", request.region)))
