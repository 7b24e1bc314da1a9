"""What the API server or the kubelet refuses of a pod's parts each of which has the right form."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from gpuyard.doors.schema import Breach
from gpuyard.doors.yamlio import Path
from gpuyard.errors import nearest
from gpuyard.resolve import addresses
from gpuyard.resolve.overrides import at

__all__ = ["find"]

Values = Mapping[str, Any]

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_HANDLERS = ("exec", "grpc", "httpGet", "sleep", "tcpSocket")
_CONTAINERS = ("initContainers", "extraContainers")
_TYPES = {
    "externalTrafficPolicy": ("NodePort", "LoadBalancer"),
    "loadBalancerClass": ("LoadBalancer",),
    "loadBalancerIP": ("LoadBalancer",),
    "loadBalancerSourceRanges": ("LoadBalancer",),
    "nodePort": ("NodePort", "LoadBalancer"),
}
_PORT, _PORT_NAME = 8000, "http"
"""Of the server: its Service, its NetworkPolicy and Prometheus find it by the name."""
_NO_ADDRESS = (("clusterIP",), "None")
"""Of a Service: clients reach its pods themselves."""


def find(values: Values) -> Iterator[Breach]:
    """Each at its place among the values."""
    yield from _of_container((), values, values.get("extraEnv", ()), values.get("extraVolumeMounts", ()))
    for key in _CONTAINERS:
        for index, each in enumerate(values.get(key, ())):
            path: Path = (key, index)
            yield from _of_container(path, each, each.get("env", ()), each.get("volumeMounts", ()))
            yield from _ports((*path, "ports"), each.get("ports", ()))
            if key == "initContainers" and each.get("restartPolicy") != "Always":
                yield from _only_of_sidecars(path, each)
    yield from _volumes(values.get("extraVolumes", ()))
    yield from _tolerations(values.get("tolerations") or ())
    if at(values, ("lifecycle", "stopSignal")) and not at(values, ("extraPodSpec", "os", "name")):
        message = "needs the system of the pod; set extraPodSpec: {os: {name: linux}}, too"
        yield Breach(("lifecycle", "stopSignal"), message, key=True)
    yield from _root(values)
    yield from _networks(values)
    yield from _service(values.get("service") or {})
    named = [each["name"] for each in at(values, ("extraPodSpec", "resourceClaims")) or ()]
    for index, each in enumerate(at(values, ("resources", "claims")) or ()):
        if each["name"] not in named:
            message = f"{each['name']} is not among extraPodSpec.resourceClaims; {nearest(each['name'], named)}"
            yield Breach(("resources", "claims", index, "name"), message)


def _of_container(
    path: Path, container: Values, variables: Iterable[Values], mounts: Iterable[Values]
) -> Iterator[Breach]:
    for name in _PROBES:
        probe = container.get(name) or {}
        yield from _one((*path, name), probe, _HANDLERS)
        if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
            yield Breach((*path, name, "successThreshold"), "must be 1, for only a readinessProbe may have another")
    for name in ("preStop", "postStart"):
        yield from _one((*path, "lifecycle", name), at(container, ("lifecycle", name)) or {}, _HANDLERS)
    for index, each in enumerate(container.get("envFrom", ())):
        yield from _one((*path, "envFrom", index), each, ("configMapRef", "secretRef"), needed=True)
    if path:  # the chart's schema says it of its own
        for index, each in enumerate(variables):
            yield from _one((*path, "env", index), each, ("value", "valueFrom"))
    for index, each in enumerate(mounts):
        where: Path = (*path, "volumeMounts", index) if path else ("extraVolumeMounts", index)
        yield from _one(where, each, ("subPath", "subPathExpr"))
        below = each.get("subPath", "")
        if below.startswith("/") or ".." in below.split("/"):
            yield Breach((*where, "subPath"), "must be inside the volume: no slash in front, and no ..")


def _one(path: Path, given: Values, names: Collection[str], *, needed: bool = False) -> Iterator[Breach]:
    """At most one of the keys, or exactly one."""
    found = [name for name in given if name in names]
    if len(found) > 1:
        listed = any(isinstance(name, int) for name in path)
        hint = "" if listed else f" ({found[0]}: null takes {found[0]} away)"
        yield Breach(path, f"has {' and '.join(found)}, of which Kubernetes takes one; keep one{hint}")
    elif needed and not found:
        yield Breach(path, f"has none of {', '.join(names)}; give one")


def _tolerations(tolerations: Iterable[Values]) -> Iterator[Breach]:
    for index, each in enumerate(tolerations):
        if each.get("operator") == "Exists" and each.get("value"):
            message = "goes with operator Equal only; remove it, or set operator: Equal"
            yield Breach(("tolerations", index, "value"), message, key=True)
        if "tolerationSeconds" in each and each.get("effect") != "NoExecute":
            message = "goes with effect NoExecute only; remove it, or set effect: NoExecute"
            yield Breach(("tolerations", index, "tolerationSeconds"), message, key=True)


def _only_of_sidecars(path: Path, container: Values) -> Iterator[Breach]:
    """What a container that ends before the server starts cannot have."""
    for name in (*_PROBES, "lifecycle"):
        if name in container:
            message = "only applies to containers that keep running; set restartPolicy: Always, or remove it"
            yield Breach((*path, name), message, key=True)


def _volumes(volumes: Iterable[Values]) -> Iterator[Breach]:
    for index, each in enumerate(volumes):
        yield from _one(("extraVolumes", index), each, [name for name in each if name != "name"])
        for number, source in enumerate(at(each, ("projected", "sources")) or ()):
            yield from _one(("extraVolumes", index, "projected", "sources", number), source, source)


def _ports(path: Path, ports: Iterable[Values]) -> Iterator[Breach]:
    for index, each in enumerate(ports):
        if each["containerPort"] == _PORT and each.get("protocol", "TCP") == "TCP":
            message = f"{_PORT} is the port of the server, in the same pod; choose another"
            yield Breach((*path, index, "containerPort"), message)
        if each.get("name") == _PORT_NAME:
            message = f"{_PORT_NAME} is the name of the server's port, by which it is found; choose another"
            yield Breach((*path, index, "name"), message)


def _root(values: Values) -> Iterator[Breach]:
    """The user 0 where the pod says that it isn't: the kubelet starts no container."""
    pod, own = values.get("podSecurityContext") or {}, values.get("securityContext") or {}
    group = "securityContext" if "runAsUser" in own else "podSecurityContext"
    user = own.get("runAsUser", pod.get("runAsUser"))
    asked = own.get("runAsNonRoot", pod.get("runAsNonRoot", True))
    if user == 0 and asked is not False:
        message = "is root, and runAsNonRoot lets no container start as root; set runAsNonRoot: false, or another user"
        yield Breach((group, "runAsUser"), f"0 {message}")


