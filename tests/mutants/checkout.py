"""Private copies of a checkout, and pytest in them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["Failed", "copied", "passes"]

_SECONDS = 900
"""A mutant may make a test wait for ever; the slowest of them takes a tenth of this."""
_PASSED, _SAW = 0, 1
"""What pytest ends with; anything else is neither."""


class Failed(Exception):
    """The tests could not be run, so that they say nothing."""


@contextmanager
def copied(root: Path, to: Path | None = None) -> Iterator[Path]:
    """A copy of what Git knows or would add, with the programs of the tests; gone afterwards."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    with TemporaryDirectory(prefix="mutant-", dir=to) as folder:
        copy = Path(folder) / "checkout"
        for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
            source, target = root / name, copy / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        if (root / ".tools").exists() and not (copy / ".tools").exists():
            (copy / ".tools").symlink_to((root / ".tools").resolve())
        yield copy


def passes(copy: Path, tests: Sequence[str], *options: str) -> bool:
    """Whether these tests pass in a copy; False where one fails or hangs. Failed with what pytest said otherwise."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *options, *tests]
    try:
        done = subprocess.run(
            command, cwd=copy, env=_environment(copy), capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (_PASSED, _SAW):
        raise Failed((done.stdout + done.stderr)[-3000:])
    return done.returncode == _PASSED


def _environment(copy: Path) -> Mapping[str, str]:
    """The copy's own package before any that is installed, for the processes that tests start, too."""
    path = [str(copy / ".tools"), str(Path(sys.executable).parent), os.environ["PATH"]]
    own = {"PATH": os.pathsep.join(path), "PYTHONPATH": os.pathsep.join([str(copy / "generator"), str(copy)])}
    # In CI a test that is skipped fails, which is no sign of a fault being seen.
    return {name: value for name, value in os.environ.items() if name != "CI"} | own
