"""Which SSH host keys a Git host has: what the catalogue or the user vouches for, and nothing that was scanned."""

import hmac
from base64 import b64decode
from binascii import Error

from gpuyard.catalogue.githosts import host_keys
from gpuyard.doors.urls import parse_url

__all__ = ["host_of", "lines_of"]

_SSH = 22
_HASHED = "|1|"


def host_of(url: str) -> str:
    """Of ssh://git@host:port/path, as known_hosts writes it."""
    found = parse_url(url)
    if found is None:
        return ""
    return found.host if (found.port or _SSH) == _SSH else f"[{found.host}]:{found.port}"


def lines_of(host: str, given: str = "") -> str:
    """The lines of known_hosts for a host; those that are given come before ours."""
    lines = [line.strip() for line in given.splitlines()]
    if found := [_under(host, line) for line in lines if _names(line, host)]:
        return "".join(f"{line}\n" for line in dict.fromkeys(found))
    return "".join(f"{host} {key}\n" for key in host_keys().get(host, ()))


def _under(host: str, line: str) -> str:
    """Without the other hosts of the line."""
    return f"{host} {' '.join(line.split()[1:3])}"


def _names(line: str, host: str) -> bool:
    """Whether a line is of a host; a marked one (@revoked, @cert-authority) begins with its mark, and is not."""
    first, _, rest = line.partition(" ")
    if not rest:
        return False
    if first.startswith(_HASHED):
        return _hashed(first, host)
    return host in first.split(",")


def _hashed(name: str, host: str) -> bool:
    try:
        salt, digest = map(b64decode, name.removeprefix(_HASHED).split("|"))
    except (ValueError, Error):
        return False
    return hmac.compare_digest(hmac.new(salt, host.encode(), "sha1").digest(), digest)
