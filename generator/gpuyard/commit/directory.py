"""A directory as it stands, read as a commit of it would hold it; asks no Git, so that CI can run it anywhere."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpuyard.commit.lock import LOCK, blob_id, is_lock
from gpuyard.doors.interrupts import uninterrupted
from gpuyard.doors.plainfiles import Kind, NotPlainError, PlainFiles, TooLargeError
from gpuyard.errors import OutputError, OwnershipError
from gpuyard.project.located import located, submodules
from gpuyard.tree import LARGEST, TOGETHER

__all__ = ["Directory"]


@dataclass(frozen=True, slots=True)
class Directory:
    """A member of `Place`. A link is a file of its own, and what lies behind one isn't there.

    One that isn't there yet is empty; nothing makes it.
    """

    root: Path

    def ids(self, paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, str]:
        """Git's id of each of those paths that is there; a link's, or a larger file's, is no file's."""
        return {path: _id(kind, data) for path, kind, data in self._found(paths)}

    def read(self, *paths: PurePosixPath) -> dict[PurePosixPath, str]:
        """The texts of those paths that are plain files, `LARGEST` at most; bytes that aren't UTF-8 become U+FFFD."""
        found, room = {}, TOGETHER
        for path, kind, data in self._found(paths):
            if kind is Kind.FILE and data is not None and len(data) <= room:
                found[path], room = data.decode("utf-8", "replace"), room - len(data)
        return found

    def below(self, path: PurePosixPath) -> list[str]:
        """The paths of all files, links and submodules below that one, whether or not a commit has them."""
        try:
            with PlainFiles(self.root) as files:
                modules = [name for name in _submodules(self.root, files) if name.startswith(f"{path}/")]
                return sorted([*modules, *(name for name, _ in files.walk(str(path)))])
        except (NotPlainError, FileNotFoundError):
            return []
        except OSError as error:
            raise OutputError(f"{path}: cannot be read: {error.strerror}") from error

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
            if self._there():
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
        gone = _submodules(self.root, files)
        for name in names:
            if inside := next((each for each in gone if f"{name}/".startswith(f"{each}/")), ""):
                found.add(f"{inside}: is a submodule, and a {_wanted(inside == name)} goes there; move it")
                continue
            try:
                files.read(name)
            except NotPlainError as error:
                if error.path not in leaving:
                    found.add(f"{error.path}: is {error.kind}, and a {_wanted(error.path == name)} goes there; move it")
        if found:
            raise OwnershipError(*sorted(found))

    def _there(self) -> bool:
        return os.path.lexists(self.root)

    def _found(self, paths: Iterable[PurePosixPath]) -> Iterator[tuple[PurePosixPath, Kind, bytes | None]]:
        """What a commit would hold of them, None for too much; nothing of what it has no file for, such as a pipe."""
        if not self._there():
            return
        with PlainFiles(self.root) as files:
            for path in paths:
                kind, data = None, None
                try:
                    kind = files.kind(str(path))
                    data = os.fsencode(files.link(str(path))) if kind is Kind.LINK else files.read(str(path), LARGEST)
                except TooLargeError:
                    pass
                except NotPlainError:
                    continue
                except OSError as error:
                    raise OutputError(f"{path}: cannot be read: {error.strerror}") from error
                if kind:
                    yield path, kind, data


def _submodules(root: Path, files: PlainFiles) -> list[str]:
    """Folders of which nothing is there but their name: what a checkout leaves of a submodule."""
    found = []
    for name in sorted(submodules(root)):
        with suppress(NotPlainError, OSError):
            found += [] if files.entries(name) else [name]
    return found


def _id(kind: Kind, data: bytes | None) -> str:
    if data is None:
        return "large"
    return blob_id(data) if kind is Kind.FILE else f"link {blob_id(data)}"


def _wanted(whole: bool) -> str:
    return "file" if whole else "directory"
