"""Processes of the world: one log file each, and a wait for each that shows the log's end when it fails."""

import http.client
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.errors import WorldError
from tests.cluster.state import State

__all__ = ["Process", "ended", "exit_code", "running", "start", "tail"]

_POLL_SECONDS = 0.05

_ours: dict[int, subprocess.Popen[bytes]] = {}


class Process:
    """A started process, known by its name in logs/ and processes/."""

    def __init__(self, state: State, name: str, pid: int) -> None:
        self.state, self.name, self.pid = state, name, pid

    def wait_for(self, url: str, *, within: float = 60, accept: Sequence[int] = (200,)) -> None:
        """Wait until the URL answers with one of these codes; a process that ends meanwhile ends the wait."""
        deadline = time.monotonic() + within
        answer = "no answer yet"
        while time.monotonic() < deadline:
            if exit_code(self.state, self.pid) is not None:
                raise WorldError(f"{self.name} ended while starting\n{tail(self.state, self.name)}")
            answer, code = _get(url)
            if code in accept:
                return
            time.sleep(_POLL_SECONDS)
        raise WorldError(f"{self.name}: {url}: {answer} after {within:g} s\n{tail(self.state, self.name)}")


def start(
    state: State, name: str, command: Sequence[str | Path], env: Mapping[str, str], *, cwd: Path | None = None
) -> Process:
    """Start a process that outlives us, its output in logs/<name>.log."""
    with (state.logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd=cwd or state.root,
            start_new_session=True,
        )
    (state.processes / name).write_text(str(process.pid))
    _ours[process.pid] = process
    return Process(state, name, process.pid)


def running(state: State) -> dict[str, int]:
    """The world's processes by name, with their numbers inside the world."""
    return {path.name: int(path.read_text()) for path in sorted(state.processes.iterdir())}


def ended(state: State) -> dict[str, int]:
    """The processes that have ended, with their exit codes; none of them ends by itself in a healthy world."""
    codes = {name: exit_code(state, pid) for name, pid in running(state).items()}
    return {name: code for name, code in codes.items() if code is not None}


def exit_code(state: State, pid: int) -> int | None:
    """How a process ended, or None while it runs; our own children are collected here, all others by init.py."""
    if pid in _ours:
        return _ours[pid].poll()
    with suppress(FileNotFoundError, ValueError):
        return int((state.root / "ended" / str(pid)).read_text())
    return None


def tail(state: State, name: str, lines: int = 15) -> str:
    """The last lines of a log, under a heading that says where the rest is."""
    path = state.logs / f"{name}.log"
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65536))
        text = file.read().decode(errors="replace").splitlines()[-lines:]
        return "\n".join([f"--- {path}", *(f"    {line[:400]}" for line in text)])
    return f"--- {path}: no such log"


def _get(url: str) -> tuple[str, int]:
    """What a person would read, and the HTTP code (0 without an answer)."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=5, context=_trusting())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=5)
    )
    try:
        connection.request("GET", parts.path or "/")
        code = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__, 0
    finally:
        connection.close()
    return f"HTTP {code}", code


def _trusting() -> ssl.SSLContext:
    """For health checks inside the world only: scheduler and controller manager sign for themselves."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
