"""Takes a work tree along when the branch that is checked out in it moves.

Work that the user has in our way is refused before anything moves. Then, in this order: a journal is written,
the index is locked, takes the new files' entries, the branch moves, the index is unlocked, the files follow one
by one, the journal goes. Killed before the branch moved, the next run finds the journal and takes the entries
back; killed after, it brings index and files to where the branch is. Either way it leaves alone what isn't as
we left it. The index goes first because `git commit` reads it before it takes the lock: one that began too soon
then fails, or commits our files as well, but never the old ones over the new.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import NamedTuple

from gpuyard.doors.git import index as gitindex
from gpuyard.doors.git.index import NO_MODE, Checkout
from gpuyard.doors.git.process import Store, checked
from gpuyard.doors.plainfiles import Kind, NotPlainError, PlainFiles
from gpuyard.doors.whereabouts import repository_shown, shown
from gpuyard.errors import ConflictError, GpuyardError, OutputError, OwnershipError, ToolError

__all__ = ["Checkout", "Journal", "Plan", "carry_out", "interrupted", "plan", "recover"]

_REGULAR = ("100644", "100755")
_AT_ONCE = 4000
"""Files whose bytes are in memory."""
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_DRAFT = re.compile(r"[0-9a-f]{32}")
_log = logging.getLogger(__name__)


class Journal(NamedTuple):
    """Which branch is being moved, from where, and to where; and under what name its files are written first."""

    ref: str
    old: str
    new: str
    draft: str = ""


class _Change(NamedTuple):
    path: str
    old: str | None  # blob ids
    new: str | None
    executable: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What carrying a move out needs: checked, and nothing touched yet."""

    journal: Journal
    changes: Sequence[_Change]
    before: bytes | None
    index: bytes
    seen: tuple[object, ...]


def plan(checkout: Checkout, ref: str, *, old: str | None, new: str) -> Plan:
    """Find out what has to follow the branch to `new`; refuse if the user's work is in the way."""
    seen = gitindex.state(checkout)
    start = old or checkout.store.empty_tree()
    changes = _changes(checkout.store, start, new)
    before = gitindex.copy(checkout)
    sparse, staged = _prepare(checkout, start, changes)
    touched = {f"{path} (staged)" for path in _staged_in_the_way(staged, changes)}
    with PlainFiles(checkout.root) as files:
        touched |= {f"{path} ({why})" for path, why in _in_the_way(checkout, files, changes, sparse)}
    if not touched and (complaint := gitindex.merge(checkout.store, start, new)):
        touched = {complaint}
    gitindex.leave_out(checkout, sparse if not touched else ())
    if touched:
        raise OwnershipError(*_refusal(checkout, sorted(touched)))
    for directory in {change.path.rpartition("/")[0] for change in changes}:
        there = next(place for place in (directory, *_above(directory), "") if (checkout.root / place).exists())
        if not os.access(checkout.root / there, os.W_OK):
            raise OutputError(f"{checkout.root / there} cannot be written; nothing was committed")
    return Plan(Journal(ref, start, new, token_hex(16)), changes, before, checkout.store.index.read_bytes(), seen)


def _prepare(checkout: Checkout, start: str, changes: Sequence[_Change]) -> tuple[set[str], dict[str, str | None]]:
    """Without what only looks staged: which files a sparse checkout leaves out, and that stay; and what is staged."""
    empty = checkout.store.blob_id(b"")
    staged = gitindex.staged(checkout.store, start)
    if promised := [change.path for change in changes if staged.get(change.path) == empty]:
        gitindex.unpromise(checkout, start, promised)
        staged = gitindex.staged(checkout.store, start)
    return gitindex.left_out(checkout.store).intersection(change.path for change in changes if change.new), staged


