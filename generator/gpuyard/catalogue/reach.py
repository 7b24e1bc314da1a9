"""Which of vLLM's flags and variables hold addresses or paths, as data."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read

__all__ = ["addresses", "matched", "paths"]


def addresses() -> Mapping[str, Any]:
    """Schemes, and names of what holds a host, a port or both."""
    found: Mapping[str, Any] = _read()["addresses"]
    return found


def paths() -> Mapping[str, Any]:
    """Names of what holds a path, and what the image has."""
    found: Mapping[str, Any] = _read()["paths"]
    return found


def matched(name: str, rules: Iterable[str]) -> str | None:
    """The first rule that stands for a name."""
    return _matched(name, tuple(rules))


@lru_cache(maxsize=4096)
def _matched(name: str, rules: tuple[str, ...]) -> str | None:
    return next((rule for rule in rules if fnmatchcase(name, rule)), None)


@cache
def _read() -> Mapping[str, Any]:
    return read(resources.files("gpuyard") / "catalogue" / "vllm" / "reach.yaml", "vllm-reach")
