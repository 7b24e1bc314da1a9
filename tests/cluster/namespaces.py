"""One private network, mount, process (and, for an ordinary user, user) namespace per world: made, entered, ended."""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster.errors import SetupError, WorldError
from tests.cluster.state import State, is_alive

__all__ = ["check_machine", "command", "end", "environment", "start"]

_ROOT = Path(__file__).resolve().parents[2]
_TOOLS = {
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "ip": "iproute2",
    "openssl": "openssl",
    "git": "git",
}
_SECONDS = 60
_started: list[subprocess.Popen[bytes]] = []  # they outlive the functions that start them
_REFUSED = """\
this machine doesn't let you make namespaces ({error})
- Ubuntu 23.10 and later forbid it to ordinary users; until the next boot
      sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
  or for good an AppArmor profile for /usr/bin/unshare with `userns,`
- Debian and others with kernel.unprivileged_userns_clone=0: sudo sysctl kernel.unprivileged_userns_clone=1
- in a container: it needs --privileged, or CAP_SYS_ADMIN and a seccomp profile that allows unshare and mount
- as root it works everywhere else"""


def check_machine() -> None:
    """Raise SetupError, with the way out, when a tool is missing or namespaces are forbidden."""
    missing = {tool: package for tool, package in _TOOLS.items() if shutil.which(tool, path=_path()) is None}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise SetupError(f"not found: {', '.join(missing)}; on Debian and Ubuntu: sudo apt-get install {packages}")
    tried = subprocess.run([*_unshare(), "mount", "-t", "proc", "proc", "/proc"], capture_output=True, text=True)
    if tried.returncode:
        raise SetupError(_REFUSED.format(error=tried.stderr.strip() or f"exit code {tried.returncode}"))


def start(state: State, lock: int, *, lifeline: int = -1) -> None:
    """Start the world's first process, which holds the lock; with a lifeline it ends when the pipe's writer is gone."""
    state.logs.mkdir()
    inherited = [fd for fd in (lock, lifeline) if fd >= 0]
    with (state.logs / "init.log").open("wb") as log:
        process = subprocess.Popen(
            [*_unshare(), sys.executable, "-m", "tests.cluster.init", str(state.root), str(lifeline)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=_ROOT,
            env=environment(state),
            pass_fds=inherited,
            start_new_session=True,
        )
    _started.append(process)
    try:
        _wait_for_first(state, process)
    except BaseException:
        process.kill()  # and with it the world's first process, which may not have written its number yet
        process.wait()
        raise


def _wait_for_first(state: State, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not state.pid.exists():
        if process.poll() is not None:
            raise SetupError(f"the namespaces can't be made:\n{(state.logs / 'init.log').read_text()}")
        if time.monotonic() > deadline:
            raise SetupError(f"the namespaces aren't there after {_SECONDS} s: this machine has too much to do")
        time.sleep(0.01)


def command(state: State, *argv: str) -> list[str]:
    """The command line that runs this command inside the world, in the present directory."""
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    target = ["--target", state.pid.read_text(), "--net", "--mount", "--pid", *user]
    return ["nsenter", *target, "sh", "-c", 'cd "$0" && exec "$@"', str(Path.cwd()), *argv]


def environment(state: State, extra: Sequence[str] = ()) -> dict[str, str]:
    """The environment of the world's own processes: no proxies, no settings of the user, an own home."""
    kept = {name: os.environ[name] for name in ("LANG", "TERM", *extra) if name in os.environ}
    return kept | {
        "PATH": _path(),
        "PYTHONPATH": str(_ROOT),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(state.home),
        "TMPDIR": str(state.temporary),
        "KUBECONFIG": str(state.kubeconfig),
    }


def end(state: State) -> None:
    """Kill the world's first process, and with it every other one; returns when they are gone."""
    if not is_alive(state):
        return
    with suppress(FileNotFoundError, ProcessLookupError):
        first = int(state.pid.read_text())
        # Its parent, unshare, holds the lock as well, and ends a moment later.
        both = [os.pidfd_open(pid) for pid in (first, _parent(first))]
        try:
            signal.pidfd_send_signal(both[0], signal.SIGKILL)
            for process in both:
                if not select.select([process], [], [], _SECONDS)[0]:
                    raise WorldError(f"{state.root}: its processes don't end")
        finally:
            for process in both:
                os.close(process)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _unshare() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", *user]


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
