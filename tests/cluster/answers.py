"""One process that answers for every simulated pod, as a model server in it would: metrics, health, completions.

It listens on the address of each while that is ready, so that all others refuse connections, as they should.
"""

import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.cluster.api import Api, Object
from tests.cluster.conditions import condition
from tests.cluster.pods import ANNOTATIONS
from tests.cluster.standins.vllm import Engine, Handler, Server
from tests.cluster.state import State

__all__ = ["PORT", "main"]

PORT = 8000
_POLL_SECONDS = 0.1


class _Handler(Handler):
    server: "_Server"

    def end_headers(self) -> None:
        self.send_header("X-Pod", self.server.pod)
        super().end_headers()


class _Server(Server):
    """The server of one pod."""

    handler = _Handler

    def __init__(self, pod: Object) -> None:
        self.pod: str = pod["metadata"]["name"]
        self._connections: set[socket.socket] = set()
        name = pod["metadata"].get("labels", {}).get("app.kubernetes.io/name", self.pod)
        super().__init__(PORT, Engine({"served-model-name": name}), address=pod["status"]["podIP"])
        threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """What was asked is answered; who keeps a connection must not meet this pod at the address of the next."""
        self.shutdown()
        self.server_close()
        for each in tuple(self._connections):
            with suppress(OSError):  # closed by now
                each.shutdown(socket.SHUT_RD)


def main(root: str) -> None:
    """Run until killed."""
    servers: dict[str, _Server] = {}
    for event, pod in Api(State(Path(root)).certificates, "node-agent").follow("/api/v1/pods"):
        uid, simulated = pod["metadata"]["uid"], f"{ANNOTATIONS}/simulated" in pod["metadata"].get("annotations", {})
        serves = event != "DELETED" and simulated and condition(pod, "Ready").get("status") == "True"
        if serves and uid not in servers:
            with suppress(OSError):  # the address is still another's, who is going; its next change tries again
                servers[uid] = _Server(pod)
        elif not serves and uid in servers:
            servers.pop(uid).end()


if __name__ == "__main__":
    main(*sys.argv[1:])
