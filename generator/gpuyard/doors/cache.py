"""What was computed before, in the user's own cache folder and never in a repository: a file of SQLite.

An answer is found by all that it follows from, so nothing that a commit says of itself decides what is taken. The
folder is the user's alone, and an answer that isn't as it was written is none. Whatever fails here only costs time.
"""

import marshal
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TypeVar

__all__ = ["NOTHING", "Cache", "Disk", "open_cache", "recall", "remember", "written"]

T = TypeVar("T")

_LIMIT = 512 << 20
"""Bytes of all answers, as they are: to pack them would take longer than most of what they are made of."""
_WAIT = 2.0
"""Seconds for another process that is writing."""
_DAY = 24 * 60 * 60
_DIGEST = sha256().digest_size
_AT_ONCE = 500
"""Parameters of a statement; SQLite takes 999 at the least."""
_OF_THE_MOMENT = frozenset(
    {
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""Errors that say nothing of the file itself."""
_TABLE = "CREATE TABLE IF NOT EXISTS answers (name BLOB PRIMARY KEY, day INTEGER NOT NULL, content BLOB NOT NULL)"

_SIZES = ("page_count", "freelist_count", "page_size")

_SHRINK = """
DELETE FROM answers WHERE rowid IN (
    SELECT rowid FROM (
        SELECT rowid, sum(length(content)) OVER (ORDER BY day DESC, rowid DESC) AS newer FROM answers
    ) WHERE newer > ?
)
"""


class Cache(Protocol):
    """Remembers what follows from what; may forget at any time."""

    def read(self, questions: Collection[bytes]) -> Mapping[bytes, bytes]:
        """The answers that are known; a question is everything that its answer follows from."""

    def write(self, answers: Mapping[bytes, bytes]) -> None:
        """Remember answers by their questions."""


class _Nothing:
    def read(self, questions: Collection[bytes]) -> Mapping[bytes, bytes]:
        """None."""
        return {}

    def write(self, answers: Mapping[bytes, bytes]) -> None:
        """Forgotten at once."""


NOTHING: Cache = _Nothing()
"""Remembers nothing."""


def recall(cache: Cache, questions: Collection[bytes], read: Callable[[bytes], T]) -> dict[bytes, T]:
    """The answers that are known, as what they were made of; one that can't be read is none."""
    found = {}
    for question, answer in cache.read(questions).items():
        with suppress(AttributeError, LookupError, RecursionError, TypeError, ValueError):
            found[question] = read(answer)
    return found


def remember(cache: Cache, made: Mapping[bytes, T], write: Callable[[T], bytes | None]) -> None:
    """Write down what was made, by its questions; what `write` gives None for can't be."""
    if cache is not NOTHING:
        answers = {question: write(each) for question, each in made.items()}
        cache.write({question: answer for question, answer in answers.items() if answer is not None})


def written(facts: Any) -> bytes:
    """Plain values as a question or a part of one: the same bytes for the same values, which nobody reads again."""
    return marshal.dumps(facts, 0)  # three times as fast as JSON; later versions look at which objects are the same one


def open_cache(salt: str) -> Cache:
    """The user's cache, for answers that hold with this `salt`, such as a digest of our own code.

    GPUYARD_COMPILE_CACHE=off does without; XDG_CACHE_HOME says where it is.
    """
    if os.environ.get("GPUYARD_COMPILE_CACHE") == "off":
        return NOTHING
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        try:
            base = Path.home() / ".cache"
        except RuntimeError:  # nobody's
            return NOTHING
    return Disk(base / "gpuyard", salt)


class Disk:
    """A cache in a folder that is the user's alone."""

    def __init__(self, folder: Path, salt: str, *, limit: int = _LIMIT) -> None:
        self._folder, self._salt, self._limit = folder, salt.encode(), limit
        self._file = folder / "answers.sqlite"

    def read(self, questions: Collection[bytes]) -> Mapping[bytes, bytes]:
        """The answers that are known and whole."""
        names = {self._name(question): question for question in questions}
        found: dict[bytes, bytes] = {}
        wanted = list(names) if os.access(self._file, os.R_OK) else []
        for start in range(0, len(wanted), _AT_ONCE):
            self._do(partial(_look_up, names=wanted[start : start + _AT_ONCE], found=found))
        return {names[name]: answer for name, answer in found.items()}

    def write(self, answers: Mapping[bytes, bytes]) -> None:
        """Remember answers, and forget those that nobody asked for the longest."""
        names = [self._name(question) for question in answers]
        rows = [(name, _today(), _sealed(name, text)) for name, text in zip(names, answers.values(), strict=True)]
        self._do(lambda database: _insert(database, rows, self._limit))

    def _name(self, question: bytes) -> bytes:
        return sha256(b"%d %s" % (len(self._salt), self._salt) + question).digest()

    def _do(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """With the file, if that can be had now; what is none of ours, or damaged, is taken away."""
        try:
            if not _is_private(self._folder):
                return
            with closing(sqlite3.connect(self._file, timeout=_WAIT, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous = OFF")  # a lost answer is computed again, a broken one is noticed
                database.execute(_TABLE)
                work(database)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _OF_THE_MOMENT:
                for name in (self._file.name, f"{self._file.name}-journal"):
                    with suppress(OSError):
                        (self._folder / name).unlink()
        except OSError:
            return


def _is_private(folder: Path) -> bool:
    """Made if it isn't there. Where others can write, they may have written what we would take for ours."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        return False
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return True


def _look_up(database: sqlite3.Connection, names: Sequence[bytes], found: dict[bytes, bytes]) -> None:
    marks = ", ".join("?" * len(names))
    rows = database.execute(f"SELECT name, content, day FROM answers WHERE name IN ({marks})", names)  # noqa: S608
    old = []
    for name, content, day in rows:
        if (answer := _opened(name, content)) is not None:
            found[name] = answer
            old += [(_today(), name)] if day != _today() else []
    if old:
        database.execute("BEGIN IMMEDIATE")
        database.executemany("UPDATE answers SET day = ? WHERE name = ?", old)
        database.execute("COMMIT")


def _insert(database: sqlite3.Connection, rows: Iterable[tuple[bytes, int, bytes]], limit: int) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
    # What all of them take: to ask how long each is would take longer than the rest of a run that finds one new.
    pages, free, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in _SIZES)
    if (pages - free) * size > limit:
        database.execute(_SHRINK, (limit * 3 // 4,))  # well below it, so that not every run has to
    database.execute("COMMIT")


def _today() -> int:
    return int(time.time()) // _DAY


def _sealed(name: bytes, answer: bytes) -> bytes:
    return sha256(name + answer).digest() + answer


def _opened(name: bytes, content: object) -> bytes | None:
    """What was sealed under this name, if it is all there."""
    if not isinstance(content, bytes) or content[:_DIGEST] != sha256(name + content[_DIGEST:]).digest():
        return None
    return content[_DIGEST:]
