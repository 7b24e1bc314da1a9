"""A command that runs inside a world: alone there, and ended with us."""

import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cluster import namespaces
from tests.cluster.beside import Say
from tests.cluster.errors import SetupError
from tests.cluster.state import State

__all__ = ["alone", "run"]


@contextmanager
def alone(world: State) -> Iterator[None]:
    """Hold the world against other runs: two would take each other's objects away."""
    with (world.root / "run").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"another run is using the world in {world.root}") from None
        yield


def run(
    world: State,
    command: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: Path,
    patience: float = 0,
    say: Say | None = None,
) -> int:
    """Run a command to its end, return its exit code; KeyboardInterrupt(signal) gives it seconds to end by itself.

    Its output is ours, or is said line by line.
    """
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if say else {}
    with subprocess.Popen(
        namespaces.command(world, *command), env=env, cwd=cwd, text=True, errors="replace", **output
    ) as entered:
        try:
            for line in entered.stdout or ():
                if say:
                    say(line)
            return entered.wait()
        except KeyboardInterrupt as interrupt:
            children = _children(entered.pid)
            if interrupt.args != (signal.SIGINT,):  # of Ctrl-C the terminal has told them
                _signal(children, signal.SIGINT)
            try:
                with suppress(subprocess.TimeoutExpired):
                    entered.wait(patience)
            finally:
                _signal(children, signal.SIGKILL)
            raise


def _children(pid: int) -> list[int]:
    """Of nsenter: it doesn't hand signals on, and the command outlives it."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
