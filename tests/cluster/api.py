"""A small client of the API server: requests, discovery, lists that follow what happens."""

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode

from tests.cluster.addresses import API, API_PORT
from tests.cluster.errors import ApiError, NotFoundError

__all__ = ["APPLY", "MERGE", "Answer", "Api", "Event", "Object", "Resource"]

Object: TypeAlias = dict[str, Any]
Event: TypeAlias = tuple[str, Object]

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
_BUSY = frozenset({429, 503, 504})
_PATIENCE_SECONDS = 10
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server serves it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    names: frozenset[str]

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of one object, or of the list when no name is given."""
        parts = ["apis" if self.group else "api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        return "/" + "/".join(part for part in (*parts, self.plural, name, subresource) if part)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answered, and what it warned of."""

    body: Object
    warnings: tuple[str, ...] = field(default=())


class Api:
    """Speaks with the API server as one identity; safe to use from several threads."""

    def __init__(self, certificates: Path, identity: str = "admin") -> None:
        self._tls = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
        self._tls.load_cert_chain(certificates / f"{identity}.crt", certificates / f"{identity}.key")
        self._local = threading.local()
        self._connections: list[http.client.HTTPSConnection] = []
        self._resources: list[Resource] = []

    def close(self) -> None:
        """Close what every thread has kept open."""
        for connection in self._connections:
            connection.close()

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """One request; raises NotFoundError or ApiError with the server's own words."""
        data = None if body is None else json.dumps(body).encode()
        target = f"{path}?{urlencode(query)}" if query else path
        headers = {"Content-Type": content_type, "Accept": accept}
        response, text = self._patiently(method, target, data, headers)
        if response.status >= 400:
            error = NotFoundError if response.status == 404 else ApiError
            raise error(response.status, f"{method} {path}: {_message(text)}")
        warnings = tuple(value.partition('"')[2].rstrip('"') for value in response.headers.get_all("Warning", []))
        return Answer(json.loads(text or b"{}"), warnings)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        """The object, or list, at this path."""
        return self.send("GET", path, query=query).body

    def watch(self, path: str, query: Mapping[str, str], *, seconds: float) -> Iterator[Event]:
        """What happens to a list, until the time is over or the server closes the watch."""
        deadline = time.monotonic() + seconds
        connection = http.client.HTTPSConnection(API, API_PORT, context=self._tls, timeout=max(seconds, 0.1))
        try:
            connection.request("GET", f"{path}?{urlencode({'watch': 'true', **query})}")
            response = connection.getresponse()
            if response.status >= 400:
                raise ApiError(response.status, f"watch {path}: {_message(response.read())}")
            while line := response.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(event["object"].get("code", 500), event["object"].get("message", ""))
                yield event["type"], event["object"]
                if connection.sock is not None:
                    connection.sock.settimeout(max(deadline - time.monotonic(), 0.001))
        except (TimeoutError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def follow(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Event]:
        """Every object and every change, for ever; after a break the list is read anew and the gone are reported."""
        known: dict[str, Object] = {}
        while True:
            with suppress(OSError, ApiError, http.client.HTTPException, json.JSONDecodeError):  # of a line cut short
                listed = self.get(path, query)
                found = {item["metadata"]["uid"]: item for item in listed["items"]}
                for uid in known.keys() - found.keys():
                    yield "DELETED", known.pop(uid)
                for uid, item in found.items():
                    known[uid] = item
                    yield "ADDED", item
                start = {**(query or {}), "resourceVersion": listed["metadata"]["resourceVersion"]}
                for kind, item in self.watch(path, start, seconds=3600):
                    if kind == "DELETED":
                        known.pop(item["metadata"]["uid"], None)
                    else:
                        known[item["metadata"]["uid"]] = item
                    yield kind, item
            time.sleep(0.2)  # the API server is away: ask again, but not in a tight circle

    def resource(self, name: str) -> Resource:
        """The resource that kubectl would take for this name: plural, singular, kind, short name or name.group."""
        for attempt in range(2):
            for resource in self._discover(refresh=attempt > 0):
                if name.lower() in resource.names:
                    return resource
        raise NotFoundError(404, f"the API server has no kind {name}")

    def resource_of(self, item: Mapping[str, Any]) -> Resource:
        """The resource of an object, by its apiVersion and kind."""
        wanted = (item["apiVersion"], item["kind"])
        for attempt in range(2):
            for resource in self._discover(refresh=attempt > 0):
                if (resource.api_version, resource.kind) == wanted:
                    return resource
        raise NotFoundError(404, f"the API server has no kind {wanted[1]} in {wanted[0]}; is its CRD installed?")

    def _discover(self, *, refresh: bool) -> list[Resource]:
        if refresh or not self._resources:
            answers = [self.send("GET", path, accept=_DISCOVERY).body for path in ("/api", "/apis")]
            self._resources = [found for answer in answers for group in answer["items"] for found in _resources(group)]
        return self._resources

    def _patiently(
        self, method: str, target: str, data: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask again for a while when a loaded server has no time, or isn't there: a pod must not die of it."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                response, text = self._exchange(method, target, data, headers)
                if response.status not in _BUSY or time.monotonic() > deadline:
                    return response, text
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    def _exchange(
        self, method: str, target: str, data: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Over this thread's kept connection; the server may have closed it since, so once more on a new one."""
        for fresh in (False, True):
            connection = None if fresh else getattr(self._local, "connection", None)
            if connection is None:
                connection = http.client.HTTPSConnection(API, API_PORT, context=self._tls, timeout=60)
                self._local.connection, fresh = connection, True
                self._connections.append(connection)
            try:
                connection.request(method, target, data, dict(headers))
                response = connection.getresponse()
                return response, response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self._local.connection = None
                if fresh:
                    raise
        raise AssertionError


def _resources(group: Object) -> Iterator[Resource]:
    name = group["metadata"].get("name", "")
    for version in group["versions"]:
        for found in version.get("resources", []):  # none: an aggregated API that doesn't answer
            kind, plural = found["responseKind"]["kind"], found["resource"]
            names = {plural, found["singularResource"], kind.lower(), *found.get("shortNames", [])} - {""}
            names |= {f"{each}.{name}" for each in names if name}
            namespaced = found["scope"] == "Namespaced"
            yield Resource(name, version["version"], plural, kind, namespaced, frozenset(names))


def _message(text: bytes) -> str:
    with suppress(ValueError, AttributeError, KeyError):
        return str(json.loads(text)["message"])
    return text.decode(errors="replace").strip()
