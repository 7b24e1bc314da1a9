"""Clients of a real vLLM that ask for one completion after the other, and what became of each."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.e2e.vllm.server import Server

__all__ = ["Clients", "Request"]


@dataclass(slots=True)
class Request:
    """A completion; it is accepted as soon as its first token is here."""

    tokens: int = 0
    """Those that vLLM counts, once it is over."""
    is_accepted: bool = False
    is_over: bool = False
    error: str = ""


@dataclass
class Clients:
    """Streams, because only they show which requests the server has taken and not yet finished."""

    server: Server
    model: str
    tokens: int
    requests: list[Request] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def asking(self, clients: int) -> Iterator[None]:
        """So many clients; on the way out each finishes the request that it has sent."""
        threads = [threading.Thread(target=self._client) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop()
            for thread in threads:
                thread.join()

    def stop(self) -> None:
        """Nobody sends another request; what has been sent goes on."""
        self._stop.set()

    def in_flight(self) -> list[Request]:
        """The requests of this moment that are accepted and not over."""
        return [each for each in self.requests if each.is_accepted and not each.is_over]

    def wait_for(self, requests: int, *, within: float) -> None:
        """Wait until so many are in flight at once; a client whose request is over sends the next."""
        deadline = time.monotonic() + within
        while len(self.in_flight()) < requests:
            assert time.monotonic() < deadline, f"not {requests} in flight within {within:g} s: {self.requests}"
            time.sleep(0.02)

    def _client(self) -> None:
        while not self._stop.is_set():
            request = Request()
            self.requests.append(request)
            try:
                for tokens in self.server.stream(self.model, self.tokens):
                    request.is_accepted, request.tokens = True, tokens
            except (OSError, ValueError) as error:
                request.error = repr(error)
            finally:
                request.is_over = True
