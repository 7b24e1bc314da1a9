"""Which architectures (names in config.json) a version of vLLM has code for; from catalogue/vllm/architectures/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.vllm import base, oldest

__all__ = ["Verdict", "verdict"]

_FOLDER = resources.files("gpuyard") / "catalogue" / "vllm" / "architectures"
_TASKS = ("generate", "embed", "score")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why vLLM doesn't serve an architecture, or what is worth saying; both empty: it does."""

    refused: str = ""
    note: str = ""
    task: str = "generate"
    """As a model file has it."""


@cache
def _of(minor: str) -> Mapping[str, Any]:
    return read(_FOLDER / f"{minor}.yaml", "architectures")


def verdict(names: Sequence[str], version: str | None = None) -> Verdict:
    """Of the architectures that a config.json lists, the first that vLLM has counts."""
    minor = ".".join(map(str, base(version or oldest()).minor))
    table = _of(minor)
    for task in _TASKS:
        if any(name in table[task] for name in names):
            return Verdict(task=task)
    shown = ", ".join(names)[:80]
    if any(name in table["classify"] for name in names):
        return Verdict(refused=f"{shown} labels tokens or rewards answers, for which a blueprint has no task")
    others = [each for each in _minors() if each != minor and any(name in _served(each) for name in names)]
    if others:
        return Verdict(refused=f"vLLM {minor} has no {shown}, {others[0]} has: set spec.vllm.version of the stack")
    for name in names:
        if last := table["removed"].get(name):
            return Verdict(refused=f"vLLM {minor} serves no {name} any more; {last} was the last version that did")
        if plugin := table["plugins"].get(name):
            return Verdict(refused=f"vLLM {minor} serves {name} only with a plugin ({plugin})")
    return Verdict(
        note=f"vLLM {minor} has no code of its own for {shown}; Transformers' code may serve it, more slowly"
    )


def _served(minor: str) -> Sequence[str]:
    return [name for task in _TASKS for name in _of(minor)[task]]


def _minors() -> Sequence[str]:
    return sorted(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))
