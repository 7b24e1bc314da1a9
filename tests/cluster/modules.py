"""Files of Go modules: manifests and CRDs lie in the source of the programs that we build, so they are pinned alike.

Copied into the cache, so that a world needs no network once they are there, whatever happens to Go's module cache.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import SetupError
from tests.cluster.programs import store, toolchain
from tests.cluster.programs.catalogue import program

__all__ = ["Module", "files", "of_program"]


@dataclass(frozen=True, slots=True)
class Module:
    """A version of a Go module and the checksum that go.sum has for it."""

    path: str
    version: str
    checksum: str


def of_program(name: str, path: str) -> Module:
    """The module as the program of this name is built from it."""
    sums = (program(name).module / "go.sum").read_text()
    found = re.search(rf"^{re.escape(path)} (v\S+) (h1:\S+)$", sums, re.MULTILINE)
    if found is None:
        raise SetupError(f"{program(name).module / 'go.sum'} has no {path}")
    return Module(path, found[1], found[2])


def files(module: Module, folders: tuple[str, ...]) -> Path:
    """The directory with these folders of the module; SetupError tells why it can't be had."""
    # Another place for other folders: one that is there as the parent of another would have only that one in it.
    which = hashlib.sha256("\n".join(folders).encode()).hexdigest()[:8]
    label = f"{module.path.replace('/', '+')}@{module.version}-{which}"
    place = store.root() / "modules" / label
    if all((place / folder).exists() for folder in folders):
        return place
    with store.lock(f"module-{label}"):
        source = _download(module)
        place.mkdir(parents=True, exist_ok=True)
        for folder in folders:
            if not (place / folder).exists():
                _copy(source / folder, place / folder)
    return place


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as directory:
        new = Path(directory) / "new"
        shutil.copytree(source, new, copy_function=shutil.copyfile)
        for path in (new, *new.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # Go's module cache is read-only, directories included
        new.rename(target)


def _download(module: Module) -> Path:
    sys.stderr.write(f"downloading {module.path} {module.version} (once)\n")
    done = subprocess.run(
        [toolchain.executable(), "mod", "download", "-json", f"{module.path}@{module.version}"],
        cwd=tempfile.gettempdir(),  # no go.mod there: the module itself is asked for, not one that needs it
        env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""},
        capture_output=True,
        text=True,
    )
    answer = json.loads(done.stdout or "{}")
    if done.returncode:
        raise SetupError(f"{module.path} {module.version}: {answer.get('Error') or done.stderr.strip()}")
    if answer["Sum"] != module.checksum:
        raise SetupError(f"{module.path} {module.version} is {answer['Sum']}, not {module.checksum} as pinned")
    return Path(answer["Dir"])
