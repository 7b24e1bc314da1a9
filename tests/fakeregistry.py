"""A registry in this process: manifests and tokens as OCI's distribution specification has them."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INDEX = "application/vnd.oci.image.index.v1+json"
TOKEN = "anonymous-reader"  # noqa: S105 - of a test


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
    redirect: str | None = None
    status: int | None = None
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def put(self, name: str, tag: str, text: bytes = b'{"schemaVersion":2}') -> str:
        """Add an image; its digest."""
        self.manifests[f"/v2/{name}/manifests/{tag}"] = text
        return f"sha256:{hashlib.sha256(text).hexdigest()}"


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    """It, listening on this machine."""
    registry = FakeRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            authorization = self.headers.get("Authorization")
            registry.seen.append((self.path, authorization))
            if registry.redirect and path != "/there":
                self.answer(307, b"", {"Location": registry.redirect})
            elif registry.status:
                self.answer(registry.status, b"")
            elif path == "/token":
                name = "token" if "service=fake" in query else "access_token"
                self.answer(200, json.dumps({name: registry.token} if registry.gives_token else {}).encode())
            elif registry.wants_token and authorization != f"Bearer {TOKEN}":
                challenge = f'Bearer realm="http://{registry.host}/token",service="fake",scope="repository:x:pull"'
                self.answer(401, b"{}", {"WWW-Authenticate": challenge})
            elif body := registry.manifests.get(path):
                digest = registry.digest or f"sha256:{hashlib.sha256(body).hexdigest()}"
                self.answer(200, body, {"Content-Type": registry.kind, "Docker-Content-Digest": digest})
            else:
                self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
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
