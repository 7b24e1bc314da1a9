"""Several worlds side by side, each with a part of the tests: most of the time of most tests is waiting.

A folder of tests says in its worlds.yaml which files have a world in common.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import yaml

from tests.cluster.errors import WorldError

__all__ = ["LIST", "Run", "Say", "parts", "together"]

LIST = "worlds.yaml"
_MIB = 2560  # of memory that a world with Argo CD or Prometheus has at most
_PATIENCE = 45.0
_SAMPLE = 2.0
_IDLE = 0.25
_NO_TESTS = 5  # pytest's exit code: an option such as -m has left none in this part

Say: TypeAlias = Callable[[str], None]
Run: TypeAlias = Callable[[Say, Callable[[], None]], int]
"""Says something, says that its world is up, and ends with an exit code."""


def parts(root: Path, arguments: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The arguments of each run of pytest, by the name of its world.

    One without a name where nothing is listed, or where -k chooses: a few tests are not worth several worlds.
    """
    listed = [each for each in arguments if (root / each / LIST).is_file()]
    if not listed or any(each.startswith("-k") for each in arguments):
        return {"": arguments}
    others = [each for each in arguments if each not in listed]
    files = {
        name: [f"{folder}/{file}" for file in names]
        for folder in listed
        for name, names in yaml.safe_load((root / folder / LIST).read_text(encoding="utf-8")).items()
    }
    return {name: [*found, *others] for name, found in files.items()}


def together(runs: Mapping[str, Run], say: Say, stop: Callable[[], None]) -> int:
    """Run all of them, as many at once as there is memory for; each line says whose it is.

    To come up, and to install what its tests need, is all work and no waiting: one after the other, in their order, and
    each when the machine has time again, or has had none for long. `stop` ends every world; it is called
    before a KeyboardInterrupt goes on, and what they say of that is not repeated.
    """
    width, lock, over = max(map(len, runs)), threading.Lock(), threading.Event()
    last: dict[str, str] = {}

    def one(name: str, turn: threading.Event, up: threading.Event) -> int:
        def tell(line: str) -> None:
            with lock:
                if not over.is_set():
                    if line.startswith(("=", "error")):
                        last[name] = line.strip(" =\n")
                    say(f"{name:<{width}} | {line.rstrip()}")

        turn.wait()
        try:
            if turn is not turns[0]:
                _rest(over)
            return 1 if over.is_set() else runs[name](tell, up.set)
        except (OSError, WorldError) as error:
            tell(f"error: {error}")
            return 1
        finally:
            up.set()

    turns = [threading.Event() for _ in range(len(runs) + 1)]
    turns[0].set()
    with ThreadPoolExecutor(_at_once(len(runs))) as pool:
        codes = [pool.submit(one, *each) for each in zip(runs, turns, turns[1:], strict=False)]
        try:
            code = _worst(codes)
        except KeyboardInterrupt:
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
    for name in runs:
        say(f"{name}: {last.get(name, '')}")
    return code


def _worst(codes: Sequence[Future[int]]) -> int:
    """Zero only where tests were run, and all of them passed; a signal's number is below it."""
    found = {each.result() for each in codes}
    return max(found - {_NO_TESTS}, key=abs, default=_NO_TESTS)


def _at_once(wanted: int) -> int:
    (available,) = re.findall(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    return int(max(1, min(wanted, int(available) // 1024 // _MIB)))


def _rest(over: threading.Event) -> None:
    """Until a quarter of the processors' time is left."""
    end = time.monotonic() + _PATIENCE
    before = _times()
    while time.monotonic() < end and not over.wait(_SAMPLE):
        now = _times()
        if now[0] - before[0] >= _IDLE * (now[1] - before[1]):
            return
        before = now


def _times() -> tuple[int, int]:
    """Of all processors since the machine's start: idle, and all of it."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)
