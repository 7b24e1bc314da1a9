"""What the reader returns: plain values, and where in the file each of them stands."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.doors.redaction import looks_secret
from gpuyard.errors import Location, Problem

__all__ = ["Document", "Path", "Place", "read_again", "show_path", "written"]

Path = tuple[str | int, ...]
Place = tuple[int, int, int, int]
"""Line and column of a value, then of its key, from 1. A list's items are their own keys."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_/-]{0,62}")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document that was read from a user's file."""

    file: str
    value: Any  # dict, list, str, int, float, bool or None, all the way down
    places: Mapping[Path, Place]
    above: Path = ()
    """Where in the file it is, for a part of it."""

    def part(self, path: Path) -> "Document":
        """What stands at a path, as a document whose messages still name the whole path."""
        value = self.value
        for name in path:
            value = value[name]
        depth = len(path)
        places = {each[depth:]: place for each, place in self.places.items() if each[:depth] == path}
        return Document(self.file, value, places, (*self.above, *path))

    def at(self, path: Path, *, key: bool = False) -> Location:
        """Where the value at `path` begins, or its key; for a path that isn't there, its nearest ancestor."""
        while path not in self.places:
            path = path[:-1]
        return Location(self.file, *self.places[path][2:] if key else self.places[path][:2])

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        """A problem with the value at `path`, or with its key: `spec.serving is ...`."""
        return Problem(self.at(path, key=key), f"{show_path((*self.above, *path))} {message}")

    def scalars(self) -> Iterator[tuple[Path, Any, bool]]:
        """Every key and every value that holds no others, in file order: path, value, is it a key."""
        pending: list[tuple[Path, Any]] = [((), self.value)]
        while pending:
            path, value = pending.pop()
            if path and isinstance(path[-1], str):
                yield path, path[-1], True
            if isinstance(value, dict):
                pending.extend(((*path, name), item) for name, item in reversed(value.items()))
            elif isinstance(value, list):
                pending.extend(((*path, index), value[index]) for index in reversed(range(len(value))))
            else:
                yield path, value, False


def written(document: Document) -> bytes:
    """A whole document as JSON, for `read_again`."""
    places = [(path, place) for path, place in document.places.items()]
    return json.dumps([document.file, document.value, places], separators=(",", ":")).encode()


def read_again(data: bytes) -> Document:
    """The document that was written."""
    file, value, places = json.loads(data)
    return Document(file, value, {tuple(path): tuple(place) for path, place in places})


def show_path(path: Path) -> str:
    """A path as people write it: `spec.clusters[0].name`; the empty path is `the file`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part) and not looks_secret(part):
            text += f".{part}" if text else part
        else:
            text += f"[{_quoted(part)}]"
    return text or "the file"


def _quoted(key: str) -> str:
    if looks_secret(key):
        return '"***"'
    return json.dumps(key if len(key) <= 40 else key[:39] + "…", ensure_ascii=False)
