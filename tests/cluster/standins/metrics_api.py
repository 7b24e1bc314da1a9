"""An external.metrics.k8s.io without metrics: enough for the API server to call it Available, as with a real KEDA."""

import json
import ssl
import subprocess
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["main"]

_GROUP = "external.metrics.k8s.io/v1beta1"
_RESOURCES = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": _GROUP, "resources": []}
_NO_METRIC = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path in {"/healthz", "/readyz", "/livez"}:
            self._answer(200, {})
        elif self.path.partition("?")[0].rstrip("/") == f"/apis/{_GROUP}":
            self._answer(200, _RESOURCES)
        else:
            self._answer(404, _NO_METRIC)

    def _answer(self, code: int, document: object) -> None:
        text = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main() -> None:
    """Serve until killed, with a certificate signed by nobody: the APIService doesn't check it."""
    server = ThreadingHTTPServer(("", 6443), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        key, certificate = Path(directory) / "key", Path(directory) / "certificate"
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ]
        command += ["-days", "30", "-subj", "/CN=keda", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        context.load_cert_chain(certificate, key)
    # Shaking hands is each connection's thread's work: in accept() one silent client would hold up all others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
