"""Reads and writes files below a directory and never follows a link, wherever in the path it is."""

import os
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["NotPlainError", "PlainFiles"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotPlainError(Exception):
    """Something that isn't a plain file is where one should be; `path` says where and `kind` what it is."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{path} is {kind}")
        self.path, self.kind = path, kind


class PlainFiles:
    """The files below `root`, by their path with slashes; keeps the directory of the last one open."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, _DIRECTORY & ~os.O_NOFOLLOW)
        self._last: tuple[str, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()
        os.close(self._root)

    def read(self, path: str) -> bytes | None:
        """The bytes of a plain file, or None if nothing is there."""
        parent, name = _split(path)
        try:
            directory = self._open(parent)
            # O_NONBLOCK: a pipe that nobody writes to would keep us waiting
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._not_plain(path, error) from error
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            os.close(file)
            raise NotPlainError(path, _kind(mode))
        with os.fdopen(file, "rb") as stream:
            return stream.read()

    def replace(self, path: str, data: bytes, *, executable: bool = False) -> None:
        """Write a file in one step: others see what was there or all of the new, never a part."""
        parent, name = _split(path)
        directory = self._open(parent, create=True)
        # The same name every time, so that a run after a killed one removes what that left.
        temporary = f".gpuyard-{sha256(name.encode()).hexdigest()[:16]}"
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o777 if executable else 0o666, dir_fd=directory)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(data)
            os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
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
        if self._last and self._last[0] == path:
            return self._last[1]
        self._forget()
        directory = os.dup(self._root)
        for part in path.split("/"):
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
        try:
            for part in path.split("/"):
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
        if stat.S_ISREG(mode) and len(done) == path.count("/") + 1:
            return error
        return NotPlainError("/".join(done), _kind(mode))


def _split(path: str) -> tuple[str, str]:
    """Directory and name; nothing that leads out of the root or into its git directory."""
    if {"", ".", "..", ".git"} & set(path.lower().split("/")):
        raise NotPlainError(path, "not a path of a work tree")
    parent, _, name = path.rpartition("/")
    return parent, name


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a file" if stat.S_ISREG(mode) else "a device, pipe or socket"
