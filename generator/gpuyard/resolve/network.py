"""What pods may connect to: rules of the stack that open too much, and addresses that no rule lets out."""

from collections.abc import Iterator
from ipaddress import IPv4Network, ip_address
from urllib.parse import urlsplit

from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.project.stack import Network, Stack
from gpuyard.resolve.problems import Problems

__all__ = ["check", "notes"]

_LINK_LOCAL = IPv4Network("169.254.0.0/16")
"""The instance's metadata service, and with it the node's identity, is there."""
_METADATA = IPv4Network("169.254.169.254/32")
_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12")))
_LARGEST = 16
"""Bits that the prefix of other addresses has at least."""
_NAMED = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_ENDPOINT")
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_PUBLIC_PORT = 443


def check(stack: Stack, problems: Problems) -> None:
    """Every address of spec.network."""
    for index, rule in enumerate(stack.network.egress):
        where = ("spec", "network", "egress", index, "cidr")
        network = _network(rule.cidr)
        if isinstance(network, str):
            problems.add(stack.file, where, network)
        elif network.overlaps(_LINK_LOCAL):
            message = f"{rule.cidr} holds addresses of {_LINK_LOCAL}, where pods could read the node's credentials"
            problems.add(stack.file, where, f"{message}; list only the addresses that are needed")
        elif network.prefixlen < _LARGEST and not any(network.subnet_of(each) for each in _PRIVATE):
            message = f"{rule.cidr} is larger than a private network; use a prefix of /{_LARGEST} or longer"
            problems.add(stack.file, where, message)
    for index, cidr in enumerate(stack.network.dns):
        path = ("spec", "network", "dns", index)
        network = _network(cidr)
        if isinstance(network, str):
            problems.add(stack.file, path, network)
        elif network.prefixlen != network.max_prefixlen or network == _METADATA:
            message = f"{cidr} is not a DNS server; give single addresses, such as 10.96.5.5/32"
            problems.add(stack.file, path, message)


def _network(cidr: str) -> IPv4Network | str:
    """The addresses, or what is wrong with how they are written."""
    try:
        network = IPv4Network(cidr, strict=False)
    except ValueError:
        return f"{cidr} has a number that is too large, or leading zeros; write it like 10.0.7.9/32"
    address, _, bits = cidr.partition("/")
    if address != str(network.network_address):
        return f"{cidr} has host bits set; write {network}"
    return network if bits == str(network.prefixlen) else f"{cidr} has leading zeros; write {network}"


def notes(blueprint: Blueprint[Inference], stack: Stack) -> Iterator[str]:
    """Proxies and mirrors that no rule lets out, as far as that is seen without asking for names."""
    for variable in _NAMED:
        address = blueprint.spec.serving.env.get(variable, "")
        if not address:
            continue
        host, port = _target(address)
        if host is None or port is None:
            yield f"{blueprint.file}: {variable} is not an address; write it like http://proxy.example.com:3128"
        elif not _let_out(host, port, stack.network):
            yield (
                f"{blueprint.file}: {variable} is {host}, port {port}, which the NetworkPolicy blocks; list its "
                f"addresses with port: {port} in stack.yaml as spec.network.egress"
            )


def _target(address: str) -> tuple[str | None, int | None]:
    """Host and port of a URL, or of a proxy that is written without a scheme."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    try:
        return parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # a port that is no number
        return None, None


def _let_out(host: str, port: int, network: Network) -> bool:
    """A name may have any address, so for it the port decides."""
    rules = [rule for rule in network.egress if rule.port == port]
    try:
        address = ip_address(host)
    except ValueError:
        return bool(rules) or port == _PUBLIC_PORT
    if any(address in IPv4Network(rule.cidr) for rule in rules):
        return True
    return port == _PUBLIC_PORT and address.is_global
