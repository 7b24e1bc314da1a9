"""Network security groups: their rules, which have no retry token, and the VNICs in them."""

import hashlib
from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import conflict, invalid, limit_exceeded, not_found
from tests.oci.services.network import network, services
from tests.oci.thing import Answer, Request, Thing
from tests.oci.verbs import referred

AT_ONCE = 25
MOST = 120
_PROTOCOLS = {"all", "1", "6", "17", "58"}
_SIDES = {"INGRESS": ("source", "destination"), "EGRESS": ("destination", "source")}


@hooks.of(hooks.BORN, "network_security_group")
def _group(cloud: Cloud, thing: Thing) -> None:
    thing.has["securityRules"] = []


@hooks.of(hooks.LEAVES, "network_security_group")
def _leave(cloud: Cloud, thing: Thing) -> None:
    for vnic in cloud.all("vnic", thing.region):
        if thing.id in vnic.has["nsgIds"]:
            raise conflict(f"NetworkSecurityGroup {thing.id} cannot be deleted since it has VNICs: {vnic.id}")


def _changed(cloud: Cloud, request: Request) -> Thing:
    group = cloud.find(request.target, request.region, "network_security_group")
    if group.ending:
        raise not_found(group.id)
    rules = request.body.get("securityRules") or request.body.get("securityRuleIds") or []
    if not 1 <= len(rules) <= AT_ONCE:
        raise invalid(f"securityRules: 1 to {AT_ONCE} at once, not {len(rules)}")
    referred(cloud, request, request.region)
    return group


@hooks.handles("virtual_network", "add_network_security_group_security_rules")
def _add(cloud: Cloud, request: Request) -> Answer:
    group = _changed(cloud, request)
    added = [_rule(cloud, request.region, each) for each in request.body["securityRules"]]
    if len(group.has["securityRules"]) + len(added) > MOST:
        raise limit_exceeded("security-rules-per-nsg-count", MOST)
    group.has["securityRules"] += added
    return Answer({"securityRules": added})


@hooks.handles("virtual_network", "update_network_security_group_security_rules")
def _update(cloud: Cloud, request: Request) -> Answer:
    group = _changed(cloud, request)
    there = {each["id"]: each for each in group.has["securityRules"]}
    for each in request.body["securityRules"]:
        if each["id"] not in there:
            raise not_found(f"security rule {each['id']}")
    changed = [_rule(cloud, request.region, each) for each in request.body["securityRules"]]
    there |= {each["id"]: each for each in changed}
    group.has["securityRules"] = list(there.values())
    return Answer({"securityRules": changed})


@hooks.handles("virtual_network", "remove_network_security_group_security_rules")
def _remove(cloud: Cloud, request: Request) -> Answer:
    group = _changed(cloud, request)
    leaving = set(request.body["securityRuleIds"])
    if missing := leaving - {each["id"] for each in group.has["securityRules"]}:
        raise not_found(f"security rules {', '.join(sorted(missing))}")
    group.has["securityRules"] = [each for each in group.has["securityRules"] if each["id"] not in leaving]
    return Answer(status=204)


@hooks.handles("virtual_network", "list_network_security_group_security_rules")
def _list(cloud: Cloud, request: Request) -> Answer:
    group = cloud.find(request.target, request.region, "network_security_group")
    return Answer(list(group.has["securityRules"]))


@hooks.handles("virtual_network", "list_network_security_group_vnics")
def _vnics(cloud: Cloud, request: Request) -> Answer:
    group = cloud.find(request.target, request.region, "network_security_group")
    return Answer(
        [
            {"vnicId": each.id, "resourceId": each.owner or each.id, "timeAssociated": each.has["timeCreated"]}
            for each in cloud.all("vnic", request.region)
            if group.id in each.has["nsgIds"]
        ]
    )


def _rule(cloud: Cloud, region: str, rule: dict[str, Any]) -> dict[str, Any]:
    ours, theirs = _SIDES[rule["direction"]]
    if rule["protocol"] not in _PROTOCOLS and not rule["protocol"].isdigit():
        raise invalid(f"protocol: {rule['protocol']} is neither a number nor all")
    if rule.get(theirs) or not rule.get(ours):
        raise invalid(f"{rule['direction']}: has {ours}, and no {theirs}")
    _peer(region, rule[ours], rule.get(f"{ours}Type") or "CIDR_BLOCK")
    for options, protocol in (("tcpOptions", "6"), ("udpOptions", "17"), ("icmpOptions", "1")):
        if rule.get(options) and rule["protocol"] not in {protocol, "58" if protocol == "1" else protocol}:
            raise invalid(f"{options}: not with protocol {rule['protocol']}")
    cloud.made += 1
    new = hashlib.sha256(f"rule/{cloud.made}".encode()).hexdigest()[:6].upper()
    usual = {f"{ours}Type": "CIDR_BLOCK", "isStateless": False}
    given = {key: value for key, value in rule.items() if value is not None}
    return {"id": new, **usual, **given, "isValid": True, "timeCreated": cloud.now()}


def _peer(region: str, peer: str, type_: str) -> None:
    if type_ == "CIDR_BLOCK":
        network(peer, least=0, most=32)
    elif type_ == "SERVICE_CIDR_BLOCK" and peer not in {each["cidrBlock"] for each in services(region).values()}:
        raise invalid(f"{peer} is no service CIDR label of {region}")
