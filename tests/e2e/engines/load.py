"""Requests to a model, as many at once as a test asks for, and what became of each."""

import http.client
import json
import threading
from collections import Counter

__all__ = ["Load"]

_TOKENS = 500  # ten seconds of the stand-in: clients that are slow to ask again are few


class Load:
    """A number of clients that ask again as soon as they are answered; each request on a connection of its own."""

    def __init__(self, host: str, model: str) -> None:
        self.answers: Counter[str] = Counter()
        self._host, self._model = host, model
        self._clients: list[tuple[threading.Thread, threading.Event]] = []
        self._lock = threading.Lock()

    def set(self, clients: int) -> None:
        """So many at once from now on; those that are answered last go without a new request."""
        while len(self._clients) > clients:
            self._clients.pop()[1].set()
        while len(self._clients) < clients:
            over = threading.Event()
            first = _TOKENS * (len(self._clients) + 1) // clients
            client = threading.Thread(target=self._ask, args=(over, first), daemon=True)
            client.start()
            self._clients.append((client, over))

    def _ask(self, over: threading.Event, first: int) -> None:
        """The first of each is shorter in its own way: requests that end together would come back together."""
        tokens = first
        while not over.is_set():
            answer, tokens = self._one(tokens), _TOKENS
            with self._lock:
                self.answers[answer] += 1
            if answer != "200":
                over.wait(0.2)

    def _one(self, tokens: int) -> str:
        body = json.dumps({"model": self._model, "prompt": "Hello", "max_tokens": tokens})
        connection = http.client.HTTPConnection(self._host, 8000, timeout=60)
        try:
            connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            return str(response.status)
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
        finally:
            connection.close()
