"""A registry in this process: manifests and tokens as OCI's distribution specification has them."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INDEX = "application/vnd.oci.image.index.v1+json"
TOKEN = "anonymous-reader"  # noqa: S105 - of a test

Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class FakeRegistry:
    """What it holds and how it behaves; `seen` are the requests: path and the Authorization header."""

    host: str = ""
    manifests: dict[str, bytes] = field(default_factory=dict)
    kind: str = INDEX
    digest: str | None = None
    """Says this digest instead of the true one."""
    wants_token: bool = False
    gives_token: bool = True
    token: object = TOKEN
    login: tuple[str, str] | None = None
    """User and password, which the token service wants, or the registry itself."""
    basic: bool = False
    """The registry asks for the login itself."""
    redirect: str | None = None
    status: int | None = None
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def shown(self) -> str | None:
        """What who is logged in sends."""
        return "Basic " + base64.b64encode(":".join(self.login).encode()).decode() if self.login else None

    def put(self, name: str, tag: str, text: bytes = b'{"schemaVersion":2}') -> str:
        """Add an image; its digest."""
        self.manifests[f"/v2/{name}/manifests/{tag}"] = text
        return f"sha256:{hashlib.sha256(text).hexdigest()}"

    def answer(self, target: str, authorization: str | None) -> Answer:
        """What it says to a request."""
        path, _, query = target.partition("?")
        if self.redirect and path != "/there":
            return 307, b"", {"Location": self.redirect}
        if self.status:
            return self.status, b"", {}
        if path == "/token":
            return self._token(query, authorization)
        if challenge := self._challenge(authorization):
            return 401, b"{}", {"WWW-Authenticate": challenge}
        if body := self.manifests.get(path):
            digest = self.digest or f"sha256:{hashlib.sha256(body).hexdigest()}"
            return 200, body, {"Content-Type": self.kind, "Docker-Content-Digest": digest}
        return 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', {}

    def _token(self, query: str, authorization: str | None) -> Answer:
        if self.login and authorization != self.shown:
            return 401, b"{}", {}
        name = "token" if "service=fake" in query else "access_token"
        return 200, json.dumps({name: self.token} if self.gives_token else {}).encode(), {}

    def _challenge(self, authorization: str | None) -> str | None:
        if self.basic and authorization != self.shown:
            return 'Basic realm="fake"'
        if self.wants_token and authorization != f"Bearer {TOKEN}":
            return f'Bearer realm="http://{self.host}/token",service="fake",scope="repository:x:pull"'
        return None


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    """It, listening on this machine."""
    registry = FakeRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.seen.append((self.path, self.headers.get("Authorization")))
            self.answer(*registry.answer(self.path, self.headers.get("Authorization")))

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
