"""What a NetworkPolicy of the chart lets out and in, by the chart's values, and what would let out more."""

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from gpuyard.resolve.overrides import Values, at

__all__ = ["blocks", "closed_port", "internet", "namespace_of", "opens", "way_out"]

_NAME = "kubernetes.io/metadata.name"
_PUBLIC_PORT = 443
_OF_SERVICE = re.compile(r"[a-z0-9-]+\.(?P<namespace>[a-z0-9-]+)(?:\.svc(?:\..+)?)?")
_OF_CLUSTER = re.compile(r"[^.]+|[^.]+\.[^.]+|.+\.svc|.+\.svc\..+|.+\.cluster\.local")
_DOMAIN = re.compile(
    r"[^.]+\.([a-z]{2}|com|org|net|edu|gov|mil|info|biz|dev|app|cloud|tech|site|online|internal|local|lan|corp|home|test|"
    r"example|invalid)"
)
"""Names of two words that are no Service and its namespace: these, and countries, are domains."""

Address = IPv4Address | IPv6Address


def namespace_of(host: str, own: str) -> str | None:
    """The namespace of a Service, by the name that a pod of `own` calls it; None: it is a host elsewhere."""
    if "$(" in host:  # what a variable holds in the cluster, such as the address of the node
        return None
    if not _OF_CLUSTER.fullmatch(host) or _DOMAIN.fullmatch(host) or _address(host):
        return None
    found = _OF_SERVICE.fullmatch(host)
    return found["namespace"] if found else own


def internet(values: Values) -> bool:
    """Whether servers reach public addresses, as the chart decides it."""
    mode = at(values, ("networkPolicy", "internet")) or "auto"
    source = at(values, ("model", "source"))
    offline = bool(at(values, ("download", "enabled"))) or source != "hf"
    return bool(mode == "always" or (mode == "auto" and (source == "bucket" or not offline)))


def blocks(values: Values, host: str, port: int, own: str) -> bool:
    """Whether the server can't reach an address, as far as that is seen without asking for names; port 0: any."""
    if at(values, ("networkPolicy", "enabled")) is False:
        return False
    address, namespace = _address(host), namespace_of(host, own)
    if internet(values) and port in (0, _PUBLIC_PORT) and namespace is None and (address is None or address.is_global):
        return False
    listed = at(values, ("networkPolicy", "egress")) or ()
    if any(port in (0, each.get("port", _PUBLIC_PORT)) and _in(address, each["cidr"]) for each in listed):
        return False
    return not opens(values, host, port, own)


def opens(values: Values, host: str, port: int, own: str) -> bool:
    """Whether a rule of the author's lets an address out."""
    rules, namespace = at(values, ("networkPolicy", "extraEgress")) or (), namespace_of(host, own)
    return any(_port(rule, port) and _to(rule, _address(host), namespace, own) for rule in rules)


def way_out(host: str, port: int, own: str) -> str:
    """What to write to let an address out."""
    ports, namespace, address = f"port: {port or 'PORT'}", namespace_of(host, own), _address(host)
    if namespace is not None:
        to = "podSelector: {}" if namespace == own else f"namespaceSelector: {{matchLabels: {{{_NAME}: {namespace}}}}}"
        return (
            "add to spec.values of the blueprint (with the port of its pods, where the Service has another one) "
            f"networkPolicy: {{extraEgress: [{{to: [{{{to}}}], ports: [{{{ports}}}]}}]}}"
        )
    cidr = f"{address}/{address.max_prefixlen}" if address else "ADDRESS/32"
    written = json.dumps(cidr) if ":" in cidr else cidr
    return f"add to stack.yaml spec.network: {{egress: [{{cidr: {written}, {ports}}}]}}"


def closed_port(values: Values, port: int) -> bool:
    """Whether other pods can't reach a port of the server that isn't the one that serves."""
    if at(values, ("networkPolicy", "enabled")) is False:
        return False
    return not any(_port(rule, port) for rule in at(values, ("networkPolicy", "extraIngress")) or ())


def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _in(address: Address | None, cidr: str) -> bool:
    """A name may have any address, and so may the pods of a Service."""
    try:
        return address is None or address in ip_network(cidr, strict=False)
    except ValueError:  # of a rule that only the API server checks
        return True


def _port(rule: Mapping[str, Any], port: int) -> bool:
    ports = rule.get("ports") or ()
    return not ports or port == 0 or any(_holds(each, port) for each in ports)


def _holds(given: Mapping[str, Any], port: int) -> bool:
    """A port by name may be any."""
    first = given.get("port", port)
    return not isinstance(first, int) or first <= port <= given.get("endPort", first)


def _to(rule: Mapping[str, Any], address: Address | None, namespace: str | None, own: str) -> bool:
    peers = rule.get("to") or ()
    return not peers or any(_peer(each, address, namespace, own) for each in peers)


def _peer(peer: Mapping[str, Any], address: Address | None, namespace: str | None, own: str) -> bool:
    if block := peer.get("ipBlock"):
        outside = address and any(_in(address, each) for each in block.get("except", ()))
        return _in(address, block["cidr"]) and not outside
    if namespace is None:
        return address is not None and not address.is_global  # of a pod, perhaps
    selector = peer.get("namespaceSelector")
    return namespace == own if selector is None else all(_names(selector, namespace))


def _names(selector: Mapping[str, Any], namespace: str) -> Iterator[bool]:
    """Whether each of its conditions holds; nobody knows other labels of a namespace here."""
    labels = selector.get("matchLabels", {})
    yield labels.get(_NAME, namespace) == namespace
    for each in selector.get("matchExpressions", ()):
        if each.get("key") == _NAME and each.get("operator") == "In":
            yield namespace in each.get("values", ())
