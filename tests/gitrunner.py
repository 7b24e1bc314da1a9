"""Runs gpuyard in children that are forked, so that hundreds can be killed or raced in seconds.

python -m tests.gitrunner kill      reads lines of JSON (target and files, or argv; step, delay, inside), answers each
python -m tests.gitrunner race      TARGET WRITERS ROUNDS SAME
"""

import ctypes
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import git.cmd  # noqa: F401  imported once, here, and not in every child

import gpuyard.cli.proposing  # noqa: F401  so is this
from gpuyard.cli.main import cli
from gpuyard.errors import ConflictError, GpuyardError
from tests.gittools import put

_PR_SET_CHILD_SUBREAPER = 36

# The steps that change something, or start a program that may
STEPS = {
    *("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.symlink"),
    *("subprocess.Popen", "fcntl.flock", "shutil.rmtree"),
}


# Stands before git on PATH, and kills gpuyard while git is at the command that KILLED_INSIDE names.
GIT = """#!/bin/sh
case " $* " in *" $KILLED_INSIDE "*) ;; *) exec {git} "$@" ;; esac
if [ "$KILLED_INSIDE" = update-ref ]; then
    kill -KILL "-$KILLED"  # it has a session of its own, and goes on as soon as it may
    for _ in $(seq 1000); do [ -e "$MAY_GO_ON" ] && break; sleep 0.01; done
    exec {git} "$@"
fi
(ulimit -f 0; exec {git} "$@")  # the first byte that it writes to a file is its end
kill -KILL "-$KILLED"
"""


def _go_inside(command: str, target: str) -> None:
    """From here on git isn't itself at this command; a file beside the target lets it go on."""
    folder = Path(tempfile.mkdtemp())
    program = folder / "git"
    program.write_text(GIT.format(git=shutil.which("git")))
    program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    os.environ.update(PATH=path, KILLED_INSIDE=command, KILLED=str(os.getpid()), MAY_GO_ON=f"{target}.go")


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


def _run(order: Mapping[str, object]) -> tuple[int | str | None, str]:
    """A commit of some files, or all that a command such as `gpuyard compile` does; what it ends with, and says."""
    if "files" in order:
        put(str(order["target"]), order["files"])  # type: ignore[arg-type]
        return 0, ""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), suppress(GpuyardError):
        try:
            cli(order.get("argv") or ["compile", str(order["target"])])  # type: ignore[arg-type]
        except SystemExit as end:
            return end.code, said.getvalue()
    return -1, said.getvalue()


def _adopt() -> None:
    """From here on what a killed run leaves running is ours, so that its end can be waited for."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for_all() -> None:
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _killed(order: Mapping[str, object]) -> dict[str, object]:
    """One run, killed at a step, inside a git command or after a delay; whether it was, and its steps.

    Or by whoever reads its number in the file `note`. With `alone`, what it has started is not killed, and ends.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        try:
            if note := order.get("note"):
                Path(str(note)).write_text(str(os.getpid()), encoding="ascii")
            if inside := order.get("inside"):
                _go_inside(str(inside), str(order["target"]))
            seen = _steps(int(str(order.get("step", -1))))
            code, said = _run(order)
            os.write(writing, json.dumps({"steps": seen, "code": code, "said": said}).encode())
        finally:
            os._exit(0)
    os.close(writing)
    if delay := order.get("delay"):
        time.sleep(float(str(delay)))
        with suppress(ProcessLookupError):
            (os.kill if order.get("alone") else os.killpg)(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    told = b"{}" if os.WIFSIGNALED(status) else os.read(reading, 1 << 16)
    os.close(reading)
    if "argv" in order:
        _wait_for_all()
    return {"killed": os.WIFSIGNALED(status), **json.loads(told)}


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
    _adopt()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_killed(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
