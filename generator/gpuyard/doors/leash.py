"""How far another host may lead us: to itself, to public addresses, and within a private network that it is in itself.

A registry names the service of its tokens, and where its answers are. What it names is asked from this machine, which
reaches more than the registry does: its own services, the metadata of a cloud's instance, the company's network.
"""

import socket
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from gpuyard.doors.urls import Url, parse_url

__all__ = ["Leash", "is_loopback"]

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL = "localhost"


class Leash:
    """Of what one host names; `plain` are the hosts (with port) that the user has named, too.

    `ports`: on this machine each port may be another user's, and is another host to whom a password might go.
    """

    def __init__(self, home: Url, plain: Collection[str], *, ports: bool) -> None:
        self._home = home
        self._plain = plain
        self._ports = ports

    def holds(self, url: Url, *, direct: bool) -> bool:
        """Whether it must not go there; `direct`: no proxy looks up the name, so what it stands for counts, too."""
        if self._trusted(url):
            return False
        found = _addresses(url.host, names=direct)
        return any(map(self._kept, found)) or (not found and _is_local(url.host))

    def holds_address(self, url: Url, address: str) -> bool:
        """The same of the address that was reached: between two questions a name may get another one."""
        return not self._trusted(url) and self._kept(ip_address(address))

    def _trusted(self, url: Url) -> bool:
        """The host itself, and those of the user."""
        if url.authority in self._plain or url.authority == self._home.authority:
            return True
        return url.host == self._home.host and not (self._ports and is_loopback(url.host))

    def _kept(self, address: Address) -> bool:
        plain = _plain(address)
        if plain.is_global and not plain.is_multicast:
            return False
        return not (_is_private(plain) and self._is_home_private())

    def _is_home_private(self) -> bool:
        found = _addresses(self._home.host, names=True)
        return bool(found) and all(_is_private(_plain(each)) for each in found)


def is_loopback(host: str) -> bool:
    """Whether a host (with or without port) is this machine, by how it is written."""
    url = parse_url(f"//{host}" if ":" not in host or "]" in host or host.count(":") == 1 else f"//[{host}]")
    if url is None:
        return False
    if _is_local(url.host):
        return True
    try:
        return _plain(ip_address(url.host)).is_loopback
    except ValueError:
        return False


def _is_local(host: str) -> bool:
    name = host.rstrip(".")
    return name == _LOCAL or name.endswith(f".{_LOCAL}")


def _is_private(address: Address) -> bool:
    """Of a network of one's own: not of this machine, nor of a link, where the metadata of an instance is."""
    special = address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
    return address.is_private and not special and not address.is_reserved


def _addresses(host: str, *, names: bool) -> list[Address]:
    """What a host stands for, however its number is written; none: nobody knows it."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=0 if names else socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [ip_address(entry[4][0]) for entry in found]


def _plain(address: Address) -> Address:
    """The IPv4 address inside one of IPv6 that leads to it."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    inside = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
    return inside or address
