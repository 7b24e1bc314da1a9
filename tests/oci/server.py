"""The cloud on a port of this machine."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.oci import control
from tests.oci.cloud import Cloud
from tests.oci.errors import Refused
from tests.oci.faults import How, Planned
from tests.oci.front import log_entry, refusal, respond
from tests.oci.thing import Answer, Logged

_GATHERED = 5
"""Seconds to wait for others."""


class Server(ThreadingHTTPServer):
    """A listener with its cloud; one request at a time changes it."""

    daemon_threads = True

    def __init__(self, cloud: Cloud, port: int, state: Path | None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.cloud = cloud
        self.state = state
        self.lock = threading.Lock()
        self.closing = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:  # noqa: N802, RUF100 - the name is the library's
        self._answer()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_GET  # noqa: N815, RUF100 - the same

    def date_time_string(self, timestamp: float | None = None) -> str:
        """By the cloud's clock."""
        return super().date_time_string((timestamp or time.time()) + self.server.cloud.keys.ahead.total_seconds())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to stderr: the log is the cloud's."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        if urlsplit(self.path).path.startswith("/_cloud"):
            with self.server.lock:
                self._send(control.respond(self.server.cloud, self.command, self.path, body))
            return
        self._gather()
        with self.server.lock:
            answer, how = self._told(headers, body)
            if self.server.state:
                control.save(self.server.cloud, self.server.state)
        if how is How.HANG:
            self.server.closing.wait()
        if answer is None:
            self._cut()
        else:
            self._send(answer)

    def _gather(self) -> None:
        """Wait for as many requests of the network as `together` says: a client that asks in parallel sends them."""
        together = self.server.cloud.together
        if together and "/virtual_network/" in self.path:
            with suppress(threading.BrokenBarrierError):
                together.wait(_GATHERED)

    def _told(self, headers: dict[str, str], body: bytes) -> tuple[Answer | None, How | None]:
        """The answer, or None where the connection is cut, and what of the script came true."""
        cloud = self.server.cloud
        if cloud.script.dead:
            return None, None
        entry = log_entry(cloud, self.command, self.path, headers, body)
        fault = cloud.script.take(entry.number, entry.operation)
        if fault is None or fault.how in {How.DROP_AFTER, How.KILL_AFTER}:
            answer: Answer | None = respond(cloud, self.command, self.path, headers, body)
        else:
            answer = None
        if fault:
            answer = _befallen(cloud, fault)
        _finish(entry, answer)
        return answer, fault.how if fault else None

    def _cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: Answer) -> None:
        content = answer.content
        body = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(answer.status)
        self.send_header(
            "content-type", "application/octet-stream" if isinstance(content, bytes) else "application/json"
        )
        self.send_header("opc-request-id", f"{self.headers.get('opc-request-id', '')}/{self.server.cloud.seconds:08d}")
        for key, value in answer.headers.items():
            self.send_header(key, value)
        if answer.status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:
            self.wfile.write(body)


def _befallen(cloud: Cloud, fault: Planned) -> Answer | None:
    if fault.how in {How.KILL_BEFORE, How.KILL_AFTER}:
        cloud.script.die()
    if fault.how is How.ANSWER:
        return refusal(Refused(fault.status, fault.code, fault.message))
    return None


def _finish(entry: Logged, answer: Answer | None) -> None:
    if answer:
        entry.status = answer.status
        content: Any = answer.content
        entry.code = content["code"] if answer.status >= 400 and isinstance(content, dict) else ""


@contextmanager
def serving(cloud: Cloud, *, port: int = 0, state: Path | None = None) -> Iterator[Server]:
    """A cloud that listens until the block ends."""
    server = Server(cloud, port, state)
    cloud.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
