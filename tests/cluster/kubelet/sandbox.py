"""Runs in a container's own mount namespace: builds its root from a specification, enters it, becomes its program.

Started by its file, with nothing imported from us: every start of a container waits for it.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def main(specification: str) -> None:
    """Never returns; the process is the container's from here on."""
    spec = json.loads(Path(specification).read_text())
    root = Path(spec["root"])
    socket.sethostname(spec["hostname"])
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(root))
    for directory in ("tmp", "proc", "dev", "etc", "root"):
        (root / directory).mkdir()
    (root / "tmp").chmod(0o1777)
    _mount("--rbind", "/proc", str(root / "proc"))
    for device in _DEVICES:
        _bind(Path("/dev") / device, root / "dev" / device)
    for name, target in {
        "fd": "/proc/self/fd",
        "stdout": "/proc/self/fd/1",
        "stderr": "/proc/self/fd/2",
    }.items():
        (root / "dev" / name).symlink_to(target)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/sbin/nologin\n")
    # In the order given: a volume may lie inside another.
    for source, target in spec["mounts"]:
        _bind(Path(source), root / os.path.normpath(f"/{target}").lstrip("/"))
    os.chroot(root)
    os.chdir(spec["directory"])
    os.execvpe(spec["command"][0], spec["command"], spec["env"])  # noqa: S606  (no shell: that is the point)


def _bind(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    _mount("--bind", str(source), str(target))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
