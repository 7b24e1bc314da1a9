"""Whether a flag of vLLM takes a value, as what is written on its command line."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace

from gpuyard.catalogue.flagbounds import Given, Wrong, bound
from gpuyard.catalogue.flagjson import keys_of
from gpuyard.catalogue.flagkinds import ANY, Kind
from gpuyard.catalogue.flagvalues import mapping, readable

__all__ = ["Given", "Wrong", "wrong"]

_SHORT = re.compile(r"\s*[A-Za-z_][\w.-]*=[^{}\[\]\"]*")
"""key=value, as older versions took it."""


def wrong(value: object, kind: Kind, given: Given) -> Iterator[Wrong]:
    """What is wrong with the value of a flag."""
    if kind.null and value in ("", "None") and kind.type != "boolean":
        return
    if len(kind.types) == 1:  # nearly all; most of the time goes here
        yield from _written(value, kind, given)
        return
    problems = [list(_written(value, replace(kind, types=(each,)), given)) for each in kind.types]
    # Of several types, one that fits is enough; where none does, the one that comes nearest speaks.
    yield from min(problems, key=lambda found: (any(each.typed for each in found), len(found)))


def _written(value: object, kind: Kind, given: Given) -> Iterator[Wrong]:
    """As the only type; numbers may be texts, and objects JSON in a text."""
    if kind.type in ("integer", "number"):
        number = _number(value, kind)
        yield from bound(number, kind, given) if isinstance(number, int | float) else [number]
    elif kind.type == "string":
        yield from _text(value, kind, given)
    elif kind.type == "array":
        yield from _entries(value, kind, given)
    elif kind.type == "object":
        yield from _object(value, kind, given)
    elif kind.type == "boolean" and not isinstance(value, bool):
        quoted = isinstance(value, str) and value.strip().lower() in ("true", "false")
        yield Wrong((), f"must be a boolean{'; write it without quotes' if quoted else ''}", typed=True)
    elif kind.type == "any" and isinstance(value, bool):
        yield Wrong((), "must be a value, not true or false", typed=True)


def _number(value: object, kind: Kind) -> float | Wrong:
    """The number that vLLM reads, or what it says instead."""
    article = "an integer" if kind.type == "integer" else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return Wrong((), f"must be {article}", typed=True)
    if kind.type == "integer":
        if (whole := None if isinstance(value, float) else readable(value)) is None:
            hint = f"; write {value:.0f}" if isinstance(value, float) and value.is_integer() else ""
            return Wrong((), f"must be an integer{hint}", typed=True)
        if isinstance(value, str) and value.strip()[-1:].isalpha() and not kind.suffix:
            return Wrong((), f"must be an integer without a suffix, which few flags take; write {whole}", typed=True)
        return whole
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return Wrong((), "must be a number", typed=True)
    return number if math.isfinite(number) else Wrong((), "must be a finite number", typed=True)


def _text(value: object, kind: Kind, given: Given) -> Iterator[Wrong]:
    if isinstance(value, bool | list | dict):
        yield Wrong((), "must be a string", typed=True)
    elif isinstance(value, float):
        yield Wrong((), "must be a string; put it in quotes, so that no digit is lost", typed=True)
    else:
        yield from bound(str(value), kind, given)


def _entries(value: object, kind: Kind, given: Given) -> Iterator[Wrong]:
    """One for each word of the command line; a text that is no list is the only entry."""
    if not isinstance(value, list | str):
        yield Wrong((), "must be an array", typed=True)
        return
    whole = not isinstance(value, list)
    for index, entry in enumerate([value] if whole else value):
        for each in _entry(entry, kind.items or ANY, given):
            yield each._replace(path=() if whole else (index, *each.path))


def _entry(entry: object, kind: Kind, given: Given) -> Iterator[Wrong]:
    if kind.object and "string" in kind.types:  # --lora-modules takes name=path, or an object as JSON
        read, pair = mapping(entry), isinstance(entry, str) and "=" in entry and "," not in entry
        if read is not None:
            yield from _placed(entry, keys_of(read, kind, given))
        elif not pair:
            yield Wrong((), "must be name=path, or a mapping with name and path", typed=True)
    elif kind.type != "any" and not isinstance(entry, list | dict):
        yield from wrong(entry, kind, given)


def _object(value: object, kind: Kind, given: Given) -> Iterator[Wrong]:
    read = mapping(value)
    if read is not None and isinstance(value, str) and not kind.object and not _plain(value):
        read = None  # numbers such as 16k are for objects whose keys vLLM knows
    if read is None:
        example = "{key: value}"
        if isinstance(value, str) and _SHORT.fullmatch(value):
            pairs = ", ".join(part.strip().replace("=", ": ", 1) for part in value.split(","))
            example = f"{{{pairs}}}" if all("=" in part for part in value.split(",")) else example
        yield Wrong((), f"must be an object: a mapping such as {example}, or the same as JSON text", typed=True)
    else:
        yield from _placed(value, keys_of(read, kind, given))


def _plain(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _placed(value: object, found: Iterator[Wrong]) -> Iterator[Wrong]:
    """Where it is written; in a text nothing has a line of its own."""
    for each in found:
        where = ".".join(map(str, each.path))
        yield each if not isinstance(value, str) or not where else Wrong((), f"{where} {each.message}", each.typed)
