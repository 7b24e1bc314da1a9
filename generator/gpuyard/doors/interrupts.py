"""Ctrl-C, where stopping half-way would leave files of two minds."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uninterrupted"]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Have Ctrl-C wait until all is done; it is always the main thread that it ends.

    A terminal sends it to the programs that we have started, too: they inherit that it waits.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught = []
    before = signal.signal(signal.SIGINT, lambda *_: caught.append(True))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)  # what has waited is caught now
        signal.signal(signal.SIGINT, before)
    if caught:
        raise KeyboardInterrupt
