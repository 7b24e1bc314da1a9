"""The rules of network security groups: they have no tags and no retry token, so each is known by its description."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gpuyard.bootstrap.ground import Ground
from gpuyard.bootstrap.resource import MANAGED, RESOURCE, SPEC, Found, Kind, Place, Resource
from gpuyard.catalogue.oracle import Passage, oracle
from gpuyard.doors.oci import Cloud, Refused

__all__ = ["KINDS", "passages"]

_MARK = "gpuyard: "
_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "all": "all"}
_AT_ONCE = 25
_TRIES = 4
T = TypeVar("T")

_SHOWN = ("direction", "protocol", "isStateless", "description", "tcpOptions", "udpOptions")


def passages(ground: Ground) -> Iterator[Resource]:
    """One resource for all rules of a group."""
    for group in oracle().groups:
        rules = {each["description"]: each for each in _rules(ground, group)}
        yield Resource(
            id=ground.named(f"rules-{group}"),
            kind="rules",
            region=ground.region.name,
            parent=ground.link(f"group-{group}"),
            body={"rules": rules},
        )


def _rules(ground: Ground, group: str) -> Iterator[dict[str, Any]]:
    for each in oracle().passages:
        if each.group == group:
            for peer, kind in _peers(ground, each.peer):
                yield _rule(each, peer, kind, ground.landing.api)


def _peers(ground: Ground, peer: str) -> Iterable[tuple[str, str]]:
    match peer:
        case "services":
            return [(ground.region.service_label, "SERVICE_CIDR_BLOCK")]
        case "vcn":
            return [(ground.landing.cidr, "CIDR_BLOCK")]
        case "internet":
            return [("0.0.0.0/0", "CIDR_BLOCK")]
        case "clients":
            return [(cidr, "CIDR_BLOCK") for cidr in ground.landing.api]
        case _:
            return [(ground.link(f"group-{peer}"), "NETWORK_SECURITY_GROUP")]


def _rule(passage: Passage, peer: str, kind: str, clients: Sequence[str]) -> dict[str, Any]:
    end = "source" if passage.way == "ingress" else "destination"
    name = f"{passage.name} {peer}" if passage.peer == "clients" and clients else passage.name
    rule: dict[str, Any] = {
        "direction": passage.way.upper(),
        "protocol": _PROTOCOLS[passage.protocol],
        "isStateless": False,
        "description": f"{_MARK}{name}",
        end: peer,
        f"{end}Type": kind,
    }
    if passage.ports != "all":
        low, _, high = passage.ports.partition("-")
        rule[f"{passage.protocol}Options"] = {"destinationPortRange": {"min": int(low), "max": int(high or low)}}
    return rule


def _find(cloud: Cloud, kind: Kind, place: Place, before: Iterable[Found]) -> Iterator[Found]:
    for group in before:
        if group.kind == "group" and group.region == place.region and group.tags.get(MANAGED) == "gpuyard":
            name = group.tags[RESOURCE].replace("/group-", "/rules-")
            yield replace(_read(cloud, kind, group.id, place.region), tags={**group.tags, RESOURCE: name, SPEC: ""})


def _read(cloud: Cloud, kind: Kind, group: str, region: str) -> Found:
    """Ours, by description, without what OCI adds; of two alike the second is surplus."""
    rules: dict[str, Any] = {}
    ids: dict[str, str] = {}
    surplus = []
    for rule in cloud.listed(kind.service, "list_network_security_group_security_rules", region=region,
                             network_security_group_id=group):  # fmt: skip
        name = rule.get("description") or ""
        if name.startswith(_MARK):
            if name in rules:
                surplus.append(rule["id"])
                continue
            rules[name], ids[name] = _plain(rule), rule["id"]
    data = {"id": f"{group}/rules", "rules": rules, "ids": ids, "surplus": surplus}
    return Found(kind=kind.name, region=region, data=data, parent=group)


def _plain(rule: Mapping[str, Any]) -> dict[str, Any]:
    end = "source" if rule["direction"] == "INGRESS" else "destination"
    found = {key: rule[key] for key in (*_SHOWN, end, f"{end}Type") if rule.get(key) is not None}
    return {**found, "isStateless": bool(found.get("isStateless"))}


def _create(cloud: Cloud, kind: Kind, resource: Resource, body: Mapping[str, Any], _: str) -> Found:
    return _converged(cloud, kind, str(body["parent"]), resource, body["rules"])


def _update(cloud: Cloud, kind: Kind, there: Found, resource: Resource, body: Mapping[str, Any]) -> None:
    _converged(cloud, kind, there.parent, resource, body["rules"])


def _converged(cloud: Cloud, kind: Kind, group: str, resource: Resource, rules: Mapping[str, Any]) -> Found:
    """The group with these rules: a request that may have been carried out is never sent again unread."""
    for attempt in range(1, _TRIES + 1):
        there = _read(cloud, kind, group, resource.region)
        have = there.data["rules"]
        wrong = [there.data["ids"][name] for name, rule in have.items() if rules.get(name) != rule]
        missing = [rule for name, rule in rules.items() if have.get(name) != rule]
        surplus = [*wrong, *there.data["surplus"]]
        if not (missing or surplus):
            return there
        try:
            _send(cloud, kind, group, resource, surplus, missing)
        except Refused as error:
            if attempt == _TRIES or 400 <= error.fault.status < 500:
                raise
            cloud.pause(float(attempt))
    return _read(cloud, kind, group, resource.region)


def _send(
    cloud: Cloud,
    kind: Kind,
    group: str,
    resource: Resource,
    surplus: Sequence[str],
    missing: Sequence[Mapping[str, Any]],
) -> None:
    what = f"update {kind.title} {resource.id}"
    verb = "network_security_group_security_rules"
    for some in _few(surplus):
        body = {"securityRuleIds": list(some)}
        cloud.call(kind.service, f"remove_{verb}", group, body, region=resource.region, what=what, repeatable=False)
    for few in _few(missing):
        rules = {"securityRules": [dict(each) for each in few]}
        cloud.call(kind.service, f"add_{verb}", group, rules, region=resource.region, what=what, repeatable=False)


def _few(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as one request takes."""
    yield from (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))


def _delete(cloud: Cloud, kind: Kind, there: Found) -> None:
    ids = [*there.data["ids"].values(), *there.data["surplus"]]
    for some in _few(ids):
        cloud.call(
            kind.service, "remove_network_security_group_security_rules", there.parent, {"securityRuleIds": list(some)},
            region=there.region, what=f"delete {kind.title}", absent=True,
        )  # fmt: skip


KINDS = (
    Kind(
        name="rules", title="rules of network security group", service="virtual_network",
        noun="network_security_group_security_rule", terraform="oci_core_network_security_group_security_rule",
        changes=frozenset({"rules"}), exact=frozenset({"rules"}), tagged=False,
        find=_find, create=_create, update=_update, delete=_delete,
    ),
)  # fmt: skip
