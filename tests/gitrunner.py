"""Runs gpuyard in children that are forked, so that hundreds can be killed or raced in seconds.

python -m tests.gitrunner kill      reads lines of JSON (target, files, step or delay), answers each
python -m tests.gitrunner race      TARGET WRITERS ROUNDS SAME
"""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress

import git.cmd  # noqa: F401  imported once, here, and not in every child

from gpuyard.errors import ConflictError
from tests.gittools import put

# The steps that change something, or start a program that may
STEPS = {
    *("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.symlink"),
    *("subprocess.Popen", "fcntl.flock", "shutil.rmtree"),
}


def _steps(last: int) -> list[str]:
    """From here on note the steps; this process is killed when it is about to take the last one."""
    seen: list[str] = []
    harmless = (f"{tempfile.gettempdir()}/gpuyard-", "/dev/")  # our own temporary directory

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        changes = event in STEPS or (event == "open" and _writes(arguments))
        if changes and not str(arguments[0]).startswith(harmless):
            if len(seen) == last:
                os.kill(os.getpid(), signal.SIGKILL)
            seen.append(event)

    sys.addaudithook(hook)
    return seen


def _writes(arguments: tuple[object, ...]) -> bool:
    path, _, flags = arguments
    return not isinstance(path, int) and isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def _killed(order: Mapping[str, object]) -> dict[str, object]:
    """One run, killed at a step, or with its whole group after a delay; whether it was, and its steps."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        try:
            seen = _steps(int(str(order.get("step", -1))))
            put(str(order["target"]), order["files"])  # type: ignore[arg-type]
            os.write(writing, json.dumps(seen).encode())
        finally:
            os._exit(0)
    os.close(writing)
    if delay := order.get("delay"):
        time.sleep(float(str(delay)))
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    steps = b"[]" if os.WIFSIGNALED(status) else os.read(reading, 1 << 16)
    os.close(reading)
    return {"killed": os.WIFSIGNALED(status), "steps": json.loads(steps)}


def _write(target: str, writer: int, rounds: int, same: bool) -> None:
    for number in range(rounds):
        name = "shared" if same else f"writer{writer}/{number}"
        try:
            assert put(target, {name: f"{writer} {number}\n"})
            sys.stdout.write(f"{writer} {number}\n")
        except ConflictError:
            sys.stdout.write(f"{writer} {number} conflict\n")
    sys.stdout.flush()


def _race(target: str, writers: int, rounds: int, same: bool) -> None:
    children = []
    for writer in range(writers):
        child = os.fork()
        if child == 0:
            try:
                _write(target, writer, rounds, same)
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


def main() -> None:
    if sys.argv[1] == "race":
        target, writers, rounds, same = sys.argv[2:]
        _race(target, int(writers), int(rounds), same == "True")
        return
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_killed(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
