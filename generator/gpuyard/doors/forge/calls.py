"""Calls of a forge's API: JSON both ways, patient within bounds, and plain about what went wrong."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from gpuyard.doors import http
from gpuyard.doors.redaction import redacted
from gpuyard.errors import ConflictError, GpuyardError, MissingError, ToolError, one_line

__all__ = ["Api", "RefusedError", "UnsureError", "part"]

PATIENCE = 60.0
"""Seconds, all in all, that a call waits for a forge that limits requests or fails."""
_TRIES = 5
_PAGES = 40
_SECONDARY = "secondary rate limit"
"""Of GitHub, which need not say for how long: a minute at least."""
_REPEATABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})
_WORDS = {
    401: "does not accept the token of ${variable}; is it still valid?",
    403: "does not let the token of ${variable} do that; it needs to write contents, pull requests and issues",
    404: "has no such repository or request, or does not show it to the token of ${variable}",
}


class UnsureError(ToolError):
    """There was no answer, or a failure on the other side: what was asked for may have been done, or not."""


class RefusedError(ToolError):
    """The forge answered that it will not; `status` is HTTP's."""

    status = 0


@dataclass(frozen=True, slots=True)
class Api:
    """An API's address, and what shows it who asks; `variable` is where the token comes from."""

    address: str
    name: str
    """What messages call the forge."""
    variable: str
    headers: Mapping[str, str] = field(repr=False)

    def call(self, method: str, path: str, data: Any = None, *, asks: bool = False, **query: Any) -> Any:
        """What the API answers, None for nothing; what may have been heard is not asked twice unless that is safe.

        A POST is not, unless it only `asks`.
        """
        return _data(self._answer(method, path, data, query, asks=asks), self.name)

    def read(self, path: str) -> bytes:
        """A file that the API gives as it is."""
        return self._answer("GET", path, None, {}).body

    def _answer(
        self, method: str, path: str, data: Any, query: Mapping[str, Any], *, asks: bool = False
    ) -> http.Response:
        url = f"{self.address}{path}{f'?{urlencode(query)}' if query else ''}"
        body = None if data is None else json.dumps(data).encode()
        headers = {**self.headers, **({"Content-Type": "application/json"} if body else {})}
        repeatable = asks or method in _REPEATABLE
        left = PATIENCE
        for attempt in range(_TRIES):
            last = attempt == _TRIES - 1
            try:
                answer = http.send(method, url, headers, body)
            except ToolError as error:
                failure: GpuyardError = UnsureError(*str(error).split("\n"))
                wait = 2.0**attempt / 4
                if not repeatable:
                    raise failure from error
            else:
                if 200 <= answer.status < 300:
                    return answer
                limited = _limited(answer)
                wait = limited if limited is not None else 2.0**attempt / 4
                failure = self._failure(method, path, answer, limited)
                if limited is None and (answer.status < 500 or not repeatable):
                    raise failure
            if last or wait > left:
                raise failure
            left -= wait
            time.sleep(wait)
        raise AssertionError("the last try raises")

    def pages(self, path: str, size: int, **query: Any) -> Iterator[Any]:
        """The entries of a list, page by page; a server of Gitea may be set to give fewer than it is asked for."""
        name, full = ("limit", 1) if self.name == "Gitea" else ("per_page", size)
        for page in range(1, _PAGES + 1):
            paging: dict[str, Any] = {name: size, "page": page}
            found = self.call("GET", path, **query, **paging)
            if not isinstance(found, list):
                raise ToolError(f"{self.name} answered with something else than a list: {path}")
            yield from (each for each in found if isinstance(each, dict))
            if len(found) < full:
                return
        raise ToolError(f"{self.name} has more than {_PAGES * size} entries at {path}")

    def _failure(self, method: str, path: str, answer: http.Response, limited: float | None) -> GpuyardError:
        if limited is not None:
            return ConflictError(f"{self.name} limits requests, for {limited:.0f} s more; run this again then")
        if answer.status >= 500:
            return UnsureError(f"{self.name} failed: {method} {path}: HTTP {answer.status}; run this again later")
        if answer.status in (301, 302, 307, 308):
            there = redacted(answer.headers.get("location", "elsewhere"))
            return ToolError(one_line(f"{self.name} moved {path} to {there}; give the remote its new address"))
        said = _said(answer)
        words = _WORDS.get(answer.status, f"refused {method} {path}").replace("{variable}", self.variable)
        text = one_line(f"{self.name} {words}{f' ({said})' if said else ''}")
        if answer.status == 404:
            return MissingError(text)
        failure = RefusedError(text)
        failure.status = answer.status
        return failure


def part(text: str) -> str:
    """A part of a path, whatever is in it."""
    return quote(text, safe="")


def _limited(answer: http.Response) -> float | None:
    """Seconds until the forge listens again; None: it isn't that."""
    headers = answer.headers
    left = headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining"))
    secondary = answer.status == 403 and _SECONDARY in _said(answer).lower()
    if answer.status not in (403, 429) or (
        answer.status == 403 and "retry-after" not in headers and left != "0" and not secondary
    ):
        return None
    after, at = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", headers.get("ratelimit-reset", ""))
    if after.isdigit():
        return float(min(int(after), 10**6))
    if at.isdigit():
        return min(max(0.0, int(at) - time.time()) + 1, 1e6)
    return PATIENCE if secondary else 1.0


def _data(answer: http.Response, name: str) -> Any:
    if not answer.body.strip():
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise UnsureError(f"{name} answered with something else than JSON; is --api its API?") from error


def _said(answer: http.Response) -> str:
    """The forge's own words, as far as they are words."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    parts = [found.get(key) for key in ("message", "error")] if isinstance(found, dict) else []
    parts += [each.get("message") for each in found.get("errors") or [] if isinstance(each, dict)] if parts else []
    texts = ["; ".join(map(str, each)) if isinstance(each, list) else each for each in parts]
    return "; ".join(redacted(str(text))[:200] for text in texts if text)
