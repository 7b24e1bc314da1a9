"""The one door to HTTP: bounded in time and size, https unless a host may speak plainly, redirects on a leash."""

import http.client
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Timer
from typing import Any

from gpuyard import __version__
from gpuyard.doors.leash import Leash, is_loopback
from gpuyard.doors.urls import Url, joined, parse_url
from gpuyard.errors import ToolError, one_line

__all__ = ["Response", "get", "is_loopback", "send"]

_SECONDS = 30
"""For one silence; a request with all of its answer may take twice that."""
_LIMIT = 4 * 2**20
_CHUNK = 2**16
_HOPS = 5
"""Redirects that are followed."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FILES = "file:"
_LENGTH = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status; names of headers in lower case, their values harmless to print."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    host: str = ""
    """Whose it is, with its port: after a redirect, another one's."""


def get(
    url: str,
    headers: Mapping[str, str],
    *,
    plain: Collection[str] = (),
    seconds: float = _SECONDS,
    limit: int = _LIMIT,
    led_by: str = "",
) -> Response:
    """What a URL answers; `plain` are the hosts (with port) that may speak http, besides this machine.

    `led_by` is the host (with port) that named the URL, if the user didn't. ToolError when there is no answer, or one
    larger than `limit` bytes, or where a host would lead us to where only this machine may go.
    """
    target = _checked(url, plain)
    leash = Leash(parse_url(f"//{led_by}") or target, plain, ports=bool(led_by))
    for hop in range(_HOPS + 1):
        if (led_by or hop) and leash.holds(target, direct=not _proxied(target)):
            by = led_by or "a redirect"
            raise ToolError(
                one_line(f"{url}: {by} leads to this machine or a private network; gpuyard does not go there")
            )
        # A redirect leads to a host that the credentials aren't meant for.
        sent = {name: value for name, value in headers.items() if not hop or name.lower() != "authorization"}
        answer = _ask(url, target, sent, leash if led_by or hop else None, seconds=seconds, limit=limit)
        location = answer.headers.get("location", "") if answer.status in _REDIRECTS else ""
        if not location or location.startswith(_FILES):
            return answer
        url, target = _redirected(url, target, location, plain)
    raise ToolError(one_line(f"{url}: more than {_HOPS} redirects"))


def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    plain: Collection[str] = (),
    seconds: float = _SECONDS,
) -> Response:
    """The same for a request that may write: a redirect is its answer, for nothing is sent twice or elsewhere."""
    target = _checked(url, plain)
    return _ask(url, target, headers, None, seconds=seconds, limit=_LIMIT, method=method, body=body)


def _checked(url: str, plain: Collection[str]) -> Url:
    """A URL that may be asked."""
    parts = parse_url(url)
    allowed = "use https://host/…, or http:// to this machine or a host given with --insecure"
    if parts is None or "@" in parts.authority:
        raise ToolError(one_line(f"{url}: not allowed; {allowed}"))
    if parts.scheme == "https" or (parts.scheme == "http" and (is_loopback(parts.host) or parts.authority in plain)):
        return parts
    raise ToolError(one_line(f"{url}: not allowed; {allowed}"))


def _redirected(url: str, target: Url, location: str, plain: Collection[str]) -> tuple[str, Url]:
    """Where the first request might have gone; never from https to http, or to a file."""
    found = joined(url, location)
    parts = parse_url(found) if found else None
    if found is None or parts is None:
        raise ToolError(one_line(f"{url}: redirects to {location}, which is no URL"))
    if parts.scheme != target.scheme:
        raise ToolError(one_line(f"{url}: redirects to {found}, another scheme, which gpuyard does not follow"))
    return found, _checked(found, plain)


