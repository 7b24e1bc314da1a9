"""The index of a work tree: a copy to work on, and how it replaces the user's in one step.

Git's own lock keeps other git commands out meanwhile, but killed while it holds one git leaves it behind for
good. Ours is a hard link to a file of ours: a run that finds the two to be one file, and no other run alive,
knows that a killed one left it, and takes it away.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gpuyard.doors.git.process import Store, checked, last_words
from gpuyard.errors import ConflictError

__all__ = ["NO_MODE", "WAIT", "Checkout", "break_lock", "copy", "leave_out", "left_out", "lock", "merge", "replace"]
__all__ += ["settle", "staged", "state", "unpromise"]

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


def copy(checkout: Checkout) -> bytes | None:
    """Put a copy of the user's index into the store; its bytes, or None if there is none."""
    checkout.store.index.unlink(missing_ok=True)
    content = None
    with suppress(FileNotFoundError):
        content = (checkout.git_dir / "index").read_bytes()
        checkout.store.index.write_bytes(content)
    for shared in checkout.git_dir.glob("sharedindex.*"):  # the other half of a split index
        with suppress(FileExistsError):
            (checkout.store.directory / shared.name).symlink_to(shared)
    return content


def staged(store: Store, old: str) -> dict[str, str | None]:
    """The files whose entry in the index isn't the old commit's, and the blob that it is."""
    result = store.run("diff-index", "--cached", "--raw", "-z", "--no-renames", old)
    fields = os.fsdecode(checked(result, "reading the index")).split("\0")[:-1]
    found: dict[str, str | None] = {}
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        _, mode, _, blob, status = meta.removeprefix(":").split(" ")
        found[path] = "unmerged" if status == "U" else None if mode == NO_MODE else blob
    return found


def unpromise(checkout: Checkout, old: str, paths: Iterable[str]) -> None:
    """Take `git add --intent-to-add` of files back, which adds nothing and keeps the files from being added."""
    hidden = checkout.store.run("diff-index", "--cached", "--raw", "-z", "--ita-invisible-in-index", old, "--")
    really = set(os.fsdecode(checked(hidden, "reading the index")).split("\0")[1::2])
    gone = "".join(f"{path}\0" for path in paths if path not in really)
    if gone:
        _update(checkout, "--force-remove", "-z", "--stdin", stdin=os.fsencode(gone))


def _update(checkout: Checkout, *arguments: str, stdin: bytes = b"") -> None:
    env = {"GIT_WORK_TREE": str(checkout.root)}
    checkout.store.run("update-index", *arguments, stdin=stdin, cwd=checkout.root, env=env)


def left_out(store: Store) -> set[str]:
    """The files that a sparse checkout has in the index alone."""
    lines = os.fsdecode(checked(store.run("ls-files", "-t", "-z"), "reading the index")).split("\0")
    return {line[2:] for line in lines if line.startswith("S ")}


def leave_out(checkout: Checkout, paths: Iterable[str]) -> None:
    """Keep files out of the work tree that were, in the copied index."""
    if names := "".join(f"{path}\0" for path in paths):
        _update(checkout, "--skip-worktree", "-z", "--stdin", stdin=os.fsencode(names))


def merge(store: Store, old: str, new: str) -> str | None:
    """Take the copied index from `old` to `new`, keeping what else is staged; or what git has against it."""
    result = store.run("read-tree", "-i", "-m", old, new)
    return last_words(result) if result.status else None


def settle(checkout: Checkout, old: str, new: str, ours: bytes | None) -> None:
    """Note the new files' times in the index; a command that had read it before `ours` may have written the old one."""
    for _ in range(3):
        seen = state(checkout)
        if copy(checkout) != ours:
            merge(checkout.store, old, new)
        _update(checkout, "-q", "--ignore-submodules", "--refresh")  # which fails for what is not as it was
        with suppress(ConflictError), lock(checkout, wait=1):
            if state(checkout) == seen:
                replace(checkout, checkout.store.index.read_bytes())
                return


def replace(checkout: Checkout, content: bytes | None) -> None:
    """Put another index in the user's place in one step; None: there was none."""
    index, draft = checkout.git_dir / "index", checkout.ours / "index.new"
    if content is None:
        index.unlink(missing_ok=True)
        return
    draft.unlink(missing_ok=True)
    with draft.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    with suppress(FileNotFoundError):
        draft.chmod(index.stat().st_mode & 0o777)
    draft.replace(index)


@contextmanager
def lock(checkout: Checkout, *, wait: float | None = None) -> Iterator[None]:
    """Keep other git commands from the index.

    Inside another `lock` it joins that one: what an earlier run left was taken away before either.
    """
    if _is_ours(checkout):
        yield
        return
    mark = checkout.ours / "index.lock"
    checkout.ours.mkdir(exist_ok=True)
    mark.touch()
    try:
        _link(mark, _lock_file(checkout), WAIT if wait is None else wait)
        yield
    finally:
        break_lock(checkout)
        with suppress(OSError):  # the journal is in it
            checkout.ours.rmdir()


def break_lock(checkout: Checkout) -> None:
    """Take the lock away if it is one of ours; call it only when no other run can be alive."""
    if _is_ours(checkout):
        _lock_file(checkout).unlink()
    (checkout.ours / "index.lock").unlink(missing_ok=True)


def _is_ours(checkout: Checkout) -> bool:
    try:
        return _lock_file(checkout).samefile(checkout.ours / "index.lock")
    except FileNotFoundError:
        return False


def _lock_file(checkout: Checkout) -> Path:
    return checkout.git_dir / "index.lock"


def _link(mark: Path, lock_file: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            return lock_file.hardlink_to(mark)
        except FileExistsError as error:
            if time.monotonic() >= deadline:
                raise ConflictError(
                    f"{lock_file} is held by another git command; if none is running, it was left behind: delete it"
                ) from error
            time.sleep(0.05)
