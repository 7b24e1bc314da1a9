"""Weights that a server loads from a hub at whatever revision is there."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

__all__ = ["unpinned"]

_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PAIRS = {"--model": "--revision", "--tokenizer": "--tokenizer-revision"}
_SERVERS = ("vllm.entrypoints", "vllm serve")


def unpinned(commands: Iterable[Sequence[str]]) -> Iterator[str]:
    """Each in words; a path or URL is none. A branch or tag is no pin: it moves."""
    for command in commands:
        if any(server in " ".join(command[:3]) for server in _SERVERS):
            yield from _of_flags(_flags(command))


def _flags(command: Sequence[str]) -> dict[str, list[str]]:
    """By name, as they are written: behind = or as what follows."""
    found: dict[str, list[str]] = {}
    start = 2 if tuple(command[:2]) == ("vllm", "serve") else 0
    name = "--model" if start else ""
    for word in command[start:]:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            found.setdefault(name, []).extend([value] if equals else [])
        elif name:
            found.setdefault(name, []).append(word)
    return found


def _of_flags(flags: dict[str, list[str]]) -> Iterator[str]:
    for name, pin in _PAIRS.items():
        model = next((each for each in flags.get(name, ()) if _HUB.fullmatch(each)), "")
        revision = next(iter(flags.get(pin, ())), "")
        if model and not _COMMIT.fullmatch(revision):
            yield f"{model} has {pin}={revision}, which can move" if revision else f"{model} has no {pin}"
    for text in flags.get("--speculative-config", ()):
        draft = _json(text)
        model, revision = (str(draft.get(key) or "") for key in ("model", "revision"))
        if _HUB.fullmatch(model) and not _COMMIT.fullmatch(revision):
            yield f"the draft {model} has no revision"
    for text in flags.get("--lora-modules", ()):
        adapter = str(_json(text).get("path") or text.partition("=")[2])
        if _HUB.fullmatch(adapter):
            yield f"the adapter {adapter} has no revision"


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