def carry_out(checkout: Checkout, plan: Plan, move: Callable[[], bool]) -> bool:
    """Move the branch by `move()` and take index and files along; False if somebody else was faster."""
    _write_journal(checkout, plan.journal)
    try:
        with gitindex.lock(checkout):
            moved = gitindex.state(checkout) == plan.seen and _move_both(checkout, plan, move)
    except GpuyardError:
        _forget(checkout)
        raise
    if moved:
        try:
            _follow(checkout, plan.journal, plan.journal.new, plan.changes, plan.index)
        except ToolError as error:
            raise OutputError(
                f"{plan.journal.new} is committed, but the work tree is behind: {error}; run this again to finish it"
            ) from error
    _forget(checkout)
    return moved


def _move_both(checkout: Checkout, plan: Plan, move: Callable[[], bool]) -> bool:
    gitindex.replace(checkout, plan.index)
    try:
        moved = move()
    except GpuyardError:
        gitindex.replace(checkout, plan.before)
        raise
    if not moved:
        gitindex.replace(checkout, plan.before)
    return moved


def interrupted(checkout: Checkout) -> Journal | None:
    """The move that a killed run didn't finish, if there is one."""
    if checkout.ours.is_symlink():
        raise OutputError(f"{shown(checkout.ours)} is a symbolic link; delete it")
    file = checkout.ours / "journal"
    try:
        words = file.read_text(encoding="utf-8", errors="replace").split(" ")
    except FileNotFoundError:
        return None
    if len(words) not in (3, 4) or not all(map(_ID.fullmatch, words[1:3])) or not all(map(_DRAFT.fullmatch, words[3:])):
        raise OutputError(f"{shown(file)} is not one of gpuyard's journals; delete it")
    return Journal(*words)


def recover(checkout: Checkout, journal: Journal | None, tip: str | None) -> None:
    """Finish what a killed run left, now that its branch is at `tip`; None if it is checked out no longer."""
    gitindex.break_lock(checkout)
    if journal and tip == journal.old:
        _recover_index(checkout, journal.new, tip)
    elif journal and tip:
        try:
            changes = _changes(checkout.store, journal.old, tip)
        except ToolError as error:
            raise OutputError(f"{shown(checkout.ours / 'journal')} cannot be used ({error}); delete it") from error
        _recover_index(checkout, journal.old, tip)
        _follow(checkout, journal, tip, changes, None)
    _forget(checkout)


def _recover_index(checkout: Checkout, start: str, tip: str) -> None:
    seen = gitindex.state(checkout)
    gitindex.copy(checkout)
    if complaint := gitindex.merge(checkout.store, start, tip):
        _log.warning("an earlier run was killed, and the index was changed since: %s", complaint)
        return
    with gitindex.lock(checkout):
        if gitindex.state(checkout) != seen:
            raise ConflictError(f"another git command is changing {repository_shown(checkout.root)}; try again")
        gitindex.replace(checkout, checkout.store.index.read_bytes())


def _changes(store: Store, old: str, new: str) -> list[_Change]:
    out = checked(store.run("diff-tree", "-r", "-z", "--no-renames", old, new), "comparing commits")
    fields = os.fsdecode(out).split("\0")[:-1]
    changes = []
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        old_mode, new_mode, old_id, new_id, _ = meta.removeprefix(":").split(" ")
        if {old_mode, new_mode} <= {*_REGULAR, NO_MODE}:
            was = None if old_mode == NO_MODE else old_id
            changes.append(_Change(path, was, None if new_mode == NO_MODE else new_id, new_mode == _REGULAR[1]))
    return changes


def _staged_in_the_way(staged: Mapping[str, str | None], changes: Sequence[_Change]) -> Iterator[str]:
    """What is staged for one of the files, for a directory that it needs, or below it."""
    written = {change.path for change in changes if change.new}
    needed = {above for path in written for above in _above(path)}
    wanted = {change.path: (change.old, change.new) for change in changes}
    for path, blob in staged.items():
        if path in wanted:
            in_the_way = blob not in wanted[path]
        else:
            in_the_way = blob is not None and (path in needed or not written.isdisjoint(_above(path)))
        if in_the_way:
            yield path


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _in_the_way(
    checkout: Checkout, files: PlainFiles, changes: Sequence[_Change], sparse: set[str]
) -> Iterator[tuple[str, str]]:
    """The files that are neither as the old commit has them nor as the new one will."""
    leaving = {change.path for change in changes if change.new is None}
    for change in changes:
        try:
            data = files.read(change.path)
        except NotPlainError as error:
            if not _leaves(files, error, leaving):
                yield change.path, str(error) if error.path != change.path else f"is {error.kind}"
            continue
        if data is None and change.path in sparse:
            continue
        if _ids(checkout, data).isdisjoint({change.old, change.new}):
            if data is None:
                yield change.path, "deleted"
            else:
                yield change.path, "modified" if change.old else "not tracked"


