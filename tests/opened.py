"""What a run opens, lists or writes, by the path that it really is; for tests with hostile checkouts.

    with opened() as seen: ...
    assert outside(seen, repository) == []

An audit hook sees what Python opens by a path. What is opened below an open directory has only a name there, so
`os.open` is asked afterwards what it has opened. What programs open that are started is not seen.
"""

import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gpuyard
from gpuyard.catalogue.shipped import shipped

__all__ = ["opened", "outside"]

_EVENTS = {"open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "os.link", "os.symlink"}
_seen: list[set[str]] = []
_really = os.open
_inside = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _seen or _inside or event not in _EVENTS:
        return
    path = arguments[0]
    if isinstance(path, int) or path is None:
        return  # what is open already was seen when it was opened
    name = os.fsdecode(path)
    if event in {"os.remove", "os.mkdir", "os.rename"} and -1 not in arguments[1:]:
        return  # below a directory that is open
    _seen[-1].add(os.path.realpath(name))


def _open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    global _inside
    _inside = True
    try:
        file = _really(path, flags, mode, dir_fd=dir_fd)
    finally:
        _inside = False
    if _seen:
        # The path that the kernel knows it by, links followed.
        _seen[-1].add(os.readlink(f"/proc/self/fd/{file}"))  # noqa: PTH115 - a Path costs more than the opening
    return file


sys.addaudithook(_hook)  # for good: nobody can take one away again


@contextmanager
def opened() -> Iterator[set[str]]:
    """Everything that is opened meanwhile, links followed."""
    found: set[str] = set()
    _seen.append(found)
    os.open = _open
    try:
        yield found
    finally:
        os.open = _really
        _seen.remove(found)


def outside(seen: Iterable[str], *repositories: Path) -> list[str]:
    """What of it is in no repository, and no part of Python, of gpuyard, or of the temporary and cache folders."""
    python = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), "/dev/null", "/etc/mime.types"}
    ours = {Path(gpuyard.__file__).parent, *(Path(str(shipped(name))) for name in ("charts", "overlays"))}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpuyard"
    temporary = Path(tempfile.gettempdir())
    known = {os.path.realpath(each) for each in (*python, *ours, *repositories, cache)}
    listed = {os.path.realpath(each) for each in sys.path}  # by an import that comes late; not what is in them
    found = []
    for path in {*seen} - listed:
        of_ours = path.startswith(f"{os.path.realpath(temporary)}/gpuyard-")
        pipe = path.startswith("/proc/self/fd/") or path == os.path.realpath(temporary)
        if not of_ours and not pipe and not any(path == each or path.startswith(f"{each}/") for each in known):
            found.append(path)
    return sorted(found)
