"""Addresses that a server connects to, and ports that others of the cluster connect to, by its flags and variables."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gpuyard.catalogue.reach import addresses, matched
from gpuyard.resolve.inference.texts import Text

__all__ = ["Connection", "connections", "listening"]

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^/@\s]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:?#\s\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?#]\S*)?"
)
_HOST = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?(?:/\S*)?"
)
_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "*")  # noqa: S104 - nothing is bound here
_BY_CHANCE = ("demo", "true", "false", "none", "auto")


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to, and what says so; a host is a name or an IP address without brackets."""

    by: str
    scheme: str
    host: str
    port: int
    """0: nobody has said."""


def connections(texts: Iterable[Text]) -> Iterator[Connection]:
    """Every address, whatever holds it; those of the pod itself are left out."""
    known = list(texts)
    for text in known:
        if any(matched(name, addresses()["ignored"]) for name in text.names):
            continue
        for part in text.value.split(","):
            found = _url(text, part.strip(), known) or _named(text, part.strip(), known)
            if found and found.host not in _HERE:
                yield found


def listening(texts: Iterable[Text]) -> Iterator[tuple[str, int]]:
    """Ports beside the one that serves, and what says so."""
    for text in texts:
        url = _URL.fullmatch(text.value)
        if url and url["port"] and url["host"] in ("*", "0.0.0.0", "[::]"):  # noqa: S104 - of the pod
            yield text.shown, int(url["port"])
        elif matched(text.name, addresses()["listens"]) and text.value.isdecimal() and int(text.value):
            yield text.shown, int(text.value)


def _url(text: Text, value: str, known: Iterable[Text]) -> Connection | None:
    found, schemes = _URL.fullmatch(value), addresses()["schemes"]
    if not found or (found["scheme"] not in schemes and not found["port"]):
        return None
    given = int(found["port"] or 0) or _beside(text, known)
    return _connection(text, found, given or schemes.get(found["scheme"]) or _usual(text) or 0, found["scheme"])


def _named(text: Text, value: str, known: Iterable[Text]) -> Connection | None:
    """A host with its port, where a name says that it is one."""
    found = _HOST.fullmatch(value)
    if not found or value.lower() in _BY_CHANCE or value.isdecimal():
        return None
    usual = 0 if text.name in addresses()["split"] else _usual(text)
    if usual is None:
        return None
    return _connection(text, found, int(found["port"] or 0) or _beside(text, known) or usual)


def _beside(text: Text, known: Iterable[Text]) -> int:
    """The port that stands elsewhere; 0: none does."""
    name = addresses()["split"].get(text.name)
    ports = (each.value for each in known if each.names == (*text.names[:-1], name))
    port = next(ports, "")
    return int(port) if port.isdecimal() else 0


def _usual(text: Text) -> int | None:
    """The port of an address without one, by what holds it; None: it holds none."""
    held: Mapping[str, int] = addresses()["held"]
    rule = matched(text.name, held)
    return None if rule is None else held[rule]


def _connection(text: Text, found: re.Match[str], port: int, scheme: str = "") -> Connection:
    host = found["host"].strip("[]").rstrip(".")
    return Connection(text.shown, scheme, host if "$(" in host else host.lower(), port)
