"""Which environment variables of a server are harmless by their names, and what others let their author do."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.vllm import Version, rules

__all__ = ["does", "unclassified"]

_FILE = resources.files("gpuyard") / "catalogue" / "vllm" / "environment.yaml"
_UNKNOWN = "is not among the variables that gpuyard knows to be harmless"


def does(name: str) -> str | None:
    """What a variable lets its author do; None: it is known to be harmless. Names are the kernel's, in their case."""
    if name in _harmless():
        return None
    table: Mapping[str, str] = _read()["unsafe"]
    upper = name.upper()
    patterns = (rule for rule in table if "*" in rule and fnmatchcase(upper, rule.upper()))
    return table.get(upper) or next((table[rule] for rule in patterns), _UNKNOWN)


def unclassified(known: Version) -> Iterator[str]:
    """Variables that a version of vLLM reads and nobody has looked at."""
    named = _read()["unsafe"]
    yield from (
        name
        for name in sorted(known.environment)
        if name not in _harmless() and name not in named and name not in rules()["computed"]
    )


@cache
def _harmless() -> frozenset[str]:
    return frozenset(name for row in _read()["harmless"] for name in row["names"])


@cache
def _read() -> Mapping[str, Any]:
    return read(_FILE, "vllm-environment")
