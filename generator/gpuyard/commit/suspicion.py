"""Reading JSON that others may have written: what gpuyard couldn't have written is damage, and is shown harmlessly.

What stands in messages and in commands that people paste has no other characters than these.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from gpuyard.doors.redaction import redacted

__all__ = [
    "CLASS",
    "CLASS_OR_NONE",
    "DIGEST_OR_NONE",
    "ENTRY",
    "KIND",
    "NAME",
    "NAME_OR_NONE",
    "SHA256",
    "SHA256_OR_NONE",
    "SIZE",
    "DamagedError",
    "inside",
    "mapping",
    "name",
    "names",
    "number",
    "parsed",
    "shown",
    "text",
]

_SHOWN = 80
"""Characters of something unexpected."""
_LONGEST = 10**7
"""Seconds."""
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
NAME_OR_NONE = re.compile(r"([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?")
_SUBDOMAIN = r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
CLASS = re.compile(_SUBDOMAIN)
CLASS_OR_NONE = re.compile(f"({_SUBDOMAIN})?")
DIGEST_OR_NONE = re.compile(r"([0-9a-f]{16,64})?")
ENTRY = re.compile(r"[A-Za-z_/][-A-Za-z0-9_./]{0,299}")
KIND = re.compile(r"[a-z]{1,40}")
SIZE = re.compile(r"[1-9][0-9]{0,9}Gi")
SHA256 = re.compile(r"[0-9a-f]{64}")
SHA256_OR_NONE = re.compile(r"([0-9a-f]{64})?")


class DamagedError(Exception):
    """Why something isn't what gpuyard wrote."""


def name(value: object) -> str:
    """One of an object in a cluster."""
    return _checked(value, "a name", NAME)


def names(found: Mapping[str, object], key: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    """A list of names, each all of a pattern."""
    listed = found.get(key)
    if not isinstance(listed, list):
        raise DamagedError(f"{shown(key)} is not a list")
    return tuple(_checked(each, "a name", pattern) for each in listed)


def number(found: Mapping[str, object], key: str) -> int:
    """A number of seconds."""
    value = found.get(key)
    if type(value) is not int or not 0 <= value <= _LONGEST:
        raise DamagedError(f"{key} cannot be {shown(value)}")
    return value


def parsed(content: str) -> object:
    """JSON as the standard has it: no key twice, of which each reader takes another, and only numbers that are some."""
    return json.loads(content, object_pairs_hook=_once, parse_constant=_no_number)


def text(found: Mapping[str, object], key: str, pattern: re.Pattern[str]) -> str:
    """A text that is all of a pattern."""
    return _checked(found.get(key), key, pattern)


def inside(found: Mapping[str, object], key: str) -> Mapping[str, Any]:
    """The mapping under a key."""
    return mapping(found.get(key), shown(key))


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """A value that is a mapping."""
    if not isinstance(value, dict):
        raise DamagedError(f"{what} is not a mapping")
    return value


def shown(value: object) -> str:
    """Nothing that a terminal would obey."""
    return ascii(redacted(value))[:_SHOWN] if isinstance(value, str) else f"of type {type(value).__name__}"


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise DamagedError(f"{shown(twice)} is a duplicate key")
    return found


def _no_number(text: str) -> object:
    raise DamagedError(f"{text} is not a number")


def _checked(value: object, what: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise DamagedError(f"{what} cannot be {shown(value)}")
    return value
