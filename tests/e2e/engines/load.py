"""Requests to a model, as many at once as a test asks for, and what became of each."""

import http.client
import json
import threading
from collections import Counter

__all__ = ["Load"]

_TOKENS = 500  # ten seconds of the stand-in: clients that are slow to ask again are few


class Load:
    """A number of clients that ask again as soon as they are answered; each request on a connection of its own."""

    def __init__(self, host: str, model: str, *, patience: float = 60) -> None:
        self.answers: Counter[str] = Counter()
        self._host, self._patience = host, patience
        self._body = json.dumps({"model": model, "prompt": "Hello", "max_tokens": _TOKENS})
        self._clients: list[tuple[threading.Thread, threading.Event]] = []
        self._lock = threading.Lock()

    def set(self, clients: int) -> None:
        """So many at once from now on; those that are answered last go without a new request."""
        while len(self._clients) > clients:
            self._clients.pop()[1].set()
        while len(self._clients) < clients:
            over = threading.Event()
            client = threading.Thread(target=self._ask, args=(over,), daemon=True)
            client.start()
            self._clients.append((client, over))

    def _ask(self, over: threading.Event) -> None:
        while not over.is_set():
            answer = self._one()
            with self._lock:
                self.answers[answer] += 1
            if answer != "200":
                over.wait(0.2)

    def _one(self) -> str:
        connection = http.client.HTTPConnection(self._host, 8000, timeout=self._patience)
        try:
            connection.request("POST", "/v1/completions", self._body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            return str(response.status)
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()
