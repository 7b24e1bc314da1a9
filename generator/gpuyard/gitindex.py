"""The index of a work tree: a copy to work on, and how it replaces the user's in one step.

Git's own lock keeps other git commands out meanwhile, but killed while it holds one git leaves it behind for
good. Ours is a hard link to a file of ours: a run that finds the two to be one file, and no other run alive,
knows that a killed one left it, and takes it away.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gpuyard.errors import ConflictError
from gpuyard.gitcommand import Store, checked, last_words

__all__ = ["NO_MODE", "WAIT", "Checkout", "break_lock", "copy", "lock", "merge", "refresh", "staged", "state"]

NO_MODE = "000000"  # git's mode for a file that isn't there
WAIT = 10.0  # s, for another git command in the same work tree


@dataclass(frozen=True, slots=True)
class Checkout:
    """A work tree, its git directory, and a store that can read its objects."""

    root: Path
    git_dir: Path
    store: Store

    @property
    def ours(self) -> Path:
        """Our own corner of the git directory; exists only while a branch moves."""
        return self.git_dir / "gpuyard"


def state(checkout: Checkout) -> tuple[object, ...]:
    """What differs when another git command wrote the index or switched branches."""
    head = (checkout.git_dir / "HEAD").read_bytes()
    with suppress(FileNotFoundError):
        found = (checkout.git_dir / "index").stat()
        return head, found.st_ino, found.st_size, found.st_mtime_ns
    return (head,)


def copy(checkout: Checkout) -> None:
    """Put a copy of the user's index into the store."""
    checkout.store.index.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.copyfile(checkout.git_dir / "index", checkout.store.index)
    for shared in checkout.git_dir.glob("sharedindex.*"):  # the other half of a split index
        with suppress(FileExistsError):
            (checkout.store.directory / shared.name).symlink_to(shared)


def staged(store: Store, old: str) -> dict[str, str | None]:
    """The files whose entry in the index isn't the old commit's, and the blob that it is."""
    result = store.run("diff-index", "--cached", "--raw", "-z", "--no-renames", old)
    fields = os.fsdecode(checked(result, "reading the index")).split("\0")[:-1]
    found: dict[str, str | None] = {}
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        _, mode, _, blob, status = meta.removeprefix(":").split(" ")
        found[path] = "unmerged" if status == "U" else None if mode == NO_MODE else blob
    return found


def merge(store: Store, old: str, new: str) -> str | None:
    """Take the copied index from `old` to `new`, keeping what else is staged; or what git has against it."""
    result = store.run("read-tree", "-i", "-m", old, new)
    return last_words(result) if result.status else None


def refresh(checkout: Checkout) -> None:
    """Note the new files' times in the index, or every plumbing command would call them changed."""
    seen = state(checkout)
    copy(checkout)
    env = {"GIT_WORK_TREE": str(checkout.root)}
    checkout.store.run("update-index", "-q", "--ignore-submodules", "--refresh", cwd=checkout.root, env=env)
    content = checkout.store.index.read_bytes()
    with suppress(ConflictError), lock(checkout, content, wait=0) as replace:
        if state(checkout) == seen:
            replace()


@contextmanager
def lock(checkout: Checkout, content: bytes = b"", *, wait: float | None = None) -> Iterator[Callable[[], object]]:
    """Keep other git commands from the index; yields the function that replaces it by `content`.

    Inside another `lock` it joins that one: what an earlier run left was taken away before either.
    """
    index, ours = checkout.git_dir / "index", checkout.ours / "index"
    joining = _is_ours(checkout)
    if not joining:
        checkout.ours.mkdir(exist_ok=True)
        ours.unlink(missing_ok=True)  # it may be the index by now: never write into it
        ours.touch(exist_ok=False)
        _link(ours, _lock_file(checkout), WAIT if wait is None else wait)
    try:
        with ours.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileNotFoundError):
            ours.chmod(index.stat().st_mode & 0o777)
        yield lambda: _lock_file(checkout).replace(index)
    finally:
        if not joining:
            break_lock(checkout)
            ours.unlink(missing_ok=True)
            with suppress(OSError):  # the journal is in it
                checkout.ours.rmdir()


def break_lock(checkout: Checkout) -> None:
    """Take the lock away if it is one of ours; call it only when no other run can be alive."""
    if _is_ours(checkout):
        _lock_file(checkout).unlink()


def _is_ours(checkout: Checkout) -> bool:
    try:
        return _lock_file(checkout).samefile(checkout.ours / "index")
    except FileNotFoundError:
        return False


def _lock_file(checkout: Checkout) -> Path:
    return checkout.git_dir / "index.lock"


def _link(ours: Path, lock_file: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            return lock_file.hardlink_to(ours)
        except FileExistsError as error:
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"{lock_file} is held by another git command; if none is running it was left behind: delete it"
                ) from error
            time.sleep(0.05)