def _service(service: Values) -> Iterator[Breach]:
    """Fields that some types of a Service, or one without an address, don't have."""
    for name, types in _TYPES.items():
        if service.get(name) and service.get("type", "ClusterIP") not in types:
            yield Breach(("service", name), f"needs service.type {' or '.join(types)}; set that, too", key=True)
    single = [((name,), service.get(name)) for name in ("clusterIP", "loadBalancerIP")]
    several = [(("externalIPs", index), each) for index, each in enumerate(service.get("externalIPs") or ())]
    for path, text in (*single, *several):
        if text and not addresses.is_address(text) and (path, text) != _NO_ADDRESS:
            yield Breach(("service", *path), f"{text} is no IP address")
    if service.get("clusterIP") != "None":
        return
    if service.get("type", "ClusterIP") != "ClusterIP":
        message = f"None goes with type ClusterIP only, not with {service['type']}; remove it"
        yield Breach(("service", "clusterIP"), message)
    if (port := service.get("port", _PORT)) != _PORT:
        message = f"is of no use with clusterIP None, where clients reach the pods themselves, on {_PORT}; remove it"
        yield Breach(("service", "port"), f"{port} {message}")


def _networks(values: Values) -> Iterator[Breach]:
    policy = values.get("networkPolicy") or {}
    for group, name in (("networkPolicy", "clientCidrs"), ("service", "loadBalancerSourceRanges")):
        for index, cidr in enumerate(at(values, (group, name)) or ()):
            yield from _network((group, name, index), cidr)
    for group, side in (("extraIngress", "from"), ("extraEgress", "to")):
        for index, rule in enumerate(policy.get(group, ())):
            for number, peer in enumerate(rule.get(side, ())):
                block: Path = ("networkPolicy", group, index, side, number, "ipBlock")
                given = peer.get("ipBlock") or {}
                if "cidr" in given:
                    yield from _network((*block, "cidr"), given["cidr"])
                for place, cidr in enumerate(given.get("except", ())):
                    yield from _network((*block, "except", place), cidr)


def _network(path: Path, cidr: str) -> Iterator[Breach]:
    if "/" not in cidr:
        bits = 128 if ":" in cidr else 32
        yield Breach(path, f"{cidr} is no network; write {cidr}/{bits} for that one address")
    elif isinstance(wrong := addresses.network(cidr), str):
        yield Breach(path, wrong)