def _ask(
    url: str,
    target: Url,
    headers: Mapping[str, str],
    leash: Leash | None,
    *,
    seconds: float,
    limit: int,
    method: str = "GET",
    body: bytes | None = None,
) -> Response:
    """One request and its answer; a redirect is an answer like any other."""
    line = _Line(target, leash, direct=not _proxied(target))
    try:
        request = urllib.request.Request(url, body, method=method)  # noqa: S310 - _checked has seen the scheme
        request.add_header("User-Agent", f"gpuyard/{__version__}")
        for name, value in headers.items():
            request.add_unredirected_header(name, value)
        with line.ending(2 * seconds), _opener(line).open(request, timeout=seconds) as answer:
            return _read(url, target, answer, limit, bodiless=method == "HEAD")
    except (ToolError, OSError, http.client.HTTPException, ValueError) as error:
        # ValueError: a host or path that HTTP or DNS can't have.
        if line.late:
            raise ToolError(one_line(f"{url}: the answer took longer than {2 * seconds:g} s")) from error
        if isinstance(error, ToolError):
            raise
        reason = error.reason if isinstance(error, urllib.error.URLError) else repr(error)
        raise ToolError(one_line(f"{url}: no answer: {reason}")) from error


class _Line:
    """The connection of one request, which ends when its time is over, whatever the other side sends till then."""

    def __init__(self, target: Url, leash: Leash | None, *, direct: bool) -> None:
        self._target, self._leash, self.direct = target, leash, direct
        self._socket: socket.socket | None = None
        self.late = False

    @contextmanager
    def ending(self, seconds: float) -> Iterator[None]:
        """Not later than after so many seconds."""
        timer = Timer(seconds, self._end)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if self.late:
            raise TimeoutError

    def connected(self, found: socket.socket) -> None:
        """Called before a byte is sent: OSError where a name has led to an address that it had not before."""
        self._socket = found
        if self._leash and self.direct and self._leash.holds_address(self._target, str(found.getpeername()[0])):
            found.close()
            raise ConnectionRefusedError("the name leads to this machine or a private network")

    def secured(self, found: socket.socket) -> None:
        """The same connection, with TLS around it."""
        self._socket = found

    def _end(self) -> None:
        self.late = True
        with suppress(OSError):
            if self._socket:
                self._socket.shutdown(socket.SHUT_RDWR)


def _connections(line: _Line) -> tuple[type[http.client.HTTPConnection], type[http.client.HTTPConnection]]:
    """Those of http.client, which tell the line of their sockets."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            line.connected(self.sock)

    class Secure(http.client.HTTPSConnection, Plain):
        def connect(self) -> None:
            super().connect()  # by way of Plain's, before TLS begins
            line.secured(self.sock)

    return Plain, Secure


def _opener(line: _Line) -> urllib.request.OpenerDirector:
    """Without the handlers for files, FTP and data that urllib would add, and without redirects."""
    plain, secure = _connections(line)

    class Plain(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(plain, req)

    class Secure(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(secure, req)

    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler({} if line.direct else None), Plain(), Secure()):
        opener.add_handler(handler)
    return opener


def _proxied(target: Url) -> bool:
    """Whether the environment names a proxy for it; this machine is never asked through one."""
    if is_loopback(target.host):
        return False
    return target.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(target.authority)


def _read(url: str, target: Url, answer: http.client.HTTPResponse, limit: int, *, bodiless: bool = False) -> Response:
    """The body in pieces, so that a flood doesn't hold us."""
    headers = {name.lower(): one_line(value) for name, value in answer.headers.items()}
    length, body = headers.get("content-length"), bytearray()
    if length is not None and not _LENGTH.fullmatch(length):
        raise ToolError(one_line(f"{url}: the answer has no valid length, but {length}"))
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise ToolError(one_line(f"{url}: the answer is compressed, which was not asked for"))
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise ToolError(one_line(f"{url}: the answer is larger than {limit} bytes"))
    if length is not None and int(length) != len(body) and not bodiless:
        raise ToolError(one_line(f"{url}: the answer ended early"))
    return Response(answer.status, headers, bytes(body), target.authority)
