"""Builds one program into the cache: whole or not at all, and only once."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.cluster.errors import SetupError
from tests.cluster.programs import store, toolchain
from tests.cluster.programs.catalogue import Program

__all__ = ["build", "clean"]

# What a failed build's output tells about its cause, and what to do about it.
_HINTS: Final = {
    "no space left on device": "The disk is full: a build of everything takes about 15 GB under {root}.",
    "dial tcp": "The Go module proxy can't be reached; GOPROXY says which one is asked.",
    "i/o timeout": "The Go module proxy can't be reached; GOPROXY says which one is asked.",
    "proxyconnect": "The web proxy can't be reached; HTTPS_PROXY says which one.",
    "checksum mismatch": "A module isn't what go.sum says. Don't update go.sum before you know why.",
}


def build(program: Program) -> Path:
    """Build the program unless the cache has it; SetupError tells why it can't be built."""
    place = store.built(program, toolchain.version())
    if place.is_file():
        return place
    with store.lock(program.name):
        if place.is_file():  # the process we waited for has built it
            return place
        go = toolchain.executable()
        scratch = store.root() / "scratch" / program.name
        scratch.mkdir(parents=True, exist_ok=True)  # there, if an earlier build was killed
        try:
            _compile(program, go, place, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return place


def clean(keep: set[Path]) -> None:
    """Drop Go's build cache, and every built program but those to keep."""
    shutil.rmtree(store.root() / "go-build", ignore_errors=True)
    folders = {place.parent for place in keep}
    for folder in (store.root() / "programs").glob("*"):
        if folder not in folders:
            shutil.rmtree(folder)


def _compile(program: Program, go: Path, place: Path, scratch: Path) -> None:
    sys.stderr.write(f"building {program.name} {program.version} ({_about(program.seconds)}, once) ... ")
    sys.stderr.flush()
    start = time.monotonic()
    # A killed build's compiler may live on for a moment, so no two builds write to the same file.
    output = Path(tempfile.mkdtemp(dir=scratch)) / program.name
    done = subprocess.run(
        [go, "build", "-ldflags", program.ldflags, "-o", output, program.package],
        cwd=program.module,
        env=toolchain.environment(scratch),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # not a file: a full disk must be told too
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode or not output.is_file():
        sys.stderr.write("failed\n")
        raise SetupError(_failure(program, done.stdout))
    if program.asks and (answer := store.reports(output, program)):
        sys.stderr.write("failed\n")
        raise SetupError(f"{program.name} should be {program.version}, but says: {answer}")
    shutil.rmtree(place.parent, ignore_errors=True)
    place.parent.parent.mkdir(parents=True, exist_ok=True)
    output.parent.chmod(0o755)
    output.parent.replace(place.parent)
    sys.stderr.write(f"{time.monotonic() - start:.0f} s\n")


def _failure(program: Program, output: str) -> str:
    lines = [f"{program.name} {program.version} can't be built (go build in {program.module}):"]
    lines.append(store.indent(output.strip().splitlines()[-20:] or ["it said nothing"]))
    hints = {hint for sign, hint in _HINTS.items() if sign in output}
    return "\n".join([*lines, *sorted(hint.format(root=store.root()) for hint in hints)])


def _about(seconds: int) -> str:
    return f"about {seconds} s" if seconds < 90 else f"about {round(seconds / 60)} min on 2 cores"
