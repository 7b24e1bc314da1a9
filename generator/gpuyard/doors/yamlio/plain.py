"""The plain part of YAML, which most files are all of, in a tenth of the time: what isn't plain is left to the reader.

A line is a key, an item, or both, with a text, a number, or one level of brackets behind it; all of it printable ASCII.
Whatever looks like more, or like a mistake, isn't taken.
"""

import re
from typing import Any, NamedTuple

from gpuyard.doors.yamlio.document import Document, Path, Place
from gpuyard.doors.yamlio.scalars import AmbiguousError, core

__all__ = ["read_plain"]

_MAX_CHARACTERS = 16 * 1024
_MAX_LINE = 500
_MAX_DEPTH = 12
_KEY = r"[A-Za-z][A-Za-z0-9_./-]{0,99}"
_BARE = r"-?[A-Za-z0-9_/.][A-Za-z0-9_/.+%=-]*"
_TEXT = r"-?[A-Za-z0-9_/.](?:[A-Za-z0-9_/.+%=@~$()'!;,-]|:(?=[A-Za-z0-9_/.])| (?! *(?:#|$)))*"
_QUOTED = r""" "[^"\\]*"|'[^']*' """.strip()
_BRACKETS = r"""\{[^{}#"']*\}|\[[^\[\]#"']*\]"""
_LINE = re.compile(
    r"(?P<indent> *)(?P<item>- (?=[^ ]))?"
    rf"(?:(?P<key>{_KEY}):(?: +(?=[^ #])|(?= *$| +#)))?"
    rf"(?P<value>{_TEXT}|{_QUOTED}|{_BRACKETS})?(?: +#.*| *)"
)
_PAIR = re.compile(rf" *(?P<key>{_KEY}): +(?P<value>{_BARE}) *")
_ITEM = re.compile(rf" *(?P<value>{_BARE}) *")
_NOT_PRINTABLE = re.compile(r"[^ -~\n]")


class _Line(NamedTuple):
    """What a line says; columns are counted from 0."""

    number: int
    indent: int
    item: bool
    key: str | None
    value: str
    column: int
    """Of the value."""


class _NotPlainError(Exception):
    """It may be right, or wrong: for the reader to say."""


def read_plain(text: str, file: str) -> Document | None:
    """The document that the strict reader would return, if it is plain."""
    if len(text) > _MAX_CHARACTERS or _NOT_PRINTABLE.search(text):
        return None
    reader = _Reader()
    try:
        return Document(file, reader.read(text), reader.places)
    except (_NotPlainError, AmbiguousError):
        return None


class _Reader:
    def __init__(self) -> None:
        self.places: dict[Path, Place] = {}
        self._lines: list[_Line] = []
        self._next = 0

    def read(self, text: str) -> Any:
        """The value, all of whose places are noted."""
        self._lines = [_line(number, line) for number, line in enumerate(text.split("\n"), 1) if _says(line)]
        if not self._lines or self._lines[0].indent:
            raise _NotPlainError
        first = self._lines[0]
        value = self._block((), first, (first.number, 1))
        if self._next < len(self._lines):
            raise _NotPlainError
        return value

    def _block(self, path: Path, first: _Line, key: tuple[int, int]) -> Any:
        """The mapping or list that begins with a line, under a key."""
        if len(path) > _MAX_DEPTH:
            raise _NotPlainError
        self.places[path] = (first.number, first.indent + 1, *key)
        if first.item:
            return self._list(path, first.indent)
        if first.key is None:
            raise _NotPlainError
        return self._mapping(path, first.indent)

    def _peek(self) -> _Line | None:
        return self._lines[self._next] if self._next < len(self._lines) else None

    def _list(self, path: Path, indent: int) -> list[Any]:
        result: list[Any] = []
        while (line := self._peek()) and line.indent == indent and line.item:
            below = (*path, len(result))
            if line.key is not None:
                # The mapping begins behind the dash.
                inner = line._replace(indent=indent + 2, item=False)
                self._lines[self._next] = inner
                result.append(self._block(below, inner, (line.number, indent + 3)))
            else:
                self._next += 1
                result.append(self._value(below, line, (line.number, line.column + 1)))
        self._ends(indent)
        return result

    def _mapping(self, path: Path, indent: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while (line := self._peek()) and line.indent == indent and not line.item and line.key is not None:
            if line.key in result or not isinstance(core(line.key), str):
                raise _NotPlainError
            self._next += 1
            key, below = (line.number, indent + 1), (*path, line.key)
            if line.value:
                result[line.key] = self._value(below, line, key)
            else:
                inner = self._peek()
                if inner is None or inner.indent < indent + (not inner.item):
                    raise _NotPlainError  # nothing
                result[line.key] = self._block(below, inner, key)
        self._ends(indent)
        return result

    def _ends(self, indent: int) -> None:
        line = self._peek()
        if line and line.indent > indent:
            raise _NotPlainError

    def _value(self, path: Path, line: _Line, key: tuple[int, int]) -> Any:
        """A text, a number, or brackets."""
        text = line.value
        self.places[path] = (line.number, line.column + 1, *key)
        if text[:1] in {"'", '"'}:
            return text[1:-1]
        if text[:1] == "{":
            return self._pairs(path, line)
        return self._items(path, line) if text[:1] == "[" else core(text)

    def _pairs(self, path: Path, line: _Line) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for start, match in _parts(line, _PAIR):
            key = match["key"]
            if key in result or not isinstance(core(key), str):
                raise _NotPlainError
            result[key] = core(match["value"])
            column = start + match.start("value") + 1
            self.places[(*path, key)] = (line.number, column, line.number, start + match.start("key") + 1)
        return result

    def _items(self, path: Path, line: _Line) -> list[Any]:
        result: list[Any] = []
        for start, match in _parts(line, _ITEM):
            column = start + match.start("value") + 1
            self.places[(*path, len(result))] = (line.number, column, line.number, column)
            result.append(core(match["value"]))
        return result


def _parts(line: _Line, form: re.Pattern[str]) -> list[tuple[int, re.Match[str]]]:
    """What stands between commas in brackets, each with its column."""
    inner, start, found = line.value[1:-1], line.column + 1, []
    for part in inner.split(",") if inner.strip(" ") else ():
        match = form.fullmatch(part)
        if not match:
            raise _NotPlainError
        found.append((start, match))
        start += len(part) + 1
    return found


def _says(line: str) -> bool:
    """Whether it is more than a comment."""
    bare = line.lstrip(" ")
    return bool(bare) and not bare.startswith("#")


def _line(number: int, text: str) -> _Line:
    match = _LINE.fullmatch(text) if len(text) <= _MAX_LINE else None
    if not match or not (match["key"] or match["value"]):
        raise _NotPlainError
    indent, key, value = len(match["indent"]), match["key"], match["value"] or ""
    return _Line(number, indent, bool(match["item"]), key, value, match.start("value"))
