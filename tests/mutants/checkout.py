"""Private copies of a checkout, and pytest in them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["FailedError", "copied", "failing"]

_SECONDS = 900
"""A mutant may make a test wait for ever; the slowest of them takes a tenth of this."""
_OPTIONS = ("-q", "--hypothesis-seed=0")
"""What one run sees the next one sees, too."""
_PASSED, _SAW = 0, 1
"""What pytest ends with; anything else is neither."""


class FailedError(Exception):
    """The tests could not be run, so that they say nothing."""


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """A copy of what Git knows or would add, with the programs of the tests; gone afterwards."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
    with TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "checkout"
        for name in filter(None, os.fsdecode(listed).split("\0")):
            source, target = root / name, copy / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)
        if (root / ".tools").exists():
            (copy / ".tools").symlink_to((root / ".tools").resolve())
        yield copy


def failing(copy: Path, tests: Iterable[str], *options: str) -> list[str]:
    """The tests that fail in a copy; FailedError with what pytest said where it could not run them."""
    command = [sys.executable, "-m", "pytest", *_OPTIONS, *options, *tests]
    try:
        done = subprocess.run(
            command, cwd=copy, env=_environment(copy), capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return ["one that never ended"]
    if done.returncode not in (_PASSED, _SAW):
        raise FailedError((done.stdout + done.stderr)[-3000:])
    if done.returncode == _PASSED:
        return []
    return list(json.loads((copy / ".pytest_cache/v/cache/lastfailed").read_text(encoding="utf-8")))


def _environment(copy: Path) -> Mapping[str, str]:
    """The copy's own package before any that is installed, for the processes that tests start, too."""
    path = [str(copy / ".tools"), str(Path(sys.executable).parent), os.environ["PATH"]]
    own = {"PATH": os.pathsep.join(path), "PYTHONPATH": os.pathsep.join([str(copy / "generator"), str(copy)])}
    # In CI a test that is skipped fails, which is no sign of a fault being seen.
    return {name: value for name, value in os.environ.items() if name != "CI"} | own