def _leaves(files: PlainFiles, error: NotPlainError, leaving: set[str]) -> bool:
    """Whether what is in the way goes away by the change itself: a file, or a directory's last files."""
    if error.kind == Kind.DIRECTORY:
        return _empties(files, error.path, leaving)
    return error.kind == Kind.FILE and error.path in leaving


def _empties(files: PlainFiles, directory: str, leaving: set[str]) -> bool:
    inside = [(f"{directory}/{name}", kind) for name, kind in files.entries(directory)]
    return bool(inside) and all(
        _empties(files, path, leaving) if kind is Kind.DIRECTORY else path in leaving for path, kind in inside
    )


def _follow(checkout: Checkout, journal: Journal, tip: str, changes: Sequence[_Change], ours: bytes | None) -> None:
    """Bring the files to where the branch is; what somebody touched meanwhile stays as it is, and an index of ours."""
    try:
        kept = _write_files(checkout, changes, journal.draft)
    except OSError as error:
        raise OutputError(
            f"{journal.new} is committed, but its files cannot be written to {repository_shown(checkout.root)}:"
            f" {error.strerror}; run this again when they can"
        ) from error
    if kept:
        _log.warning("not touched, because they were changed in the meantime: %s", ", ".join(kept))
    gitindex.settle(checkout, journal.old, tip, ours)


def _write_files(checkout: Checkout, changes: Sequence[_Change], draft: str) -> list[str]:
    ordered = sorted(changes, key=lambda change: (change.new is not None, change.path))
    kept, sparse = [], gitindex.left_out(checkout.store)
    with PlainFiles(checkout.root, draft) as files:
        for index, change in enumerate(ordered):
            if index % _AT_ONCE == 0:
                contents = checkout.store.blobs(each.new for each in ordered[index : index + _AT_ONCE] if each.new)
            try:
                found = _ids(checkout, files.read(change.path))
            except NotPlainError:
                found = set()
            if change.new in found or (None in found and change.path in sparse):
                continue
            if found.isdisjoint({None, change.old}):
                kept.append(change.path)
            elif change.new is None:
                files.remove(change.path)
            else:
                files.replace(change.path, contents[change.new], executable=change.executable)
    return kept


def _ids(checkout: Checkout, data: bytes | None) -> set[str | None]:
    """What a file may be called in a commit: attributes and settings can have its lines end otherwise here."""
    return {None} if data is None else {checkout.store.blob_id(each) for each in (data, data.replace(b"\r\n", b"\n"))}


def _write_journal(checkout: Checkout, journal: Journal) -> None:
    checkout.ours.mkdir(exist_ok=True)
    draft = checkout.ours / "journal.new"
    draft.unlink(missing_ok=True)
    with draft.open("x", encoding="utf-8") as stream:
        stream.write(" ".join(journal))
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(checkout.ours / "journal")


def _forget(checkout: Checkout) -> None:
    for name in ("journal", "journal.new", "index.new"):
        (checkout.ours / name).unlink(missing_ok=True)
    with suppress(OSError):  # the lock is in it
        checkout.ours.rmdir()


def _refusal(checkout: Checkout, touched: Sequence[str]) -> list[str]:
    shown = [*touched[:10], *([f"and {len(touched) - 10} more"] if len(touched) > 10 else [])]
    return [
        f"{repository_shown(checkout.root)} has uncommitted changes in files that this commit writes:",
        *(f"  {each}" for each in shown),
        "commit, stash or restore them first, or commit to a branch that is not checked out",
    ]
