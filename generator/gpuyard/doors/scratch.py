"""Temporary folders of a run, and the end of those that killed runs have left."""

import fcntl
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gpuyard.errors import OutputError

__all__ = ["scratch", "unwritable"]

_PREFIX = "gpuyard-"
_OURS = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")
_OLD = 60 * 60
"""Seconds; a younger one may belong to a run that has only just begun."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WHERE = "set TMPDIR to a folder with room"


def unwritable(error: OSError) -> OutputError:
    """What is said of one that takes no more files."""
    return OutputError(f"the temporary folder cannot be written: {error.strerror}; {_WHERE}")


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards, and that others leave alone as long as this process lives."""
    try:
        _sweep(Path(tempfile.gettempdir()))
        folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
    except OSError as error:
        why = (error.strerror or "").partition(" in [")[0]  # where it was looked for
        raise OutputError(f"no temporary folder can be made: {why}; {_WHERE}") from error
    held = os.open(folder.name, _DIRECTORY)
    try:
        with suppress(OSError):  # not on every file system
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield Path(folder.name)
    except (OSError, OutputError) as error:
        if not _is_full(held) or _WHERE in str(error):
            raise
        said = f"{error.strerror}" if isinstance(error, OSError) else str(error)
        full = OutputError(*f"{said}; the temporary folder is full: {_WHERE}".split("\n"))
        full.landed = error.landed if isinstance(error, OutputError) else None
        raise full from error
    finally:
        os.close(held)
        folder.cleanup()


def _is_full(directory: int) -> bool:
    found = os.fstatvfs(directory)
    return found.f_bavail == 0 or (found.f_files > 0 and found.f_favail == 0)


def _sweep(base: Path) -> None:
    """Take away what is ours, old, and nobody's any more; nothing that it holds is followed."""
    with suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if _OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _take_away(base / entry.name)


def _take_away(folder: Path) -> None:
    directory = os.open(folder, _DIRECTORY)
    try:
        found = os.fstat(directory)
        private = found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700
        if not private or time.time() - found.st_mtime < _OLD:
            return
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails for one of a run that lives
        if shutil.rmtree.avoids_symlink_attacks:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(directory)
