"""The strict reader of users' files: bytes in, a Document or every problem out.

It takes the part of YAML 1.2 that every reader reads alike: no anchors, aliases, merge keys, tags or
directives, no duplicate keys, text keys only, no characters that can't be seen; one document, with limits.
"""

from collections.abc import Iterator
from itertools import islice

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import DocumentStartEvent, Event

from gpuyard.doors.yamlio.builder import MAX_PROBLEMS, Builder, StopError, too_deep
from gpuyard.doors.yamlio.characters import HIDDEN, bad_characters
from gpuyard.doors.yamlio.document import Document
from gpuyard.doors.yamlio.quick import read_quick
from gpuyard.doors.yamlio.scanner import TooDeepError, strict_yaml
from gpuyard.doors.yamlio.syntax import explain
from gpuyard.errors import InputError, Location, Problem

__all__ = ["MAX_BYTES", "TOO_LONG", "read", "read_any"]

MAX_BYTES = 256 * 1024
"""Of a file."""
TOO_LONG = f"is longer than {MAX_BYTES:,} bytes, the maximum; split it"
_MAX_LINES = 10_000
_CLEAN = bytes(range(0x20, 0x7F)) + b"\t\n"


def read(data: bytes, file: str) -> Document:
    """One YAML document from a user's file; raises InputError with every problem that can be found."""
    try:
        text = _decode(data, file)
    except StopError as stop:
        raise InputError([stop.problem]) from None
    return read_quick(text, file) or read_any(text, file)


def read_any(text: str, file: str) -> Document:
    """The document, whatever is wrong with it."""
    problems = list(islice(_hidden(text, file), MAX_PROBLEMS))
    builder = Builder(file, noted_lines=frozenset(problem.location.line for problem in problems))
    yaml = strict_yaml()
    try:
        _parse(yaml.parse(_harmless(text) if problems else text), builder)
    except _SyntaxError as error:
        if not problems:  # else a hidden character may well be its cause
            problems.append(error.problem)
    except StopError as stop:
        problems.append(stop.problem)
    problems += builder.problems
    for line, column in yaml.scanner.directives[:MAX_PROBLEMS]:
        message = "a line that begins with % is a directive; remove it"
        problems.append(Problem(Location(file, line + 1, column + 1), message))
    if problems:
        raise InputError(problems)
    return Document(file, builder.value, builder.places)


class _SyntaxError(StopError):
    """The text isn't YAML from here on."""


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise StopError(Location(file), TOO_LONG)
    lines = data.count(b"\n")
    if lines > _MAX_LINES:
        raise StopError(Location(file), f"has {lines:,} lines; split it, {_MAX_LINES:,} is the maximum")
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().rpartition("\n")
        location = Location(file, before[0].count("\n") + bool(before[1]) + 1, len(before[2]) + 1)
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise StopError(location, message) from None


def _hidden(text: str, file: str) -> Iterator[Problem]:
    if text.startswith("\ufeff"):
        yield Problem(Location(file, 1, 1), "the file begins with a byte order mark; save it as UTF-8 without one")
        text = text[1:]
    if text.isascii() and not text.encode().translate(None, _CLEAN):
        return
    for number, line in enumerate(text.split("\n"), 1):
        for offset, message in bad_characters(line):
            yield Problem(Location(file, number, offset + 1), f"the line {message}")


def _harmless(text: str) -> str:
    return HIDDEN.sub("\ufffd", text.removeprefix("\ufeff"))


def _parse(events: Iterator[Event], builder: Builder) -> None:
    documents = 0
    try:
        for event in events:
            documents += isinstance(event, DocumentStartEvent)
            if documents > 1:
                location = builder.location(event.start_mark)
                raise StopError(location, "a second document begins here; keep one document per file")
            builder.feed(event)
    except TooDeepError as error:
        raise too_deep(builder.location(error.problem_mark)) from None
    except MarkedYAMLError as error:
        mark, message = explain(error)
        raise _SyntaxError(builder.location(mark), message) from None
    if builder.empty:
        raise StopError(Location(builder.file), "is empty; one YAML document is needed")
