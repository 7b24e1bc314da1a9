#!/usr/bin/env python3
"""A model server without a model: vLLM's interface, recorded metrics and draining, and a token every 20 ms.

Stands alone: it is the only file of an image (tests/cluster/kubelet/images.py). tests/e2e/test_real_vllm.py shows that
the real one does the same.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SHOW = "/stand-in/show"
"""POST: JSON of series, each with its value now and its growth per second; the real one has no such path."""
_SECONDS_PER_TOKEN = 0.02
_RECORDED = Path(__file__).with_name("vllm-metrics.txt")


class Engine:
    """The requests that run and wait, and whether new ones are taken."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.name: str = config["served-model-name"]
        self.keys = frozenset(config.get("api-key", ()))
        self._slots = threading.Semaphore(config.get("max-num-seqs", 256))
        self._lock = threading.Condition()
        self._accepted = self._running = self._finished = 0
        self._draining = False
        self._shown: dict[str, tuple[float, float]] = {}
        self._shown_since = 0.0

    def run(self, tokens: int) -> bool:
        """Take the request and make its tokens; False refuses it."""
        with self._lock:
            if self._draining:
                return False
            self._accepted += 1
        with self._slots:
            self._count(running=1)
            time.sleep(tokens * _SECONDS_PER_TOKEN)
            self._count(running=-1, finished=1)
        return True

    def answered(self) -> None:
        """The client has the whole answer: until then a drain waits for it."""
        with self._lock:
            self._accepted -= 1
            self._finished -= 1
            self._lock.notify_all()

    def drain(self, seconds: float) -> None:
        """Refuse what is new; wait for what was accepted, but no longer than this."""
        with self._lock:
            self._draining = True
            sys.stderr.write(f"shutting down with {self._accepted} requests in flight\n")
            self._lock.wait_for(lambda: self._accepted == 0, timeout=seconds)

    def show(self, series: dict[str, tuple[float, float]]) -> None:
        """From now on these series have another value, which grows by so much per second."""
        with self._lock:
            self._shown, self._shown_since = series, time.monotonic()

    def metrics(self) -> str:
        """The recording, with our own name and the requests of this moment, and what somebody wants to be shown."""
        with self._lock:
            now = {"running": self._running, "waiting": self._accepted - self._running - self._finished}
        lines = _RECORDED.read_text(encoding="utf-8").replace('model_name="tiny"', f'model_name="{self.name}"')
        for state, number in now.items():
            series = f'vllm:num_requests_{state}{{engine="0",model_name="{self.name}"}}'
            lines = lines.replace(f"{series} 0.0", f"{series} {number}.0")
        with self._lock:
            shown, seconds = self._shown, time.monotonic() - self._shown_since
        kept = [line for line in lines.splitlines() if line.rpartition(" ")[0] not in shown]
        return "\n".join([*kept, *(f"{name} {at + rate * seconds}" for name, (at, rate) in shown.items()), ""])

    def _count(self, *, running: int, finished: int = 0) -> None:
        with self._lock:
            self._running += running
            self._finished += finished


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        """Health and metrics, for everybody."""
        if self.path == "/health":
            self._answer(200, "")
        elif self.path == "/metrics":
            self._answer(200, self.server.engine.metrics(), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self._answer(404, json.dumps({"detail": "Not Found"}))

    def do_POST(self) -> None:
        """A completion, for those who have a key."""
        engine = self.server.engine
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.path == SHOW:
            engine.show({name: (at, rate) for name, (at, rate) in json.loads(body).items()})
            self._answer(200, "")
        elif self.path != "/v1/completions":
            self._answer(404, json.dumps({"detail": "Not Found"}))
        elif engine.keys and key not in engine.keys:
            self._answer(401, json.dumps({"error": "Unauthorized"}))
        elif not engine.run(tokens := int(json.loads(body).get("max_tokens", 16))):
            self._answer(500, json.dumps({"error": {"message": "the server is shutting down", "code": 500}}))
        else:
            try:
                usage = {"completion_tokens": tokens}
                choice = {"index": 0, "text": "a" * tokens, "finish_reason": "length"}
                answer = {"object": "text_completion", "model": engine.name, "choices": [choice], "usage": usage}
                self._answer(200, json.dumps(answer))
            finally:
                engine.answered()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say what was answered, but for the probes."""
        if self.path not in {"/health", "/metrics"}:
            super().log_request(code, size)

    def _answer(self, code: int, text: str, kind: str = "application/json") -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """A thread per connection; none of them outlives the process."""

    daemon_threads = True
    request_queue_size = 1024

    handler: type[Handler] = Handler

    def __init__(self, port: int, engine: Engine, address: str = "") -> None:
        self.engine = engine
        super().__init__((address, port), self.handler)


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM, as `vllm serve MODEL --flag=value … [--config FILE]` does; the file holds the keys."""
    if arguments[:1] != ["serve"] or len(arguments) < 2:
        sys.exit("usage: vllm serve MODEL --flag=value … [--config FILE]")
    config = {"model": arguments[1], **_flags(arguments[2:])}
    engine = Engine(config)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    server = Server(config["port"], engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asked.wait()
    engine.drain(config["shutdown-timeout"])
    sys.stderr.flush()
    os._exit(0)  # connections that clients keep open end with the process, as the real one's do


def _flags(arguments: list[str]) -> dict[str, Any]:
    """What the arguments and the file say; numbers and lists as JSON."""
    pairs = [argument.removeprefix("--").partition("=")[::2] for argument in arguments if argument.startswith("--")]
    if "--config" in arguments:
        file = arguments[arguments.index("--config") + 1]
        pairs += [line.partition(": ")[::2] for line in Path(file).read_text(encoding="utf-8").splitlines()]
    return {name: _value(text) for name, text in pairs if name != "config"}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main(sys.argv[1:])
