"""What a flag of vLLM may hold, whatever the flag, and how its value is written on the command line."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["MOST_TOGETHER", "amount", "bytes_of", "content", "mapping", "readable", "text"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")')
_SUFFIXED = re.compile(r"\b([0-9]+(?:\.[0-9]+)?)([kKmMgGtT])\b")
_LONGEST = 130_000
"""Bytes: Linux gives a program no argument of more than 131,072 (MAX_ARG_STRLEN), its name included."""
MOST_TOGETHER = 524_288
"""Bytes: etcd takes objects of 1.5 MiB, and quotes and backslashes are written twice in one."""


def text(value: object) -> str:
    """A value, or an entry of a list, as an argument: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def mapping(value: object) -> Mapping[str, Any] | None:
    """An object flag's value as a mapping, whether it was written as one or as JSON text; None: it is neither."""
    if isinstance(value, str):
        parts = _QUOTED.split(value)  # texts in it are every second one
        try:
            value = json.loads(
                "".join(each if at % 2 else _SUFFIXED.sub(_expanded, each) for at, each in enumerate(parts))
            )
        except (ValueError, OverflowError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def readable(value: object) -> int | None:
    """A whole number as vLLM reads it where it takes 16k (16,000) and 16K (16,384); None: it is none."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        found = _SUFFIXED.fullmatch(str(value).strip())
        return int(_expanded(found)) if found else int(value)
    except (ValueError, OverflowError):
        return None


def _expanded(number: re.Match[str]) -> str:
    """1k is 1000 and 1.5k 1500, 1K is 1024 and 1.5K stays what no reader takes."""
    digits, suffix = number.groups()
    power = "kmgt".index(suffix.lower()) + 1
    if suffix.islower():
        return str(int(float(digits) * 1000**power))
    return str(int(digits) * 1024**power) if digits.isdigit() else number[0]


def amount(value: object) -> float:
    """A number, also one such as 16k (thousands) or 16K (1024); 0 where it is none, or less than nothing."""
    if isinstance(value, str) and (found := _SUFFIXED.fullmatch(value.strip())):
        base = 1024 if found[2].isupper() else 1000
        return float(found[1]) * float(base) ** ("kmgt".index(found[2].lower()) + 1)
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0


def bytes_of(args: Mapping[str, object]) -> int:
    """The bytes of all flags."""
    return sum(len(name.encode()) + len(text(value).encode()) for name, value in args.items())


def content(value: object, *, words: bool, mappings: bool = False) -> Iterator[tuple[tuple[int, ...], str]]:
    """What no flag may hold, each kind of mistake once, and where in a list.

    `words`: the entries of a list follow the flag; `mappings`: they may be some, which are written as JSON.
    """
    if len(text(value).encode()) > _LONGEST:
        yield (), f"may have {_LONGEST} bytes at most: it becomes an argument of a program"
    elif any(isinstance(each, str) and _CONTROL.search(each) for each in _inside(value)):
        yield (), "must not contain control characters"
    elif any(isinstance(each, float) and not math.isfinite(each) for each in _inside(value)):
        yield (), "must not hold NaN or an infinite number"
    if words and isinstance(value, list):
        seen = set()
        for index, entry in enumerate(value):
            message = _word(entry, mappings=mappings)
            if message and message not in seen:
                seen.add(message)
                yield (index,), message
        if not value:
            yield (), "must list at least one entry; leave the flag out for its default"


def _word(entry: object, *, mappings: bool) -> str | None:
    if isinstance(entry, list) or (isinstance(entry, dict) and not mappings):
        return "must be a text, a number, true or false: vLLM takes no mappings and lists in this list"
    if text(entry).startswith("-"):
        return "must not begin with a dash: vLLM would read it as a flag"
    return None


def _inside(value: object) -> Iterator[object]:
    """The value, and everything in it: the keys of mappings, too."""
    yield value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield key
        yield from _inside(item)
