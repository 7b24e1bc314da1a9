"""Rules about who gets in and out: network policies, and what can be reached from outside of the cluster."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpuyard.review.fields import ObjectChange, Told, What

__all__ = ["network", "outside"]

Object = Mapping[str, Any]

_ROUTES = frozenset(
    {
        "GRPCRoute",
        "Gateway",
        "HTTPProxy",
        "HTTPRoute",
        "Ingress",
        "IngressRoute",
        "IngressRouteTCP",
        "IngressRouteUDP",
        "Route",
        "TCPRoute",
        "TLSRoute",
        "UDPRoute",
        "VirtualService",
    }
)
_OUTSIDE = frozenset({"LoadBalancer", "NodePort"})
_INTERNAL = ("internal", "scheme", "whitelist", "allowlist", "source-range")
"""In the names of annotations that keep a load balancer or a route to some clients."""
_CLASS = ("gatewayClassName", "ingressClassName")


def network(each: ObjectChange, gone: Sequence[Object], new: Sequence[Object]) -> Iterator[Told]:
    """One that comes or goes with all of its pods opens nothing."""
    kind = each.identity.kind
    if not kind.endswith(("NetworkPolicy", "AuthorizationPolicy", "PeerAuthentication")):
        return
    old_spec, new_spec = (obj.get("spec") or {} for obj in (each.old, each.new))
    if each.what is What.REMOVED:
        if not _selects(old_spec, gone):
            yield "network-opened", "is gone"
    elif kind != "NetworkPolicy":
        if each.what is What.CHANGED and old_spec != new_spec:
            yield "network-opened", "is another one"
    elif each.what is What.ADDED:
        if (new_spec.get("ingress") or new_spec.get("egress")) and not _selects(new_spec, new):
            yield "network-opened", "allows what no policy allowed before"
    else:
        yield from _wider(old_spec, new_spec)


def _wider(old: Object, new: Object) -> Iterator[Told]:
    for way in ("ingress", "egress"):
        known = {json.dumps(rule, sort_keys=True) for rule in old.get(way) or ()}
        if any(json.dumps(rule, sort_keys=True) not in known for rule in new.get(way) or ()):
            yield "network-opened", f"spec.{way} has a rule that it did not have"
    if lost := sorted(_types(old) - _types(new)):
        yield "network-opened", f"spec.policyTypes lacks {', '.join(lost)}"
    if old.get("podSelector") != new.get("podSelector"):
        yield "network-opened", "spec.podSelector is about other pods"


def _types(spec: Object) -> set[str]:
    """As Kubernetes fills them in."""
    return set(spec.get("policyTypes") or ({"Ingress", "Egress"} if spec.get("egress") else {"Ingress"}))


def _selects(spec: Object, among: Sequence[Object]) -> bool:
    """Whether it is about pods of these objects; one about all pods of its namespace never is about theirs only."""
    wanted = (spec.get("podSelector") or {}).get("matchLabels") or {}
    return any(wanted.items() <= _labels(obj).items() for obj in among if wanted and _labels(obj))


def _labels(obj: Object) -> Mapping[str, str]:
    """Of the pods that it makes."""
    template = (obj.get("spec") or {}).get("template") or {}
    return (template.get("metadata") or {}).get("labels") or {} if isinstance(template, Mapping) else {}


def outside(each: ObjectChange) -> Iterator[Told]:
    """Of a route or a Service."""
    if each.what is What.REMOVED:
        return
    kind, old, new = each.identity.kind, each.old.get("spec") or {}, each.new.get("spec") or {}
    if kind in _ROUTES:
        yield from _route(each, old, new)
    elif kind == "Service":
        if new.get("type") in _OUTSIDE and old.get("type") not in _OUTSIDE:
            yield "host-exposed", f"type {new['type']}"
        if more := sorted(set(new.get("externalIPs") or ()) - set(old.get("externalIPs") or ())):
            yield "host-exposed", ", ".join(more)
        ranges = old.get("loadBalancerSourceRanges") or ()
        if new.get("type") in _OUTSIDE and ranges and not set(new.get("loadBalancerSourceRanges") or "*") <= {*ranges}:
            yield "host-exposed", "spec.loadBalancerSourceRanges lets more clients in"
    if each.what is What.CHANGED and (kind in _ROUTES or new.get("type") in _OUTSIDE):
        before, after = ((obj["metadata"].get("annotations") or {}) for obj in (each.old, each.new))
        for name in (name for name in before if any(word in name for word in _INTERNAL)):
            if after.get(name) != before[name]:
                yield "host-exposed", f"{name} is no longer {before[name]}"


def _route(each: ObjectChange, old: Object, new: Object) -> Iterator[Told]:
    before, after = _hosts(old), _hosts(new)
    if more := sorted(after - before):
        yield "host-exposed", ", ".join(more)
    elif each.what is What.ADDED:
        yield "host-exposed", "every host"
    if each.what is not What.CHANGED:
        return
    if old.get("tls") and not new.get("tls") and each.identity.kind not in ("TLSRoute",):
        yield "host-exposed", "without TLS"
    for key in _CLASS:
        if old.get(key) != new.get(key):
            yield "host-exposed", f"by {new.get(key)} in place of {old.get(key)}"
    known = [_parent(parent) for parent in old.get("parentRefs") or ()]
    for parent in new.get("parentRefs") or ():
        if _parent(parent) not in known:
            yield "host-exposed", f"by the Gateway {parent.get('name')}"


def _parent(found: Object) -> tuple[Any, Any]:
    return found.get("namespace"), found.get("name")


def _hosts(spec: Object) -> set[str]:
    """Of an Ingress, a Gateway or a route; a rule of an Ingress, or a listener, that names none is for every host."""
    found = {str(each) for key in ("hostnames", "hosts") for each in spec.get(key) or ()}
    found |= {str(each) for each in (spec.get("host"), (spec.get("virtualhost") or {}).get("fqdn")) if each}
    for each in spec.get("rules") or ():
        if isinstance(each, Mapping) and ("host" in each or "http" in each):
            found.add(str(each.get("host") or "every host"))
    for each in spec.get("listeners") or ():
        found.add(str(each.get("hostname") or "every host"))
    if spec.get("defaultBackend"):
        found.add("every host")
    return found
