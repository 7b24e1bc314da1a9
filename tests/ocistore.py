"""A registry in this process that can be pushed to, as OCI's distribution specification has it; it fails by script."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
HELM = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
USER, PASSWORD = "pusher", "s3cret-of-a-test"

Answer = tuple[int, bytes, dict[str, str]]
_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<what>manifests|blobs|tags)/(?P<rest>[^?]+)(\?.*)?")


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class OciStore:
    """What it holds; `seen` are the requests, `stop_after` so many that write ends every later one with `stopped`."""

    host: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    login: bool = False
    status: int | None = None
    stop_after: int | None = None
    stopped: int = 503
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def written(self) -> list[tuple[str, str]]:
        return [each for each in self.seen if each[0] in {"PUT", "POST"}]

    def put_chart(self, name: str, version: str, data: bytes) -> None:
        """As `helm push` leaves it."""
        self.blobs[digest(data)] = data
        layer = {"mediaType": HELM, "digest": digest(data), "size": len(data)}
        self._manifest(name, version, json.dumps({"schemaVersion": 2, "layers": [layer]}).encode())

    def files(self) -> dict[str, str]:
        """Everything that has a tag: its digest."""
        return {f"{name}:{tag}": found for (name, tag), found in sorted(self.tags.items())}

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        self.seen.append((method, target))
        if self.status:
            return self.status, b'{"errors":[{"code":"UNAVAILABLE"}]}', {}
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.login and headers.get("authorization") != wanted:
            return 401, b"{}", {"WWW-Authenticate": 'Basic realm="store"'}
        writes = method in {"PUT", "POST"}
        if writes and self.stop_after is not None and len(self.written) > self.stop_after:
            return self.stopped, b"", {}
        if target == "/v2/":
            return 200, b"{}", {}
        found = _PATH.fullmatch(target)
        if found is None:
            return 404, b"", {}
        name, what, rest = found["name"], found["what"], found["rest"]
        if what == "tags":
            listed = [tag for at, tag in self.tags if at == name]
            return (200, json.dumps({"tags": listed}).encode(), {}) if listed else (404, b"", {})
        return self._blob(method, target, name, rest, body) if what == "blobs" else self._of(method, name, rest, body)

    def _blob(self, method: str, target: str, name: str, rest: str, body: bytes) -> Answer:
        if method == "POST":
            return 202, b"", {"Location": f"/v2/{name}/blobs/uploads/1?state=x"}
        if method == "PUT":
            wanted = target.partition("digest=")[2]
            if digest(body) != wanted:
                return 400, b'{"errors":[{"code":"DIGEST_INVALID"}]}', {}
            self.blobs[wanted] = body
            return 201, b"", {}
        return (200, self.blobs[rest], {}) if rest in self.blobs else (404, b"", {})

    def _of(self, method: str, name: str, rest: str, body: bytes) -> Answer:
        if method == "PUT":
            used = [each["digest"] for each in json.loads(body)["layers"]]
            if not all(each in self.blobs for each in used):
                return 400, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}', {}
            self._manifest(name, rest, body)
            return 201, b"", {}
        data = self.manifests.get((name, self.tags.get((name, rest), rest)))
        return (
            (200, data, {"Content-Type": MANIFEST, "Docker-Content-Digest": digest(data)}) if data else (404, b"", {})
        )

    def _manifest(self, name: str, reference: str, data: bytes) -> None:
        self.manifests[name, digest(data)] = data
        if not reference.startswith("sha256:"):
            self.tags[name, reference] = digest(data)


@contextmanager
def oci_store() -> Iterator[OciStore]:
    """It, listening on this machine."""
    store = OciStore()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            status, data, more = store.answer(self.command, self.path, headers, body)
            self.send_response(status)
            for name, value in {**more, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_HEAD = do_POST = do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
