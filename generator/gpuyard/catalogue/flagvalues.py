"""What a flag of vLLM may hold, whatever the flag, and how its value is written on the command line."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["MOST_TOGETHER", "amount", "content", "mapping", "text", "together"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONGEST = 130_000
"""Bytes: Linux gives a program no argument of more than 131,072 (MAX_ARG_STRLEN), its name included."""
_SUFFIXED = re.compile(r"\b([0-9]+(?:\.[0-9]+)?)([kKmMgGtT])\b")
MOST_TOGETHER = 524_288
"""Bytes: etcd takes objects of 1.5 MiB, and quotes and backslashes are written twice in one."""


def text(value: object) -> str:
    """A value, or an entry of a list, as an argument: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def mapping(value: object) -> Mapping[str, Any] | None:
    """What a flag that takes an object holds, written as a mapping or as JSON text; None: it is neither."""
    found = _json(value) if isinstance(value, str) else value
    return found if isinstance(found, Mapping) else None


def _json(text: str) -> object:
    """JSON, in which vLLM also takes numbers such as 80G."""
    for attempt in (text, _SUFFIXED.sub(lambda found: str(int(amount(found[0]))), text)):
        try:
            return json.loads(attempt)
        except ValueError:
            continue
    return None


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


def together(args: Mapping[str, object]) -> int:
    """The bytes of all flags."""
    return sum(len(name.encode()) + len(text(value).encode()) for name, value in args.items())


def content(value: object, *, words: bool) -> Iterator[str]:
    """What is wrong with a flag's value, each kind of mistake once; `words`: the entries of a list follow the flag."""
    if len(text(value).encode()) > _LONGEST:
        yield f"may have {_LONGEST} bytes at most: it becomes an argument of a program"
    elif any(isinstance(each, str) and _CONTROL.search(each) for each in _inside(value)):
        yield "must not contain control characters"
    if words and isinstance(value, list):
        yield from dict.fromkeys(message for entry in value for message in _word(entry))
        if not value:
            yield "must list at least one entry; leave the flag out for its default"


def _word(entry: object) -> Iterator[str]:
    if isinstance(entry, list | dict):
        yield "may only list texts, numbers, true and false; write a mapping as JSON text, in quotes"
    elif text(entry).startswith("-"):
        yield "must not list what begins with a dash: vLLM would read it as a flag"


def _inside(value: object) -> Iterator[object]:
    """The value, and everything in it: the keys of mappings, too."""
    yield value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield key
        yield from _inside(item)
