"""The alerts that a stack raises about its models, as data in catalogue/alerts.yaml."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import Breach, read
from gpuyard.errors import nearest

__all__ = ["Alert", "Catalogue", "Series", "Threshold", "catalogue", "filled"]

_NAMESPACE = "namespace"
_WORD = re.compile(r"\$([a-z]\w*)")
"""Of ours in an expression; $1 is PromQL's own."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that a stack may change."""

    default: float
    minimum: float
    maximum: float
    description: str


@dataclass(frozen=True, slots=True)
class Series:
    """A recording rule."""

    record: str
    expr: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alerting rule; summary and description are templates of Prometheus."""

    name: str
    severity: str
    wait: str
    expr: str
    summary: str
    description: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of them, in the order of the file."""

    runbook: str
    """The page with a section for each."""
    thresholds: Mapping[str, Threshold]
    series: tuple[Series, ...]
    alerts: tuple[Alert, ...]


@cache
def catalogue() -> Catalogue:
    """What catalogue/alerts.yaml says."""
    data = read(resources.files("gpuyard") / "catalogue" / "alerts.yaml", "alerts", _breaches)
    return Catalogue(
        data["runbook"],
        {name: Threshold(**each) for name, each in data["thresholds"].items()},
        tuple(Series(each["record"], each["expr"], each.get("labels", {})) for each in data["series"]),
        tuple(map(_alert, data["alerts"])),
    )


def filled(expr: str, namespace: str, thresholds: Mapping[str, float]) -> str:
    """An expression for the models of a namespace."""
    words = {_NAMESPACE: namespace, **{name: str(value) for name, value in thresholds.items()}}
    return _WORD.sub(lambda found: words[found[1]], expr)


def _alert(data: Mapping[str, str]) -> Alert:
    return Alert(
        name=data["alert"],
        severity=data["severity"],
        wait=data["for"],
        expr=data["expr"],
        summary=data["summary"],
        description=data["description"],
    )


def _breaches(data: Mapping[str, Any]) -> Iterator[Breach]:
    """A word that nothing fills in, and a name that is there twice."""
    names = [rule["alert"] for rule in data["alerts"]]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield ("alerts", index, "alert"), f"is {name}, as another alert is; give each a name of its own"
    words = {_NAMESPACE, *data["thresholds"]}
    for kind in ("series", "alerts"):
        for index, rule in enumerate(data[kind]):
            for word in _WORD.findall(rule["expr"]):
                if word not in words:
                    yield (kind, index, "expr"), f"has ${word}, which is not a threshold; {nearest(word, words)}"
