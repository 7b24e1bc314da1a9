"""What vLLM's environment variables may hold, by its version: it ends at its start where one can't be read."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.vllm import base

__all__ = ["content"]

_FILE = resources.files("gpuyard") / "catalogue" / "vllm" / "variables.yaml"
_READ: Mapping[str, tuple[Callable[[str], object], str]] = {
    "integer": (int, "a whole number"),
    "number": (float, "a number"),
    "switch": (int, "1 or 0"),
}


def content(name: str, text: str, version: str) -> Iterator[str]:
    """What is wrong with a variable's text."""
    facts = _variables().get(".".join(map(str, base(version).minor)), {}).get(name, {})
    if choices := facts.get("choices"):
        yield from _choice(text, choices, facts)
    elif kind := facts.get("type"):
        reader, words = _READ[kind]
        try:
            reader(text)
        except ValueError:
            yield f"must be {words}, as text; vLLM cannot read {text!r}" if text else f"must be {words}, as text"


def _choice(text: str, choices: list[str], facts: Mapping[str, Any]) -> Iterator[str]:
    """As vLLM compares it."""
    several = facts.get("several", False)
    words = [each.strip() for each in text.split(",") if each.strip()] if several else [text]
    known = {each.lower() for each in choices} if facts.get("anyCase") else set(choices)
    if any((each.lower() if facts.get("anyCase") else each) not in known for each in words):
        yield f"must be {'some' if several else 'one'} of {', '.join(choices)}"


@cache
def _variables() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    found: Mapping[str, Mapping[str, Mapping[str, Any]]] = read(_FILE, "vllm-variables")["versions"]
    return found
