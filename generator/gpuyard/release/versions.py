"""Versions of releases as SemVer 2.0 orders them."""

import re
from collections.abc import Iterable

from gpuyard.errors import InputError, Location, Problem

__all__ = ["checked", "newest"]

_NUMBER = "0|[1-9][0-9]*"
_PART = f"{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*"
_VERSION = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-((?:{_PART})(?:\.(?:{_PART}))*))?")
_LONGEST = 60

Key = tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]


def checked(version: str) -> str:
    """A version that a tag can be called; InputError says what would be right."""
    if _VERSION.fullmatch(version) and len(version) <= _LONGEST:
        return version
    plain = version.removeprefix("v").partition("+")[0]
    say = f"did you mean {plain}?" if _VERSION.fullmatch(plain) else "write it like 1.4.0 or 1.4.0-rc.1"
    message = f"{version} is not a release version (SemVer without v and +build, which a tag cannot have); {say}"
    raise InputError([Problem(Location("VERSION"), message)])


def newest(tags: Iterable[str]) -> str | None:
    """The highest version among some tags; other tags are none."""
    return max((tag for tag in tags if _VERSION.fullmatch(tag)), key=_key, default=None)


def _key(version: str) -> Key:
    """A version comes after all that lead to it; numbers in those come before words."""
    found = _VERSION.fullmatch(version)
    assert found  # noqa: S101 - `newest` has asked
    major, minor, patch, before = found.groups()
    parts = (before or "").split(".") if before else []
    key = tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)
    return (int(major), int(minor), int(patch)), before is None, key
