"""Waiting for threads so that Ctrl-C is heard: any thread may get the signal, and only the main one acts on it."""

from collections.abc import Collection
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from typing import TypeVar

__all__ = ["all_done", "some_done"]

_TICK = 0.2
"""Seconds after which the main thread looks up."""
T = TypeVar("T")


def some_done(futures: Collection[Future[T]]) -> set[Future[T]]:
    """Those that are done, as soon as one is."""
    while not (done := wait(futures, timeout=_TICK, return_when=FIRST_COMPLETED).done):
        pass
    return done


def all_done(futures: Collection[Future[T]]) -> list[T]:
    """What each of them gives, in their order."""
    while wait(futures, timeout=_TICK, return_when=ALL_COMPLETED).not_done:
        pass
    return [future.result() for future in futures]
