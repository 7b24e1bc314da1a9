"""Networks of spec.network, IPv4 and IPv6: in the one spelling, and not larger than a network of one's own."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

__all__ = ["Network", "held", "is_address", "network", "too_large"]

Network = IPv4Network | IPv6Network

_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12")))
_LOCAL, _LARGEST_LOCAL = IPv6Network("fc00::/7"), 32
_LARGEST = {4: 16, 6: 48}
"""Bits that the prefix of other addresses has at least, by the version of IP."""
_MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses in the spelling of IPv6, which Kubernetes refuses."""


def network(cidr: str) -> Network | str:
    """The addresses, or what is wrong with how they are written."""
    address, _, bits = cidr.partition("/")
    try:
        found, written = ip_network(cidr, strict=False), ip_address(address)
    except ValueError:
        if ":" in cidr:
            return f"{cidr} is not an IPv6 network; write it like fd12:3456::/64"
        return f"{cidr} has a number that is too large, or leading zeros; write it like 10.0.7.9/32"
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        plain = IPv4Network((int(found.network_address) & 0xFFFF_FFFF, found.prefixlen - _MAPPED.prefixlen))
        return f"{cidr} is an IPv4 address in the spelling of IPv6; write {plain}"
    if written != found.network_address:
        return f"{cidr} has host bits set; write {found}"
    if address != str(written):
        return f"{cidr} is not in the usual spelling of IPv6; write {found}"
    return found if bits == str(found.prefixlen) else f"{cidr} has leading zeros; write {found}"


def is_address(text: str) -> bool:
    """Whether it is one of a host, in either version."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def held(given: Network, others: Sequence[Network]) -> Network | None:
    """The first of the others of which a network holds addresses."""
    return next((each for each in others if given.overlaps(each)), None)


def too_large(given: Network) -> str | None:
    """Why a network is more than somebody's own, if it is."""
    least = _LARGEST[given.version]
    if isinstance(given, IPv4Network) and any(given.subnet_of(each) for each in _PRIVATE):
        return None
    if isinstance(given, IPv6Network) and given.subnet_of(_LOCAL):
        least = _LARGEST_LOCAL
    if given.prefixlen >= least:
        return None
    return f"{given} is larger than a private network; use a prefix of /{least} or longer"
