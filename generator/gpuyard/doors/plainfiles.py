"""The one door to a repository's files: reads and writes below a directory and never follows a link.

Each part of a path is opened below the part before it (openat with O_NOFOLLOW), so that a link is met as a link
wherever in the path it is, and whenever it gets there.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Self

__all__ = ["READ", "Kind", "NotPlainError", "PlainFiles", "TooLargeError"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe that nobody writes to would keep us waiting
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


_IMPOSSIBLE = re.compile(r"[\0\ud800-\udc7f\udd00-\udfff]")
"""Characters of which no file system makes bytes, which JSON can bring."""


class Kind(StrEnum):
    """What is somewhere, as messages call it."""

    FILE = "a file"
    DIRECTORY = "a directory"
    LINK = "a symbolic link"
    SPECIAL = "a device, pipe or socket"


class NotPlainError(Exception):
    """Something that isn't a plain file is where one should be; `path` says where and `kind` what it is."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{path} is {kind}")
        self.path, self.kind = path, kind


class TooLargeError(Exception):
    """A file that has more bytes than its reader wants."""


class PlainFiles:
    """The files below `root`, by their path with slashes; keeps the directory of the last one open.

    A file is written under the name `.gpuyard-DRAFT` first. Nobody can know that name before; a run that goes on
    where a killed one stopped gives that one's `draft`, and takes away what it left.
    """

    def __init__(self, root: Path, draft: str = "") -> None:
        self._root = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)
        self._last: tuple[str, int] | None = None
        self._draft, self._again = f".gpuyard-{draft or token_hex(16)}", bool(draft)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()
        os.close(self._root)

    def read(self, path: str, most: int | None = None) -> bytes | None:
        """The bytes of a plain file, or None if nothing is there; TooLargeError, and nothing read, for `most`."""
        parent, name = _split(path)
        try:
            file = os.open(name, READ, dir_fd=self._open(parent))
        except OSError as error:
            if _is_absent(error):
                return None
            raise self._not_plain(path, error) from error
        if not stat.S_ISREG(mode := os.fstat(file).st_mode):
            os.close(file)
            raise NotPlainError(path, _kind(mode))
        with os.fdopen(file, "rb") as stream:
            if most is None:
                return stream.read()
            if os.fstat(file).st_size > most or len(data := stream.read(most + 1)) > most:
                raise TooLargeError
            return data

    def link(self, path: str) -> str:
        """Where a link leads to, as it says; nobody goes there."""
        parent, name = _split(path)
        return os.readlink(name, dir_fd=self._open(parent))

    def kind(self, path: str) -> Kind | None:
        """What is there; None: nothing. NotPlainError for what is no directory above it."""
        parent, name = _split(path)
        try:
            return _kind(os.stat(name, dir_fd=self._open(parent), follow_symlinks=False).st_mode)
        except OSError as error:
            if _is_absent(error):
                return None
            raise self._not_plain(path, error) from error

    def entries(self, path: str) -> list[tuple[str, Kind]]:
        """What is in a directory, by name; NotPlainError where it isn't one."""
        try:
            with os.scandir(self._open(path)) as found:
                return sorted((each.name, _kind(each.stat(follow_symlinks=False).st_mode)) for each in found)
        except OSError as error:
            raise self._not_plain(path, error) from error

    def walk(self, path: str) -> Iterator[tuple[str, Kind]]:
        """All that is below a directory and is none itself, by its path; the names of a folder in their order."""
        waiting = [(f"{path}/{name}" if path else name, kind) for name, kind in reversed(self.entries(path))]
        while waiting:
            inside, kind = waiting.pop()
            if kind is Kind.DIRECTORY:
                waiting += [(f"{inside}/{name}", each) for name, each in reversed(self.entries(inside))]
            else:
                yield inside, kind

    def replace(self, path: str, data: bytes, *, executable: bool = False) -> None:
        """Write a file in one step: others see what was there or all of the new, never a part."""
        parent, name = _split(path)
        directory = self._open(parent, create=True)
        if self._again:
            with suppress(OSError):
                os.unlink(self._draft, dir_fd=directory)
        file = os.open(self._draft, _NEW, 0o777 if executable else 0o666, dir_fd=directory)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(data)
            os.replace(self._draft, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with suppress(OSError):
                os.unlink(self._draft, dir_fd=directory)
            raise

    def remove(self, path: str) -> None:
        """Delete a file, and the directories that are empty without it."""
        parent, name = _split(path)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._open(parent))
        self._forget()
        with suppress(OSError):  # not empty
            while parent:
                parent, _, name = parent.rpartition("/")
                os.rmdir(name, dir_fd=self._open(parent))
                self._forget()

    def _open(self, path: str, *, create: bool = False) -> int:
        if not path:
            return self._root
        done, start = self._last or ("", self._root)
        if done == path:
            return start
        if create or not path.startswith(f"{done}/"):
            done, start = "", self._root
        directory = os.dup(start)
        self._forget()
        for part in path[len(done) :].strip("/").split("/"):
            above = directory
            try:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=above)
                directory = os.open(part, _DIRECTORY, dir_fd=above)
            finally:
                os.close(above)
        self._last = (path, directory)
        return directory

    def _forget(self) -> None:
        if self._last:
            os.close(self._last[1])
            self._last = None

    def _not_plain(self, path: str, error: OSError) -> Exception:
        """Which part of the path it is that can't be read, and why."""
        directory = os.dup(self._root)
        done: list[str] = []
        mode = 0
        try:
            for part in filter(None, path.split("/")):
                done.append(part)
                mode = os.stat(part, dir_fd=directory, follow_symlinks=False).st_mode
                if not stat.S_ISDIR(mode):
                    break
                above, directory = directory, os.open(part, _DIRECTORY, dir_fd=directory)
                os.close(above)
        except OSError:
            return error
        finally:
            os.close(directory)
        if "/".join(done) == path and error.errno not in (errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EOPNOTSUPP):
            return error
        return NotPlainError("/".join(done), _kind(mode))


def _split(path: str) -> tuple[str, str]:
    """Directory and name; nothing that leads out of the root or into its git directory."""
    if {"", ".", "..", ".git"} & set(path.lower().split("/")) or _IMPOSSIBLE.search(path):
        raise NotPlainError(path, "not a path of a work tree")
    parent, _, name = path.rpartition("/")
    return parent, name


def _is_absent(error: OSError) -> bool:
    """Nothing can be there by such a name."""
    return error.errno in (errno.ENOENT, errno.ENAMETOOLONG)


def _kind(mode: int) -> Kind:
    if stat.S_ISLNK(mode):
        return Kind.LINK
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.FILE if stat.S_ISREG(mode) else Kind.SPECIAL
