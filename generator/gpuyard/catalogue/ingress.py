"""Ingress controllers: whether they keep what an Ingress of ours promises."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read

__all__ = ["Controller", "configures", "controller"]


@dataclass(frozen=True, slots=True)
class Controller:
    """One that is known by a word of its class's name."""

    word: str
    keeps: bool
    """A request may take as long, and be as large, as the chart's annotations say."""
    instead: str = ""
    """What to do for that where it doesn't."""


def controller(class_name: str) -> Controller | None:
    """The controller that an IngressClass of that name usually has; None: nobody can tell."""
    words = re.split("[-.]", class_name)
    return next((each for each in _catalogue() if each.word in words), None)


def configures(annotation: str) -> bool:
    """Whether an annotation writes into a controller's configuration, or may send requests elsewhere."""
    rows = _read()["annotations"]
    name = annotation.lower()
    if "snippet" in name:
        return True
    prefixed = any(name.startswith(prefix) for prefix in rows["prefixes"])
    return prefixed and not any(fnmatchcase(name, each) for each in rows["harmless"])


@cache
def _catalogue() -> tuple[Controller, ...]:
    return tuple(Controller(**row) for row in _read()["controllers"])


@cache
def _read() -> dict[str, Any]:
    return read(resources.files("gpuyard") / "catalogue" / "ingress.yaml", "ingress")
