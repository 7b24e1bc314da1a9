"""The one door to HTTP: bounded in time and size, https unless a host may speak plainly, redirects on a leash."""

import http.client
import ipaddress
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import IO

from gpuyard import __version__
from gpuyard.errors import ToolError

__all__ = ["Response", "get", "is_loopback"]

_SECONDS = 30
"""For one silence; the whole answer may take twice that."""
_LIMIT = 4 * 2**20
_CHUNK = 2**16


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(
    url: str,
    headers: Mapping[str, str],
    *,
    plain: Collection[str] = (),
    seconds: float = _SECONDS,
    limit: int = _LIMIT,
) -> Response:
    """What a URL answers; `plain` are the hosts (with port) that may speak http, besides this machine.

    ToolError when there is no answer, or it is larger than `limit` bytes.
    """
    host = _check(url, plain)
    request = urllib.request.Request(url)  # noqa: S310 - _check has seen the scheme
    request.add_header("User-Agent", f"gpuyard/{__version__}")
    for name, value in headers.items():
        # A redirect leads to a host that the credentials aren't meant for.
        (request.add_unredirected_header if name == "Authorization" else request.add_header)(name, value)
    try:
        with _opener(host, plain).open(request, timeout=seconds) as answer:
            return _read(url, answer, seconds, limit)
    except urllib.error.HTTPError as answer:
        with answer:
            return _read(url, answer, seconds, limit)
    except urllib.error.URLError as error:
        raise ToolError(f"{url}: no answer: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise ToolError(f"{url}: no answer: {error!r}") from error


def is_loopback(host: str) -> bool:
    """Whether a host (with or without port) is this machine."""
    name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _check(url: str, plain: Collection[str]) -> str:
    """The host of a URL that may be asked."""
    parts = urllib.parse.urlsplit(url)
    spoken = parts.scheme == "https" or (
        parts.scheme == "http" and (is_loopback(parts.netloc) or parts.netloc in plain)
    )
    if not spoken or not parts.hostname or "@" in parts.netloc:
        raise ToolError(
            f"{url}: not allowed; use https://host/…, or http:// to this machine or a host given with --insecure"
        )
    return parts.netloc


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to where the first request might have gone; never from https to http, or to a file."""

    def __init__(self, plain: Collection[str]) -> None:
        self._plain = plain

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme != req.type:
            raise ToolError(f"{req.full_url}: redirects to {newurl}, another scheme, which gpuyard does not follow")
        _check(newurl, self._plain)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(host: str, plain: Collection[str]) -> urllib.request.OpenerDirector:
    """Without the handlers for files, FTP and data that urllib would add; proxies as the environment names them."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if is_loopback(host) else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(plain),
    ):
        opener.add_handler(handler)
    return opener


def _read(url: str, answer: http.client.HTTPResponse | urllib.error.HTTPError, seconds: float, limit: int) -> Response:
    """The body in pieces, so that neither a flood nor a trickle holds us."""
    end, body = time.monotonic() + 2 * seconds, bytearray()
    while chunk := answer.read1(_CHUNK) if isinstance(answer, http.client.HTTPResponse) else answer.read(limit + 1):
        body += chunk
        if len(body) > limit:
            raise ToolError(f"{url}: the answer is larger than {limit} bytes")
        if time.monotonic() > end:
            raise ToolError(f"{url}: the answer took longer than {2 * seconds:g} s")
    length = answer.headers.get("Content-Length")
    if length is not None and length.isdigit() and int(length) != len(body):
        raise ToolError(f"{url}: the answer ended early")
    return Response(answer.status or 0, {name.lower(): value for name, value in answer.headers.items()}, bytes(body))
