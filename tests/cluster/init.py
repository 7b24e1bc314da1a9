"""The first process inside a world: makes the place private, then reaps. When it ends, everything in the world ends."""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.cluster.addresses import NAMES, NETWORK
from tests.cluster.state import State

__all__ = ["main"]

# Asked by glibc before /etc/hosts where they run; a socket file isn't bound to any network namespace.
_RESOLVERS = ("/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve")


def main(root: str, lifeline: str) -> None:
    """Prepare the namespaces and stay; with a lifeline (a pipe's reading end) end as soon as its writer is gone."""
    state = State(Path(root))
    outside = Path("/proc/self").readlink()  # /proc is still the outside's, and so is the number
    _private_files(state)
    _private_network()
    written = state.pid.with_suffix(".new")
    written.write_text(str(outside))
    written.replace(state.pid)
    _reap(state, int(lifeline))


def _private_files(state: State) -> None:
    hosts = "".join(f"{address} {name}\n" for address, name in NAMES.items())
    _run("mount", "-t", "proc", "proc", "/proc")
    for target, text in {
        "/etc/hosts": hosts,
        "/etc/resolv.conf": "",  # an unknown name fails at once instead of hanging
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }.items():
        source = state.root / Path(target).name
        source.write_text(text)
        if Path(target).exists():
            _run("mount", "--bind", str(source), str(Path(target).resolve()))
    for socket in _RESOLVERS:
        if Path(socket).exists():
            _run("mount", "--bind", "/dev/null", socket)


def _private_network() -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "route", "add", "local", NETWORK, "dev", "lo")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _reap(state: State, lifeline: int) -> None:
    """Collect the dead and write down how they ended, until the lifeline breaks."""
    ended = state.root / "ended"
    ended.mkdir()
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    if lifeline >= 0:
        poll.register(lifeline, select.POLLHUP)
    while all(fd != lifeline for fd, _ in poll.poll()):
        os.read(wake, 4096)
        with suppress(ChildProcessError):
            while (child := os.waitpid(-1, os.WNOHANG))[0]:
                code = os.waitstatus_to_exitcode(child[1])
                with suppress(OSError):  # a full disk must not end the world
                    (ended / str(child[0])).write_text(str(code))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
