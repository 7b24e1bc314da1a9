"""Kubernetes' API as far as probes ask it: namespaces, pods that end as a test says, and lists of an engine."""

import base64
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["FakeKubernetes", "serving"]


class FakeKubernetes:
    """What is there, and what was asked; it keeps objects by their path."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.ends: dict[str, str] = {"allowed": "Succeeded", "refused": "Failed", "writes": "Succeeded"}
        """How a pod ends, by its name; one that is not here is ready."""
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.refuses: dict[str, int] = {}
        """Status by the end of a path."""
        self.tokens: list[str] = []
        self.sent: list[bytes] = []
        """Answers, as they were on the wire."""
        self.made: list[dict[str, Any]] = []
        self.url = ""
        self.authority = b""

    def kubeconfig(self, **user: str) -> str:
        """With a user as given."""
        cluster = {"server": self.url, "certificate-authority-data": base64.b64encode(self.authority).decode()}
        return json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                "clusters": [{"name": "k", "cluster": cluster}],
                "users": [{"name": "u", "user": user}],
            }
        )

    def answer(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        path = path.partition("?")[0]
        for end, status in self.refuses.items():
            if path.endswith(end):
                return status, {"message": "by this test"}
        if method == "POST" and body:
            self.made.append(body)
            self.objects[f"{path}/{body['metadata']['name']}"] = body
            return 201, body
        if method == "DELETE":
            inside = f"{path}/".removeprefix("/api/v1")
            for name in [each for each in self.objects if inside in f"{each}/"]:
                del self.objects[name]
            return 200, {}
        if path.endswith("/serviceaccounts/default"):
            return 200, {}
        if path in self.lists:
            return 200, {"items": self.lists[path]}
        if path == "/api/v1/namespaces":
            return 200, {"items": [each for name, each in self.objects.items() if name.rpartition("/")[0] == path]}
        if path in self.objects:
            return 200, {**self.objects[path], "status": self._status(path.rpartition("/")[2])}
        return 404, {"message": "not found"}

    def _status(self, name: str) -> dict[str, Any]:
        ready = [{"type": "Ready", "status": "True"}]
        return {"phase": self.ends.get(name, "Running"), "podIP": "10.0.0.9", "conditions": ready}


Fake = TypeVar("Fake", bound=FakeKubernetes)


@contextmanager
def serving(folder: Path, fake: Fake) -> Iterator[Fake]:
    """One that listens, with a certificate of its own."""
    file = folder / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "2", "-subj", "/CN=fake", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "crt.pem")),
        ],
        check=True,
        capture_output=True,
    )
    fake.authority = (folder / "crt.pem").read_bytes()
    file.write_bytes(fake.authority + (folder / "key.pem").read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802, RUF100 - the name is the library's
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            fake.tokens.append(self.headers.get("authorization", ""))
            status, said = fake.answer(self.command, self.path, body)
            if not status:  # nobody hears any more
                self.close_connection = True
                return
            if "PartialObjectMetadata" in self.headers.get("accept", "") and status == 200:
                said = {"kind": "PartialObjectMetadata", "metadata": said["metadata"]}
            data = json.dumps(said).encode()
            fake.sent.append(data)
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815, RUF100 - the same

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    fake.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
