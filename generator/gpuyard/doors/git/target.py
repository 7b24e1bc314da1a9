"""What a commit can land in."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from gpuyard.doors.git.process import Store

__all__ = ["Target"]


class Target(Protocol):
    """A repository that a commit can land in, on disk or behind a URL."""

    @property
    def label(self) -> str:
        """What messages call it."""

    @property
    def root(self) -> Path | None:
        """Where it is on disk; None behind a URL."""

    @property
    def head(self) -> str | None:
        """The branch that is checked out there; None for none."""

    def store(self, directory: Path) -> Store:
        """A store that has or can read its objects."""

    def config_directory(self, store: Store) -> Path:
        """The git directory whose config is the user's."""

    def tip(self, store: Store, ref: str) -> str | None:
        """The commit that the branch is at; None in an empty repository."""

    def hold(self, store: Store) -> AbstractContextManager[int | None]:
        """Keep other runs on this machine out; yields the descriptor of the lock."""

    def calm(self, store: Store) -> AbstractContextManager[object]:
        """Keep other git commands from committing here, if that can be done."""

    def land(self, store: Store, ref: str, *, new: str, old: str | None, holding: int | None) -> bool:
        """Move the branch to the commit if it is still at `old`; False if it isn't."""

    def remote(self, ref: str) -> str | None:
        """What the branch is still to be pushed to; None: nothing."""

    def publish(self, store: Store, ref: str, mark: str) -> None:
        """Bring what landed to where others see it."""
