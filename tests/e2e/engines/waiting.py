"""To wait for what no single object tells."""

import time
from collections.abc import Callable

__all__ = ["eventually"]


def eventually(what: str, holds: Callable[[], bool], *, within: float, every: float = 0.5) -> float:
    """Wait until it holds; returns the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, f"not within {within:.0f} s: {what}"
        time.sleep(every)
    return time.monotonic() - began
