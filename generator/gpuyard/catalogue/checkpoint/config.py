"""One section of a config.json: its keys with their places, and what is wrong with them so far."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpuyard.catalogue.checkpoint.vocabulary import family, names
from gpuyard.errors import Location, Problem

__all__ = ["Config", "whole"]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:]')


@dataclass(slots=True)
class Config:
    """The keys of a section, with what its family leaves out; `problems` is one list for the whole file."""

    file: str
    data: Mapping[str, Any]
    places: Mapping[tuple[str, ...], Location]
    section: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)

    @property
    def model_type(self) -> str:
        """The family."""
        return str(self.data.get("model_type") or "")

    @property
    def family(self) -> Mapping[str, Any]:
        """What is known of the family."""
        return family(self.model_type) or {}

    def get(self, key: str) -> Any:
        """A value; where the key is left out, the family's default."""
        return self.data[key] if key in self.data else self.family.get("defaults", {}).get(key)

    def below(self, *path: str) -> "Config":
        """A section inside."""
        data: Any = self.data
        for name in path:
            data = data.get(name) if isinstance(data, Mapping) else None
        found = data if isinstance(data, Mapping) else {}
        return Config(self.file, found, self.places, (*self.section, *path), self.problems)

    def wrong(self, key: str, message: str) -> None:
        """Note what is wrong with a key, or with what it should be in."""
        path = (*self.section, key)
        place = next((self.places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.places), None)
        self.problems.append(Problem(place or Location(self.file), f"{'.'.join(path)}: {message}"))

    def number(self, fact: str) -> int | None:
        """A whole number that a fact of the table needs; None where no key has it, or a problem was noted."""
        row = names()["names"][fact]
        return self.first(row["keys"], row["most"])

    def first(self, keys: Sequence[str], most: int) -> int | None:
        """The first of the keys that is there."""
        key = next((key for key in keys if self.get(key) is not None), None)
        return None if key is None else self.whole(key, most)

    def whole(self, key: str, most: int) -> int | None:
        """A whole number within believable bounds."""
        value = self.get(key)
        if isinstance(value, list):
            self.wrong(key, "differs by layer, which gpuyard cannot count; give the model's facts by hand")
        elif type(value) is not int:
            self.wrong(key, f"is {json.dumps(value)[:40]}; must be a whole number")
        elif not 1 <= value <= most:
            self.wrong(key, f"is {value if value <= 10**15 else 'a number of many digits'}; must be from 1 to {most}")
        else:
            return value
        return None

    def needed(self, fact: str) -> int | None:
        """The same, and a problem where it is missing."""
        keys, before = names()["names"][fact]["keys"], len(self.problems)
        value = self.number(fact)
        if value is None and len(self.problems) == before:
            self.wrong(keys[0], f"is missing, and so is every other name of it ({', '.join(keys[1:])})")
        return value


def whole(file: str, text: str, data: Mapping[str, Any]) -> Config:
    """The top of a config.json."""
    return Config(file, data, _places(file, text))


def _places(file: str, text: str) -> Mapping[tuple[str, ...], Location]:
    """Of every key, by its path; `text` is JSON that was read before."""
    found: dict[tuple[str, ...], Location] = {}
    path: list[str] = []
    last, key = None, ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark[0] == '"':
            last = token
        elif mark == ":" and last:
            key = json.loads(last[0])
            start = last.start()
            line = text.count("\n", 0, start)
            found.setdefault((*path[1:], key), Location(file, line + 1, start - text.rfind("\n", 0, start)))
        elif mark in "{[":
            path.append(key)
        elif mark in "}]":
            path.pop()
    return found
