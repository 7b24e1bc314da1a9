"""The files of a release as a place that can be compared with (`commit.plan.Place`); nothing is written to it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from gpuyard.commit.lock import blob_id
from gpuyard.tree import readable

__all__ = ["Pulled"]


@dataclass(frozen=True, slots=True)
class Pulled:
    """A member of `Place`."""

    files: Mapping[PurePosixPath, bytes]

    def ids(self, paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, str]:
        """Git's id of each of those paths that is there."""
        return {path: blob_id(self.files[path]) for path in paths if path in self.files}

    def read(self, *paths: PurePosixPath) -> dict[PurePosixPath, str]:
        """Their texts; bytes that aren't UTF-8 become U+FFFD."""
        kept = readable((path, len(self.files[path])) for path in paths if path in self.files)
        return {path: self.files[path].decode("utf-8", "replace") for path in kept}

    def below(self, path: PurePosixPath) -> list[str]:
        """The paths of all files below that one."""
        return [str(each) for each in self.files if each.is_relative_to(path)]

    def above(self, *names: str) -> list[PurePosixPath]:
        """None: a release has only the stack's own folder."""
        return []

    def blob_id(self, data: bytes) -> str:
        """The id that a file with these bytes has in a commit."""
        return blob_id(data)

    def check_clear(self, written: Collection[PurePosixPath], deleted: Collection[PurePosixPath]) -> None:
        """Nothing is in the way: an archive of ours has plain files alone."""
