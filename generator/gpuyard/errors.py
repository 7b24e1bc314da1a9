"""Every error a user can meet, and the exit code it ends with (sysexits.h).

GpuyardError             1   something failed that we can explain
├── InputError          65   the user's files are wrong; carries every problem found
├── MissingError        66   a file or directory that was named isn't there
├── ToolError           69   a program or library that is needed isn't there, or failed
├── OutputError         73   the target can't be written
├── ConflictError       75   somebody else changed the target meanwhile; try again
├── OwnershipError      76   a generated file was edited by hand
├── StaleError          79   generated files aren't what follows from the user's (not of sysexits.h)
└── StoppedError       130   interrupted where what was done so far stays (not of sysexits.h)
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from heapq import nsmallest
from typing import NamedTuple

__all__ = [
    "MOST_PROBLEMS",
    "ConflictError",
    "GpuyardError",
    "Hint",
    "InputError",
    "Location",
    "MissingError",
    "OutputError",
    "OwnershipError",
    "Problem",
    "StaleError",
    "StoppedError",
    "ToolError",
    "meant",
    "nearest",
    "one_line",
    "visible",
]


MOST_PROBLEMS = 100
"""Of all files and stages together, that are told."""
_MOST_LINES = MOST_PROBLEMS + 2
"""The same of an error that names files."""
_LONGEST = 900
"""Characters of a problem's message."""
_MOST = 12
"""Names that a message lists; nobody reads two hundred flags, and part of a list helps nobody."""
_COMPARED = 80
"""Characters of a name that are compared with others."""
_BLANK = re.compile(r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and accents of which nothing is seen; all else that hides is not printable for Python either."""


def visible(text: str) -> str:
    """One line that a terminal shows as it is: what hides, moves or ends a line is written as Python escapes it."""
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return _BLANK.sub(lambda found: ascii(found.group())[1:-1], shown)


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a user's file; line and column count from 1."""

    file: str
    line: int = 0
    column: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", visible(self.file))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with the user's input, where it is, and what would be right."""

    location: Location
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", one_line(self.message))

    def __str__(self) -> str:
        return f"{self.location}: {self.message}"


def one_line(text: str) -> str:
    """What users wrote may hold 100 kB."""
    return visible(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 300]} … {text[-250:]}")


class GpuyardError(Exception):
    """Something failed that we can explain; the text is all that the user needs.

    Each argument is a line: a line break inside of one is part of something that somebody else named.
    """

    exit_code = 1
    landed: str | None = None
    """The commit that was made all the same."""

    def __init__(self, *lines: str) -> None:
        if len(lines) > _MOST_LINES:
            lines = (*lines[:MOST_PROBLEMS], f"… and {len(lines) - MOST_PROBLEMS} more")
        super().__init__("\n".join(map(visible, lines)))


class InputError(GpuyardError):
    """The user's files are wrong; carries the problems found, in the order of the files, as far as anybody reads them.

    `more` are those that are counted and not told, and `unread` the files that were not looked at any more.
    """

    exit_code = 65

    def __init__(self, problems: Iterable[Problem], *, more: int = 0, unread: int = 0) -> None:
        found = set(problems)
        self.problems = tuple(nsmallest(MOST_PROBLEMS, found))
        self.more, self.unread = more + len(found) - len(self.problems), unread
        rest = [f"… and {self.more} more"] if self.more else []
        rest += [f"… {unread} files were not checked any more"] if unread else []
        super().__init__(*map(str, self.problems), *rest)


class MissingError(GpuyardError):
    """A file or directory that was named isn't there."""

    exit_code = 66


class ToolError(GpuyardError):
    """A program or library that is needed isn't there, or failed."""

    exit_code = 69


class OutputError(GpuyardError):
    """The target can't be written."""

    exit_code = 73


class ConflictError(GpuyardError):
    """Somebody else changed the target meanwhile; trying again may help."""

    exit_code = 75


class OwnershipError(GpuyardError):
    """A generated file was edited by hand and would be overwritten."""

    exit_code = 76


class StaleError(GpuyardError):
    """What is generated isn't what follows from the user's files."""

    exit_code = 79


class StoppedError(GpuyardError):
    """Interrupted where what was done so far stays, and the same command goes on."""

    exit_code = 130


def meant(name: str, known: Iterable[str]) -> str:
    """The known name that somebody meant, whatever its case and dashes; empty: none is near."""
    plain = {_plain(each): each for each in sorted(known, reverse=True)}
    near = get_close_matches(_plain(name), plain, n=1)
    return plain[near[0]] if near else ""


def nearest(name: str, known: Iterable[str], *, listed: str = "") -> str:
    """`did you mean a10?`, or the names that are known where none is near; `listed` says where, if they are many."""
    names = sorted(known)
    if near := meant(name, names):
        return f"did you mean {near}?"
    if len(names) > _MOST and listed:
        return listed
    return f"known are {', '.join(names) or 'none'}"


class Hint(NamedTuple):
    """What `nearest` would say, for where many of them are not told."""

    name: str
    known: Iterable[str]
    listed: str = ""

    def __str__(self) -> str:
        return nearest(self.name, self.known, listed=self.listed)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")[:_COMPARED]
