"""Artifacts in a registry, read and written by the distribution API of OCI; every byte is held against its digest.

Ours, because oras (0.2) needs requests, believes what it is sent and reads logins its own way; what a release needs of
the API are five requests.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gpuyard.doors import http as httpdoor
from gpuyard.doors.http import Response
from gpuyard.doors.logins import Logins
from gpuyard.doors.registry import named, refused, shown_to
from gpuyard.doors.urls import joined, parse_url
from gpuyard.errors import ToolError, one_line

__all__ = ["MANIFEST", "Manifest", "Store", "digest_of"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_SECONDS = 120
"""For one silence: registries take their time to store a large file."""
_LARGEST = 256 << 20
"""Bytes of a file that is read."""
_PAGES = 100
_OK, _CREATED, _ACCEPTED, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 200, 201, 202, 401, 403, 404
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_TAG = re.compile(r"[A-Za-z0-9_][-._A-Za-z0-9]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest_of(data: bytes) -> str:
    """sha256:… of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a tag or a digest stands for."""

    digest: str
    layers: tuple[tuple[str, str], ...]
    """Type and digest of each file."""
    annotations: Mapping[str, str]


class Store:
    """One repository of a registry, such as ghcr.io/acme/gitops; keeps its login from one request to the next."""

    def __init__(self, repository: str, logins: Logins, plain: Collection[str] = (), *, write: bool = False) -> None:
        self.repository = repository
        self._logins, self._plain = logins, plain
        self._asked = named(repository, plain, "pull,push" if write else "pull")
        self._shown: str | None = None

    def manifest(self, reference: str) -> Manifest | None:
        """That of a tag or digest; None: there is none."""
        answer = self._get(f"manifests/{reference}", MANIFEST)
        if answer.status == _NOT_FOUND:
            return None
        self._expect(answer, reference, _OK)
        digest = digest_of(answer.body)
        if _DIGEST.fullmatch(reference) and digest != reference:
            raise self._wrong(reference, f"the registry sends {digest} instead")
        try:
            data = json.loads(answer.body)
            layers = tuple((str(each["mediaType"]), str(each["digest"])) for each in data["layers"])
            return Manifest(digest, layers, _annotations(data))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise self._wrong(reference, "is no artifact: it has no list of layers") from None

    def blob(self, digest: str) -> bytes:
        """A file by its digest."""
        answer = self._get(f"blobs/{digest}", "*/*", limit=_LARGEST)
        self._expect(answer, digest, _OK)
        if digest_of(answer.body) != digest:
            raise self._wrong(digest, "the registry sends other bytes")
        return answer.body

    def tags(self) -> list[str]:
        """All tags; none where there is no such repository yet."""
        found, path = list[str](), "tags/list?n=1000"
        for _ in range(_PAGES):
            answer = self._get(path, "application/json")
            if answer.status == _NOT_FOUND:
                return found
            self._expect(answer, "tags", _OK)
            found += self._names(answer)
            following = _NEXT.search(answer.headers.get("link", ""))
            if not following:
                return found
            path = f"tags/list?{following[1].partition('?')[2]}"
        raise self._wrong("tags", "are on more pages than gpuyard reads")

    def push_blob(self, data: bytes) -> None:
        """Store a file, unless it is there."""
        digest = digest_of(data)
        if self._send("HEAD", self._url(f"blobs/{digest}")).status == _OK:
            return
        begun = self._send("POST", self._url("blobs/uploads/"))
        self._expect(begun, "an upload", _ACCEPTED)
        place = joined(self._url("blobs/uploads/"), begun.headers.get("location", "")) or ""
        where, home = parse_url(place), parse_url(self._url(""))
        if where is None or home is None or (where.scheme, where.authority) != (home.scheme, home.authority):
            raise self._wrong("an upload", f"the registry wants it at {place or 'no place'}, which is another host")
        url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
        self._expect(self._send("PUT", url, data, "application/octet-stream"), "an upload", _CREATED)

    def push_manifest(self, data: bytes, reference: str) -> None:
        """Store a manifest under a tag, or its own digest."""
        answer = self._send("PUT", self._url(f"manifests/{reference}"), data, MANIFEST)
        self._expect(answer, reference, _CREATED)

    def _url(self, path: str) -> str:
        return f"{self._asked.scheme}://{self._asked.host}/v2/{self._asked.name}/{path}"

    def _get(self, path: str, accept: str, limit: int = 4 << 20) -> Response:
        def ask(shown: Mapping[str, str]) -> Response:
            headers = {"Accept": accept, **shown}
            return httpdoor.get(self._url(path), headers, plain=self._plain, seconds=_SECONDS, limit=limit)

        return self._with_login(ask)

    def _send(self, method: str, url: str, data: bytes = b"", kind: str = "") -> Response:
        def ask(shown: Mapping[str, str]) -> Response:
            headers = {**({"Content-Type": kind} if kind else {"Content-Length": "0"}), **shown}
            return httpdoor.send(method, url, headers, data, plain=self._plain, seconds=_SECONDS)

        return self._with_login(ask)

    def _with_login(self, ask: Any) -> Response:
        """As the registry wants to be asked; a token may end while others go on."""
        answer: Response = ask({"Authorization": self._shown} if self._shown else {})
        if answer.status != _UNAUTHORIZED or answer.host != self._asked.host:
            return answer
        host = self.repository.partition("/")[0]
        self._asked = replace(self._asked, login=self._logins.of(host))
        self._shown = shown_to(answer, self._asked)
        if self._shown is None:
            return answer
        again: Response = ask({"Authorization": self._shown})
        return again

    def _expect(self, answer: Response, what: str, status: int) -> None:
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise refused(self._name(what), self.repository.partition("/")[0], self._asked.login)
        if answer.status != status:
            raise self._wrong(what, f"the registry answers {answer.status}{_reason(answer.body)}")

    def _wrong(self, what: str, why: str) -> ToolError:
        return ToolError(one_line(f"{self._name(what)}: {why}"))

    def _name(self, what: str) -> str:
        if _DIGEST.fullmatch(what):
            return f"{self.repository}@{what}"
        return f"{self.repository}:{what}" if _TAG.fullmatch(what) else f"{self.repository}, {what}"

    def _names(self, answer: Response) -> Iterator[str]:
        try:
            names = json.loads(answer.body).get("tags") or []
        except (ValueError, AttributeError, RecursionError):
            raise self._wrong("tags", "the registry answers with no list") from None
        yield from (name for name in names if isinstance(name, str) and _TAG.fullmatch(name))


def _annotations(data: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in (data.get("annotations") or {}).items()}


def _reason(body: bytes) -> str:
    """The code of the first of a registry's errors, which says more than a status."""
    try:
        code = json.loads(body)["errors"][0]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return f" ({code})" if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,40}", code) else ""
