"""One process that answers for every simulated pod, as a model server in it would: metrics, health, completions.

It listens on all addresses, and its own end of a connection tells which pod is meant.
"""

import socket
import struct
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.cluster.api import Api, Object
from tests.cluster.conditions import condition
from tests.cluster.pods import ANNOTATIONS
from tests.cluster.standins.vllm import Engine, Handler
from tests.cluster.state import State

__all__ = ["PORT", "main"]

PORT = 8000
_RESET = struct.pack("ii", 1, 0)


class _Pods:
    """The simulated pods that are ready, by address, and what each has been asked."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Object, Engine]] = {}
        self._lock = threading.Lock()

    def note(self, event: str, pod: Object) -> None:
        address = pod.get("status", {}).get("podIP", "")
        simulated = f"{ANNOTATIONS}/simulated" in pod["metadata"].get("annotations", {})
        serves = event != "DELETED" and condition(pod, "Ready").get("status") == "True"
        with self._lock:
            known = self._found.get(address)
            is_known = known is not None and known[0]["metadata"]["uid"] == pod["metadata"]["uid"]
            if serves and simulated and not is_known:
                name = pod["metadata"].get("labels", {}).get("app.kubernetes.io/name", pod["metadata"]["name"])
                self._found[address] = pod, Engine({"served-model-name": name})
            elif not serves and is_known:
                del self._found[address]

    def at(self, address: str) -> tuple[Object, Engine] | None:
        with self._lock:
            return self._found.get(address)


class _Handler(Handler):
    server: "_Server"

    def setup(self) -> None:
        found = self.server.pods.at(self.request.getsockname()[0])
        assert found is not None, "verify_request has let nobody else in"
        self._pod, self._engine = found
        super().setup()

    @property
    def engine(self) -> Engine:
        return self._engine

    def end_headers(self) -> None:
        self.send_header("X-Pod", self._pod["metadata"]["name"])
        super().end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_port = True  # the proxy of the Services listens on exact addresses with the same port

    def __init__(self, pods: _Pods) -> None:
        self.pods = pods
        super().__init__(("", PORT), _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Nobody is there: a reset, because the kernel has taken the connection already."""
        if self.pods.at(request.getsockname()[0]) is not None:
            return True
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return False

    def shutdown_request(self, request: Any) -> None:
        """Without an orderly end where a reset is wanted; else as ever."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET:
            request.close()
        else:
            super().shutdown_request(request)


def main(root: str) -> None:
    """Run until killed."""
    api, pods = Api(State(Path(root)).certificates, "node-agent"), _Pods()
    threading.Thread(target=_Server(pods).serve_forever, daemon=True).start()
    for event, pod in api.follow("/api/v1/pods"):
        pods.note(event, pod)


if __name__ == "__main__":
    main(*sys.argv[1:])
