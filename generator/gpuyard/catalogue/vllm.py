"""What a version of vLLM takes and shows: flags, environment variables, metrics, and our rules for them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.flagkinds import Kind, read_kind, rows

__all__ = [
    "Flag",
    "ListForm",
    "Metric",
    "Version",
    "base",
    "catalogue",
    "minor",
    "oldest",
    "removals",
    "removed",
    "rules",
    "versions",
]

_SERIES = re.compile(r"_(?:bucket|sum|count)$")
"""What /metrics adds to a histogram's name."""
_FOLDER = resources.files("gpuyard") / "catalogue" / "vllm"


class ListForm(StrEnum):
    """How a flag takes a list where it isn't `--flag one two`."""

    JSON = "json"
    """As one JSON text."""
    REPEAT = "repeat"
    """The flag once for each entry."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of `vllm serve`."""

    kind: Kind
    default: object
    alias: str | None
    deprecated: str | None
    list_form: ListForm | None = None
    switch: bool = False
    """Boolean, and there is no --no-flag."""

    @property
    def type(self) -> str:
        """One of JSON's, or any."""
        return self.kind.type

    @property
    def negatable(self) -> bool:
        """Whether there is a --no-flag."""
        return self.type == "boolean" and not self.switch


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric; labels without le, None where they aren't known."""

    type: str
    labels: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Version:
    """One minor version."""

    release: str
    flags: Mapping[str, Flag]
    objects: Mapping[str, Mapping[str, Kind]]
    """Keys of the objects that some of them hold, by vLLM's class."""
    environment: frozenset[str]
    metrics: Mapping[str, Metric]

    @property
    def quantizations(self) -> frozenset[object]:
        """What --quantization may be."""
        return frozenset(self.flags["quantization"].kind.choices)

    @property
    def minor(self) -> tuple[int, ...]:
        """To compare by: (0, 32)."""
        return minor(self.release)

    def named(self, name: str) -> tuple[Flag | None, str, bool]:
        """The flag that a name stands for, its own name, and whether the name negates it; None: there is none."""
        negated = name.startswith("no-") and name not in self.flags
        positive = name.removeprefix("no-") if negated else name
        flag = self.flags.get(positive)
        own = (flag.alias if flag else None) or positive
        flag = self.flags.get(own)
        return None if flag and negated and not flag.negatable else flag, own, negated


def minor(version: str) -> tuple[int, ...]:
    """To compare by: (0, 32) of 0.32.1."""
    return tuple(int(part) for part in version.split(".")[:2])


@cache
def _files() -> Mapping[tuple[int, ...], Traversable]:
    """By minor version, oldest first; each is read when it is asked for, because that takes a tenth of a second."""
    files = {minor(file.name): file for file in _FOLDER.iterdir() if file.name[:1].isdigit()}
    return dict(sorted(files.items()))


@cache
def _known(number: tuple[int, ...]) -> Version:
    return _version(read(_files()[number], "vllm"), rules()["narrower"])


def _version(data: Mapping[str, Any], narrower: Mapping[str, Mapping[str, Any]]) -> Version:
    flags = {name: _read_flag({**row, **narrower.get(name, {})}) for name, row in data["flags"].items()}
    metrics = {
        name: Metric(row["type"], frozenset(row["labels"]) if "labels" in row else None)
        for name, row in data["metrics"].items()
    }
    objects = {name: rows(table) for name, table in data["objects"].items()}
    return Version(data["release"], flags, objects, frozenset(data["environment"]), metrics)


def _read_flag(row: Mapping[str, Any]) -> Flag:
    form = ListForm(row["list"]) if "list" in row else None
    texts = (row.get("alias"), row.get("deprecated"))
    return Flag(read_kind(row), row.get("default"), *texts, form, switch="switch" in row)


def versions() -> tuple[str, ...]:
    """The releases that were read, oldest first; a patch of the same minor version counts as the same."""
    return tuple(_known(each).release for each in _files())


def oldest() -> str:
    """The first of them."""
    return _known(min(_files())).release


def catalogue(version: str) -> Version | None:
    """The facts about a version such as 0.32.1; None where its minor version isn't known."""
    return _known(minor(version)) if minor(version) in _files() else None


def base(version: str) -> Version:
    """The facts that a version is checked by: its own, else of the newest before it, else of the oldest."""
    known = _files()
    before = [each for each in known if each <= minor(version)]
    return _known(max(before, default=min(known)))


@cache
def rules() -> Mapping[str, Any]:
    """Which flags and variables are removed, unsafe, computed or deprecated, whatever the version."""
    return read(_FOLDER / "rules.yaml", "vllm-rules")


@cache
def _removed() -> Mapping[str, Mapping[str, Any]]:
    """Since which version there is no flag, variable or metric of a name."""
    tables = read(_FOLDER / "removed.yaml", "vllm-removed").values()
    return {name: row for table in tables for name, row in table.items()}


def removals() -> Mapping[str, str]:
    """The first minor version without a flag, variable or metric, by its name; no other version is known to have it."""
    return {name: row["version"] for name, row in _removed().items()}


def removed(name: str, version: str) -> str | None:
    """Since when a version lacks a flag (without dashes), variable or metric, and what to use; None: it never went."""
    known = _removed()
    plain = name if name in known else _SERIES.sub("", name)
    row = known.get(plain)
    if row is None or minor(row["version"]) > minor(version):
        return None
    before = " or before" if "before" in row else ""
    return f"was removed in {row['version']}{before}; {rules()['removed'][plain]}"
