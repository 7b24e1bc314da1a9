"""The one door to Kubernetes' API: what a kubeconfig names, asked over TLS; nothing but the standard library."""

import base64
import json
import ssl
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.doors.scratch import scratch
from gpuyard.doors.urls import parse_url
from gpuyard.errors import ToolError, one_line

__all__ = ["Kubernetes", "UnansweredError", "opened"]

_SECONDS = 20
"""For one silence."""
_LIMIT = 8 * 2**20
_PORT = 443
_MANAGER = "gpuyard"
_JSON = "application/json"
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_APPLY = "application/apply-patch+yaml"  # JSON is YAML


class UnansweredError(ToolError):
    """The API server cannot be asked, or refuses; status 0: no answer came."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(one_line(text))
        self.status = status


class Kubernetes:
    """One API server, seen by one user."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext, token: Callable[[], str]) -> None:
        self._host, self._port, self._tls, self._token = host, port, tls, token

    def get(self, path: str) -> dict[str, Any]:
        """What is at a path."""
        return self._send("GET", path)

    def metadata(self, path: str) -> dict[str, Any]:
        """The same without what is in it: what nobody has to see, such as a Secret's values, is not sent."""
        return self._send("GET", path, accept=_METADATA)

    def create(self, path: str, body: Mapping[str, Any], manager: str = _MANAGER) -> dict[str, Any]:
        """A new object in the list at a path."""
        return self._send("POST", f"{path}?fieldManager={manager}", body)

    def apply(self, path: str, body: Mapping[str, Any], manager: str) -> dict[str, Any]:
        """Server-side apply of an object at its own path; what others manage stays theirs, and is refused (409)."""
        return self._send("PATCH", f"{path}?fieldManager={manager}", body, content=_APPLY)

    def delete(self, path: str) -> None:
        """Ask for it; where it is not there, that was done before."""
        try:
            self._send("DELETE", path)
        except UnansweredError as error:
            if error.status != 404:
                raise

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        accept: str = _JSON,
        content: str = _JSON,
    ) -> dict[str, Any]:
        connection = HTTPSConnection(self._host, self._port, context=self._tls, timeout=_SECONDS)
        headers = {"Accept": accept, "Content-Type": content}
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        where = f"https://{self._host}:{self._port}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read(_LIMIT)
        except (OSError, HTTPException) as error:
            raise UnansweredError(f"{where} cannot be reached: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise UnansweredError(f"{where}: {answer.status} {_message(text)}", answer.status)
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise UnansweredError(f"{where} does not answer as Kubernetes does") from error
        return found


def _message(text: bytes) -> str:
    """The server's own words, where it is one of Kubernetes'."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:100].decode(errors="replace")


def opened(text: str, *, token: Callable[[], str] | None = None, folder: Path | None = None) -> Kubernetes:
    """The cluster of a kubeconfig's current context; ToolError where it cannot be used.

    `token` takes the place of its user, which is a program; paths in it are relative to `folder`.
    """
    try:
        config = yamlio.load_data(text)
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = {} if token else _named(config["users"], context["user"])["user"]
        server = parse_url(cluster["server"])
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise ToolError(
            f"the kubeconfig has no cluster and user of its current context: {one_line(str(error))}"
        ) from error
    if server is None or server.scheme != "https":
        raise ToolError(one_line(f"the kubeconfig's server must be https://host:port, and is {cluster['server']}"))
    if not token and "exec" in user:
        text = "which gpuyard does not start; give it a token or a certificate"
        raise ToolError(f"the kubeconfig's user is a program, {text}")
    tls = _tls(cluster, user, folder or Path())
    return Kubernetes(server.host, server.port or _PORT, tls, token or (lambda: str(user.get("token", ""))))


def _named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"] == name)


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    """With the cluster's own authority, and the user's certificate where it has one."""
    try:
        authority = _pem(cluster, "certificate-authority", folder)
        tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
        certificate, key = (_pem(user, f"client-{name}", folder) for name in ("certificate", "key"))
        if certificate and key:
            with scratch() as place:  # the library reads them from a file only
                file = place / "user.pem"
                file.touch(0o600)
                file.write_bytes(certificate + b"\n" + key)
                tls.load_cert_chain(file)
    except (OSError, ValueError) as error:
        raise ToolError(f"the kubeconfig's certificates cannot be used: {one_line(str(error))}") from error
    return tls


def _pem(of: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    if data := of.get(f"{name}-data"):
        return base64.b64decode(data)
    return (folder / of[name]).read_bytes() if of.get(name) else None
