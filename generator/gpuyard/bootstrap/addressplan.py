"""Who gets which addresses of a VCN: half for pods, an eighth for nodes, and small ranges for everything else."""

from ipaddress import IPv4Network, ip_network
from math import ceil

__all__ = ["SUBNETS", "addresses", "addresses_per_node", "subnets", "usable"]

SUBNETS = ("control-plane", "internal-balancers", "public-balancers", "files", "workers", "pods")
_SMALL = {"control-plane": 28, "internal-balancers": 27, "public-balancers": 27, "files": 28}
_RESERVED = 3
"""Addresses of a subnet that OCI keeps."""
_PER_VNIC = 16
_MOST = 256


def subnets(cidr: str) -> dict[str, str]:
    """The range of each subnet; the range of a VCN between /16 and /22."""
    whole = IPv4Network(cidr)
    eighths = list(whole.subnets(prefixlen_diff=3))
    found = {"workers": str(eighths[1]), "pods": str(list(whole.subnets(prefixlen_diff=1))[1])}
    start = int(eighths[0].network_address)
    for name, length in sorted(_SMALL.items(), key=lambda each: (each[1], each[0])):
        found[name] = str(ip_network((start, length)))
        start += 2 ** (32 - length)
    return {name: found[name] for name in SUBNETS}


def usable(cidr: str) -> int:
    """Addresses of a subnet that can be given away."""
    return IPv4Network(cidr).num_addresses - _RESERVED


def addresses_per_node(pods: int) -> int:
    """Addresses of the pods' subnet that a node takes for so many pods, by whichever version of the network add-on.

    Before 3.2.0 it takes VNICs of 16 addresses, since then one block whose size is a power of two.
    """
    in_vnics = ceil(pods / _PER_VNIC) * _PER_VNIC
    in_blocks = 1 << (pods - 1).bit_length()
    return min(_MOST, max(in_vnics, in_blocks))


def addresses(nodes: int, pods: int) -> int:
    """Those of several nodes."""
    return nodes * addresses_per_node(pods)
