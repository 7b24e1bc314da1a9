"""Parser events become values with their places; what we refuse becomes problems; too much is an end."""

from dataclasses import dataclass, field
from typing import Any

import yaml
from ruamel.yaml.error import StringMark
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from gpuyard.doors.yamlio.characters import bad_characters
from gpuyard.doors.yamlio.document import Path, Place, show_path
from gpuyard.doors.yamlio.scalars import AmbiguousError, Scalar, core
from gpuyard.doors.yamlio.scanner import MAX_DEPTH
from gpuyard.errors import Location, Problem

__all__ = ["MAX_PROBLEMS", "Builder", "StopError", "too_deep"]

# Both libraries have classes of these names, with the same fields.
_ALIAS = (AliasEvent, yaml.AliasEvent)
_COLLECTION = (CollectionStartEvent, yaml.CollectionStartEvent)
_END = (CollectionEndEvent, yaml.CollectionEndEvent)
_MAPPING = (MappingStartEvent, yaml.MappingStartEvent)
_NODE = (NodeEvent, yaml.NodeEvent)
_SCALAR = (ScalarEvent, yaml.ScalarEvent)
_MAX_NODES = 20_000
_BREAKS = {"\n", "\r", "\t"}
MAX_PROBLEMS = 100


class StopError(Exception):
    """A problem after which reading on finds nothing more that is worth saying."""

    def __init__(self, location: Location, message: str) -> None:
        self.problem = Problem(location, message)


def too_deep(location: Location) -> StopError:
    """The end of a file that nests too deeply."""
    return StopError(location, f"the file is nested too deeply here; {MAX_DEPTH} levels are the maximum")


@dataclass(slots=True)
class _Frame:
    """A collection that isn't closed yet; a mapping's `key` is the one whose value comes next."""

    path: Path
    value: Any
    key: str | None = None
    key_place: tuple[int, int] = (0, 0)
    lines: dict[str, int] = field(default_factory=dict)

    def slot(self, line: int, column: int) -> tuple[Path, Place]:
        """The path and place of the value that comes next and begins at line and column."""
        if isinstance(self.value, list):
            return (*self.path, len(self.value)), (line, column, line, column)
        return (*self.path, self.key or ""), (line, column, *self.key_place)

    def put(self, value: object) -> None:
        """Take the value that came."""
        if isinstance(self.value, list):
            self.value.append(value)
        else:
            self.value[self.key] = value
            self.key = None


class Builder:
    """Fed with every event of one document; then `value`, `places` and `problems` are complete."""

    def __init__(self, file: str, *, noted_lines: frozenset[int]) -> None:
        """Characters on `noted_lines` were complained about already."""
        self.value: Any = None
        self.places: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self.file = file
        self.empty = True
        self._noted_lines = noted_lines
        self._frames: list[_Frame] = []
        self._nodes = 0

    def feed(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, _NODE):
            self._nodes += 1
            if self._nodes > _MAX_NODES:
                message = f"the file holds too many keys and values; split it, {_MAX_NODES:,} is the maximum"
                raise StopError(self.location(event.start_mark), message)
            if event.anchor is not None or getattr(event, "ctag", None) is not None:
                self._refuse_properties(event)
            frame = self._frames[-1] if self._frames else None
            if frame is not None and frame.key is None and isinstance(frame.value, dict):
                self._take_key(frame, event)
            else:
                self._take_value(frame, event)
        elif isinstance(event, _END):
            self._frames.pop()

    def location(self, mark: StringMark) -> Location:
        """The parser's place in the user's terms."""
        return Location(self.file, mark.line + 1, mark.column + 1)

    def report(self, event: NodeEvent, message: str) -> None:
        """Note a problem where the event begins; after a hundred nobody reads on."""
        if len(self.problems) == MAX_PROBLEMS:
            raise StopError(Location(self.file), f"has more than {MAX_PROBLEMS} problems; these are the first ones")
        self.problems.append(Problem(self.location(event.start_mark), message))

    def _refuse_properties(self, event: NodeEvent) -> None:
        if isinstance(event, _ALIAS):
            self.report(event, "an alias (*) repeats another part; write it out or quote the text")
            return
        if event.anchor is not None:
            self.report(event, "an anchor (&) marks a part for reuse; remove it, or quote the text")
        if getattr(event, "ctag", None) is not None:
            self.report(event, "a tag (!) changes how a value is read; remove it, or quote the text")

    def _open(self, path: Path, event: CollectionStartEvent) -> Any:
        """A new list or mapping, and the frame that its content goes to."""
        if len(self._frames) == MAX_DEPTH:
            raise too_deep(self.location(event.start_mark))
        value: Any = {} if isinstance(event, _MAPPING) else []
        self._frames.append(_Frame(path, value))
        return value

    def _take_key(self, frame: _Frame, event: NodeEvent) -> None:
        line, column = _place(event)
        key = self._key(frame.path, event)
        if key is not None and key in frame.lines:
            again = f"is given twice, first on line {frame.lines[key]}; keep one"
            self.report(event, f"{show_path((*frame.path, key))} {again}")
        frame.key, frame.key_place = key or "", (line, column)
        if key is not None:
            frame.lines.setdefault(key, line)
        if isinstance(event, _COLLECTION):
            self._open((*frame.path, "?"), event)

    def _key(self, path: Path, event: NodeEvent) -> str | None:
        if isinstance(event, _SCALAR):
            self._check_escapes((*path, event.value), event)
            wrong = _why_no_key(event)
        else:
            wrong = "" if isinstance(event, _ALIAS) else "has a list or mapping as a key; use text"
        if wrong:
            self.report(event, f"{show_path(path)} {wrong}")
        return event.value if isinstance(event, _SCALAR) and not wrong else None

    def _take_value(self, frame: _Frame | None, event: NodeEvent) -> None:
        line, column = _place(event)
        path, place = frame.slot(line, column) if frame else ((), (line, column, line, column))
        self.places[path] = place
        value: Any = None
        if isinstance(event, _SCALAR):
            value = self._scalar(path, event)
        elif isinstance(event, _COLLECTION):
            value = self._open(path, event)
        if frame:
            frame.put(value)
        else:
            self.value = value
            self.empty = value is None and isinstance(event, _SCALAR) and not event.value

    def _scalar(self, path: Path, event: ScalarEvent) -> Scalar:
        self._check_escapes(path, event)
        if event.style:
            return str(event.value)
        try:
            return core(event.value)
        except AmbiguousError as error:
            self.report(event, f"{show_path(path)} {error}")
            return None

    def _check_escapes(self, path: Path, event: ScalarEvent) -> None:
        """Only double quotes can hide a character behind an escape."""
        if event.style == '"' and event.start_mark.line + 1 not in self._noted_lines:
            for _, message in bad_characters(event.value):
                self.report(event, f"{show_path(path)} {message}")


def _place(event: NodeEvent) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _why_no_key(event: ScalarEvent) -> str:
    """Why a scalar can't be a key: what its mapping has, and what to write instead; empty if it can."""
    if event.value == "<<":
        return "merges another mapping (<<); write out its keys"
    if _BREAKS & set(event.value):
        return "has a key with line breaks or tabs; write it on one line"
    if event.style:
        return ""
    try:
        key = core(event.value)
    except AmbiguousError:
        key = 0
    if isinstance(key, str):
        return ""
    if not event.value:
        return "has an empty key; write its name"
    text = event.value if len(event.value) <= 40 else event.value[:39] + "…"
    return f'has the key {text}, which is not text; write "{text}"'
