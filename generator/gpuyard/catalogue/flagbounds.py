"""Closed sets and ranges of what vLLM takes, and the words for what is outside of them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gpuyard.catalogue.flagkinds import Kind
from gpuyard.catalogue.quantizations import instead
from gpuyard.errors import meant

__all__ = ["Given", "Wrong", "bound", "known_keys"]

Path = tuple[str | int, ...]

_MOST = 12
"""Names that a message lists."""
_TYPED = {bool: "boolean", int: "integer", float: "number", str: "string"}


class Wrong(NamedTuple):
    """Where below the flag, what is wrong, and whether it is the type, which no version takes."""

    path: Path
    message: str
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What a value is checked by."""

    objects: Mapping[str, Mapping[str, Kind]]
    """Keys of objects, by class."""
    beside: Collection[str]
    """Flags that are given; one of them may bring names beside those of a closed set."""
    gone: Mapping[str, str]
    """What to do instead of keys that there were (Class.key)."""
    listed: str
    """Where all names are, for a set that is too long for a message."""


def bound(value: object, kind: Kind, given: Given) -> Iterator[Wrong]:
    """Closed sets and ranges."""
    own = [each for each in kind.choices if type(each) is type(value)]
    bound_to = own or _TYPED.get(type(value)) not in kind.types or len(kind.types) == 1
    named = kind.more is not None and kind.more in given.beside
    if kind.choices and bound_to and not named and value not in own and not _folded(value, own, kind):
        yield Wrong((), _choose(value, kind.choices, given))
    if isinstance(value, str | bool) or not isinstance(value, int | float):
        return
    number: float = value
    if kind.minimum is not None and number < kind.minimum:
        yield Wrong((), f"must be at least {kind.minimum:g}")
    if kind.above is not None and number <= kind.above:
        yield Wrong((), f"must be more than {kind.above:g}")
    if kind.maximum is not None and number > kind.maximum:
        yield Wrong((), f"must be at most {kind.maximum:g}")
    if kind.below is not None and number >= kind.below:
        yield Wrong((), f"must be less than {kind.below:g}")


def _folded(value: object, choices: list[object], kind: Kind) -> bool:
    """Whether it is one of them in another case."""
    if not kind.any_case or not isinstance(value, str):
        return False
    return value.lower().replace("-", "_") in {str(each).lower().replace("-", "_") for each in choices}


def _choose(value: object, choices: tuple[object, ...], given: Given) -> str:
    names = [str(each) for each in choices]
    if len(names) <= _MOST:
        return f"must be one of {', '.join(names)}"
    near, use = meant(str(value), names), instead(str(value))
    hint = f"use {use}" if use else f"did you mean {near}?" if near else given.listed
    return f"{value} is not one of the {len(names)} that vLLM knows; {hint}"


def known_keys(name: str, known: Mapping[str, Kind], given: Given) -> str:
    """Which key may be meant, if one is asked for; else all where they are few, else where they are listed."""
    if near := meant(name, known) if name else "":
        return f"did you mean {near}?"
    return f"known are {', '.join(sorted(known))}" if len(known) <= _MOST else given.listed
