"""Where executables lie: found on this machine, or built earlier into the cache."""

import fcntl
import hashlib
import os
import platform
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.programs.catalogue import Program

__all__ = ["built", "indent", "installed", "lock", "reports", "root"]


def root() -> Path:
    """The folder of all that is downloaded and built."""
    if own := os.environ.get("GPUYARD_CACHE"):
        return Path(own).absolute()
    home = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir  # set but empty, where a service starts us
    return Path(os.environ.get("XDG_CACHE_HOME") or Path(home, ".cache")).absolute() / "gpuyard"


def built(program: Program, go: str) -> Path:
    """Where that version of Go builds the program to; what is there is finished."""
    machine = f"{platform.system()} {platform.machine()}"
    key = hashlib.sha256()
    for part in (program.version, program.package, program.ldflags, go, machine):
        key.update(part.encode() + b"\0")
    for file in ("go.mod", "go.sum"):
        key.update((program.module / file).read_bytes() + b"\0")
    return root() / "programs" / f"{program.name}-{key.hexdigest()[:12]}" / program.name


def installed(program: Program) -> Path | None:
    """The program outside the cache, in $GPUYARD_E2E_BIN or on PATH, if its version is ours.

    One in $GPUYARD_E2E_BIN that can't be asked is taken as it is.
    """
    if folder := os.environ.get("GPUYARD_E2E_BIN"):
        own = Path(folder).absolute() / program.name
        if own.is_file() and os.access(own, os.X_OK):
            said = reports(own, program) if program.asks else None
            if said is None:
                return own
            sys.stderr.write(f"{own} isn't used: it should be {program.version}, but says: {said}\n")
    found = shutil.which(program.name)
    if found and program.asks and reports(Path(found), program) is None:
        return Path(found).absolute()
    return None


def reports(executable: Path, program: Program) -> str | None:
    """What the executable says when asked for its version, if that isn't the program's; None is good."""
    try:
        answer = subprocess.run(
            [executable, *program.asks],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=30,
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    # 1.37.2 is neither 1.37.20 nor 1.37.2-rc.0; what follows a + is a commit.
    number = re.compile(rf"(?<![\d.]){re.escape(program.version)}(?![\w.-])")
    return None if number.search(answer) else answer.strip() or "nothing"


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold the lock of that name against other processes; the kernel frees it when its holder dies."""
    folder = root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"waiting for another process that is getting {name}\n")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def indent(lines: Iterable[str]) -> str:
    """Another program's output, as part of a message of ours."""
    return "\n".join(f"    {line}" for line in lines)
