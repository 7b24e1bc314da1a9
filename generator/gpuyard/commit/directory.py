"""A directory as it stands, read as a commit of it would hold it; asks no Git, so that CI can run it anywhere."""

import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpuyard.commit.lock import LOCK, blob_id, is_lock
from gpuyard.doors.git.plainfiles import NotPlainError, PlainFiles
from gpuyard.doors.interrupts import uninterrupted
from gpuyard.errors import OutputError, OwnershipError
from gpuyard.project.located import located
from gpuyard.tree import LARGEST, readable

__all__ = ["Directory"]


@dataclass(frozen=True, slots=True)
class Directory:
    """A member of `Place`. A link is a file of its own, and what lies behind one isn't there."""

    root: Path

    def ids(self, paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, str]:
        """Git's id of each of those paths that is there; a link's, or a larger file's, is no file's."""
        found = {}
        for path in paths:
            if self._size(path) > LARGEST:
                found[path] = "large"
            elif (data := self._bytes(path)) is not None:
                found[path] = blob_id(data) if not (self.root / path).is_symlink() else f"link {blob_id(data)}"
        return found

    def read(self, *paths: PurePosixPath) -> dict[PurePosixPath, str]:
        """The texts of those paths that are plain files, `LARGEST` at most; bytes that aren't UTF-8 become U+FFFD."""
        plain = (path for path in paths if not (self.root / path).is_symlink())
        found = {path: self._bytes(path) for path in readable((path, self._size(path)) for path in plain)}
        return {path: data.decode("utf-8", "replace") for path, data in found.items() if data is not None}

    def below(self, path: PurePosixPath) -> list[str]:
        """The paths of all files below that one, whether or not a commit has them."""
        if os.path.realpath(self.root / path) != str(self.root.resolve() / path):
            return []
        found = (Path(folder) / file for folder, _, files in os.walk(self.root / path) for file in files)
        return sorted(file.relative_to(self.root).as_posix() for file in found)

    def above(self, *names: str) -> list[PurePosixPath]:
        """The files of these names in the folders of its repository that hold it; absolute from its top."""
        found = located(self.root)
        paths = [folder / name for folder in (found.folder.parents if found else ()) for name in names]
        return [PurePosixPath("/", path) for path in paths if found and os.path.lexists(found.top / path)]

    def blob_id(self, data: bytes) -> str:
        """The id that a file with these bytes has in a commit."""
        return blob_id(data)

    def check_clear(self, written: Collection[PurePosixPath], deleted: Collection[PurePosixPath]) -> None:
        """OwnershipError for what is no file of ours and stands where one goes."""
        leaving = {str(path) for path in deleted}
        try:
            with PlainFiles(self.root) as files:
                self._check(files, [*map(str, written), *leaving], leaving)
        except OSError as error:
            raise OutputError(f"{error.filename or self.root}: cannot be read: {error.strerror}") from error

    def write(self, written: Mapping[PurePosixPath, str], deleted: Iterable[PurePosixPath]) -> None:
        """Make it so, each file in one step and the locks last; an interrupt waits until all is there.

        OwnershipError, before the first is written, for what stands in the way.
        """
        leaving = {str(path) for path in deleted}
        try:
            with PlainFiles(self.root) as files, uninterrupted():
                self._check(files, [*map(str, written), *leaving], leaving)
                for name in sorted(leaving):
                    files.remove(name)
                for path in sorted(written, key=lambda path: (is_lock(path), path == LOCK, path)):
                    files.replace(str(path), written[path].encode())
        except OSError as error:
            raise OutputError(f"{error.filename or self.root}: cannot be written: {error.strerror}") from error

    def _check(self, files: PlainFiles, names: Iterable[str], leaving: Collection[str]) -> None:
        """That nothing which is no file of ours, such as a link or a directory, is where a file goes."""
        found = set()
        for name in names:
            try:
                files.read(name)
            except NotPlainError as error:
                if error.path not in leaving:
                    found.add(f"{error.path}: is {error.kind}, and a {_wanted(error.path == name)} goes there; move it")
        if found:
            raise OwnershipError("\n".join(sorted(found)))

    def _size(self, path: PurePosixPath) -> int:
        """In bytes, of a regular file; 0 for whatever else."""
        try:
            found = (self.root / path).lstat()
        except OSError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def _bytes(self, path: PurePosixPath) -> bytes | None:
        """What a commit would hold; None for what it has no file for, such as a pipe, which would keep us waiting."""
        file = self.root / path
        if os.path.realpath(file.parent) != str(self.root.resolve() / path.parent):
            return None
        try:
            if file.is_symlink():
                return os.fsencode(file.readlink())
            return file.read_bytes() if file.is_file() else None
        except OSError as error:
            raise OutputError(f"{path}: cannot be read: {error.strerror}") from error


def _wanted(whole: bool) -> str:
    return "file" if whole else "directory"
