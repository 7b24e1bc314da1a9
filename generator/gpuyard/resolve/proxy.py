"""The proxy of a site: what pods are told of it, who reaches it, and what does without."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network

from gpuyard.doors.urls import parse_url
from gpuyard.project.stack import Egress, Network, Stack

__all__ = ["PORTS", "egress", "passes", "target", "urls", "variables"]

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_METADATA = "169.254.169.254"
_INSIDE = ("localhost", "127.0.0.1", ".svc", ".cluster.local", _METADATA)
"""What no proxy has, whatever the site; addresses of Services are the cluster's affair."""


def variables(stack: Stack) -> Mapping[str, str]:
    """Of the environment: some programs read the one spelling, some the other."""
    given = urls(stack.network)
    if not given:
        return {}
    without = ",".join(dict.fromkeys([*_without(stack.network), f".{stack.namespace}"]))
    named = {**given, "NO_PROXY": without}
    return {**named, **{name.lower(): text for name, text in named.items()}}


def urls(network: Network) -> Mapping[str, str]:
    """Those of the proxy, by the variable that names each."""
    proxy = network.proxy
    given = {"HTTP_PROXY": proxy.http, "HTTPS_PROXY": proxy.https} if proxy else {}
    return {name: url for name, url in given.items() if url}


def egress(network: Network) -> tuple[Egress, ...]:
    """What pods may reach: as listed, and a proxy that is given by its address."""
    found = list(network.egress)
    for url in urls(network).values():
        host, port = target(url)
        try:
            rule = Egress(str(ip_network(ip_address(host or ""))), port or 0)
        except ValueError:  # a name, whose addresses nobody knows here
            continue
        if rule not in found:
            found.append(rule)
    return tuple(found)


def passes(network: Network, url: str) -> bool:
    """Whether a URL is reached through the proxy, by the rules that all programs have in common."""
    parts = parse_url(url)
    if parts is None:
        return False
    named = f"{parts.scheme.upper()}_PROXY" in urls(network)
    return named and not any(_matches(parts.host, each) for each in _without(network))


def target(address: str) -> tuple[str | None, int | None]:
    """Host and port of a URL, or of a proxy that is written without a scheme."""
    parts = parse_url(address if "://" in address else f"http://{address}")
    return (parts.host, parts.port or PORTS.get(parts.scheme)) if parts else (None, None)


def _without(network: Network) -> Iterator[str]:
    yield from network.proxy.no if network.proxy else ()
    yield from _INSIDE


def _matches(host: str, entry: str) -> bool:
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:  # one of them is a name
        name = entry.removeprefix(".").lower()
        return host == name or host.endswith(f".{name}")
