"""What a version of vLLM takes and shows: flags, environment variables, metrics, and our rules for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read

__all__ = [
    "Flag",
    "ListForm",
    "Metric",
    "Version",
    "base",
    "catalogue",
    "minor",
    "rules",
    "versions",
]

_FOLDER = resources.files("gpuyard") / "catalogue" / "vllm"


class ListForm(StrEnum):
    """How a flag takes a list where it isn't `--flag one two`."""

    JSON = "json"
    """As one JSON text."""
    REPEAT = "repeat"
    """The flag once for each entry."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of `vllm serve`; `type` is JSON's, or any."""

    type: str
    default: object
    alias: str | None
    deprecated: str | None
    list_form: ListForm | None = None
    switch: bool = False
    """Boolean, and there is no --no-flag."""

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
    quantizations: frozenset[str]
    """Values of --quantization."""
    load_formats: frozenset[str]
    """Values of --load-format."""
    lora_ranks: tuple[int, ...]
    """Values of --max-lora-rank."""
    environment: frozenset[str]
    metrics: Mapping[str, Metric]

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
def _versions() -> Mapping[tuple[int, ...], Version]:
    files = [file for file in _FOLDER.iterdir() if file.name[:1].isdigit()]
    found = [_version(read(file, "vllm")) for file in files]
    return {version.minor: version for version in sorted(found, key=lambda version: version.minor)}


def _version(data: Mapping[str, Any]) -> Version:
    flags = {name: _read_flag(row) for name, row in data["flags"].items()}
    metrics = {
        name: Metric(row["type"], frozenset(row["labels"]) if "labels" in row else None)
        for name, row in data["metrics"].items()
    }
    return Version(
        release=data["release"],
        flags=flags,
        quantizations=frozenset(data["quantizations"]),
        load_formats=frozenset(data["loadFormats"]),
        lora_ranks=tuple(data["loraRanks"]),
        environment=frozenset(data["environment"]),
        metrics=metrics,
    )


def _read_flag(row: Mapping[str, Any]) -> Flag:
    form = ListForm(row["list"]) if "list" in row else None
    texts = (row.get("alias"), row.get("deprecated"))
    return Flag(row.get("type", "any"), row.get("default"), *texts, form, switch="switch" in row)


def versions() -> tuple[str, ...]:
    """The releases that were read, oldest first; a patch of the same minor version counts as the same."""
    return tuple(version.release for version in _versions().values())


def catalogue(version: str) -> Version | None:
    """The facts about a version such as 0.32.1; None where its minor version isn't known."""
    return _versions().get(minor(version))


def base(version: str) -> Version:
    """The facts that a version is checked by: its own, else of the newest before it, else of the oldest."""
    known = _versions()
    before = [each for each in known if each <= minor(version)]
    return known[max(before, default=min(known))]


@cache
def rules() -> Mapping[str, Any]:
    """Which flags and variables are removed, unsafe, computed or deprecated, whatever the version."""
    return read(_FOLDER / "rules.yaml", "vllm-rules")
