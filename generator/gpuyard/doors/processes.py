"""Several processes of ours at once: Python computes on one core, however many threads it has."""

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from math import inf
from pathlib import Path
from threading import Thread
from typing import Any

from gpuyard.errors import ToolError

__all__ = ["cores", "share"]

_MOST = 8
"""Processes, where nobody says how many: each takes 150 MB, and all wait for the one that commits."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")

Work = Callable[[Any], object]


def cores() -> int:
    """How many processes may compute at once: what GPUYARD_JOBS says, or as many as there are CPUs for us."""
    if chosen := os.environ.get("GPUYARD_JOBS"):
        if not chosen.isdecimal() or not int(chosen):
            raise ToolError(f"GPUYARD_JOBS={chosen} is not a number of processes; 1 starts no others")
        return int(chosen)
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min(ours, _quota(), _MOST)))


def _quota() -> float:
    """CPUs of a container, which limits their time and not their number."""
    with suppress(OSError, ValueError):  # no container, or "max"
        most, period = _QUOTA.read_text("ascii").split()
        return int(most) / int(period)
    return inf


def share(work: Work, parts: Sequence[object], others: int) -> None:
    """Do work on each part, here and in so many other processes; whoever is free takes the next.

    Nothing comes back, and what a process that dies had in hand stays undone. None is left when this returns or raises.
    """
    left, request = deque(parts), pickle.dumps(work)
    with ExitStack() as stack:
        feeders = [_fed(stack, request, left) for _ in range(others)]
        for part in _taken(left):
            work(part)
        for feeder in feeders:
            feeder.join()


def _fed(stack: ExitStack, request: bytes, left: deque[object]) -> Thread:
    """A new process, and who hands it one part after the other."""
    # The modules that we run, and none that lies in the directory that a user happens to be in.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    argv = [sys.executable, "-P", "-m", __name__]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen(argv, env=environment, stdin=pipe, stdout=pipe, stderr=nowhere)
    stack.callback(_ended, process)
    feeder = Thread(target=_feed, args=(process, request, left), daemon=True)
    feeder.start()
    return feeder


def _feed(process: subprocess.Popen[bytes], request: bytes, left: deque[object]) -> None:
    requests, replies = process.stdin, process.stdout
    if requests is None or replies is None:
        return
    with suppress(OSError, ValueError):  # it died, or is ended
        requests.write(request)
        for part in _taken(left):
            requests.write(pickle.dumps(part))
            requests.flush()
            if not replies.read(1):
                return


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what it can't be told any more
            if pipe:
                pipe.close()
    process.wait()


def _taken(left: deque[object]) -> Iterator[object]:
    with suppress(IndexError):
        while True:
            yield left.popleft()


def _serve() -> None:
    """One of the others: until nobody has a part for it any more."""
    requests, replies = sys.stdin.buffer, os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    work = pickle.load(requests)  # noqa: S301 - from the process that started this one
    while True:
        try:
            part = pickle.load(requests)  # noqa: S301 - the same
        except EOFError:
            return
        work(part)
        os.write(replies, b".")


if __name__ == "__main__":
    _serve()
