"""A pod's own network namespace: its address, and a way to everything else in the world."""

import subprocess
from contextlib import suppress
from pathlib import Path

from tests.cluster.addresses import API

__all__ = ["attach", "detach"]


def attach(file: Path, device: str, address: str) -> None:
    """Make a namespace that lasts as long as this file is mounted, and give it the address."""
    detach(file, device)
    file.touch()
    _run("unshare", f"--net={file}", "true")
    _run("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", str(file))
    _run("ip", "link", "set", device, "up")
    # In table local, where the longer prefix wins over the /15 that makes every other address local.
    _run("ip", "route", "replace", f"{address}/32", "dev", device, "table", "local", "src", API)
    inside = ("nsenter", f"--net={file}", "ip")
    _run(*inside, "link", "set", "lo", "up")
    _run(*inside, "address", "add", f"{address}/32", "dev", "eth0")
    _run(*inside, "link", "set", "eth0", "up")
    _run(*inside, "route", "add", "default", "via", API, "dev", "eth0", "onlink")


def detach(file: Path, device: str) -> None:
    """Undo all of it; the route goes with the device."""
    for command in (["ip", "link", "delete", device], ["umount", str(file)]):
        subprocess.run(command, capture_output=True)
    with suppress(FileNotFoundError):
        file.unlink()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
