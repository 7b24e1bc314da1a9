"""What the stack's dashboard asks, as data in catalogue/panels.yaml; its fragments are filled in here."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from gpuyard.catalogue.datafiles import Breach, read
from gpuyard.doors.yamlio import Path
from gpuyard.errors import nearest

__all__ = ["Board", "Panel", "Query", "Row", "Variable", "board", "load"]

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_HISTOGRAM = "histogram_quantile({}, sum by (model_name, le) (rate({}_bucket{{<models>}}[$__rate_interval])))"
_KINDS = ("queries", "histogram", "columns")
_FRAGMENT = re.compile(r"<(\w+)>")


@dataclass(frozen=True, slots=True)
class Variable:
    """What a reader chooses."""

    name: str
    label: str | None
    """None: it follows from the others, and is hidden."""
    query: str
    regex: str | None
    all: str | None
    """Regular expression for all values; None: one of those that are found."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL; legend of its lines, or title of its column."""

    legend: str
    expression: str
    unit: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One question."""

    title: str
    description: str
    queries: tuple[Query, ...]
    table: bool
    stacked: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """The whole dashboard."""

    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]


@cache
def board() -> Board:
    """The one that we ship."""
    return load(resources.files("gpuyard") / "catalogue" / "panels.yaml")


def load(file: Traversable) -> Board:
    """Another file of that kind; InputError with the place of everything that is wrong."""
    data = read(file, "panels", _breaches)
    fragments = data["fragments"]
    variables = (
        Variable(name, each.get("label"), _filled(each["query"], fragments), each.get("regex"), each.get("all"))
        for name, each in data["variables"].items()
    )
    rows = (Row(row["title"], tuple(_panel(each, fragments) for each in row["panels"])) for row in data["rows"])
    return Board(tuple(variables), tuple(rows))


def _panel(data: Mapping[str, Any], fragments: Mapping[str, str]) -> Panel:
    columns = data.get("columns", {})
    asked: dict[str, str] = {title: each["expr"] for title, each in columns.items()} or data.get("queries", {})
    if name := data.get("histogram"):
        asked = {f"{{{{model_name}}}} {each}": _HISTOGRAM.format(share, name) for each, share in _QUANTILES.items()}
    queries = tuple(
        Query(legend, _filled(text, fragments), columns.get(legend, data).get("unit", data["unit"]))
        for legend, text in asked.items()
    )
    return Panel(data["title"], data["description"], queries, bool(columns), data.get("stacked", False))


def _filled(text: str, fragments: Mapping[str, str]) -> str:
    """The last fragment first, for it may use those before it."""
    return reduce(lambda found, name: found.replace(f"<{name}>", fragments[name]), reversed(list(fragments)), text)


def _breaches(data: Mapping[str, Any]) -> Iterator[Breach]:
    """Fragments that are not defined, or only after the fragment that uses them; and what a panel shows."""
    names = list(data["fragments"])
    for path, text in _texts(data):
        known = names[: names.index(path[1])] if path[0] == "fragments" else names
        for name in _FRAGMENT.findall(text):
            if name not in known:
                yield path, f"uses <{name}>, which is not a fragment defined before it; {nearest(name, known)}"
    for path, panel in _panels(data):
        if len(given := [kind for kind in _KINDS if kind in panel]) != 1:
            yield path, f"has {' and '.join(given) or 'nothing to show'}; it needs one of {', '.join(_KINDS)}"


def _panels(data: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for index, row in enumerate(data["rows"]):
        yield from ((("rows", index, "panels", number), panel) for number, panel in enumerate(row["panels"]))


def _texts(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    yield from ((("fragments", name), text) for name, text in data["fragments"].items())
    yield from ((("variables", name, "query"), each["query"]) for name, each in data["variables"].items())
    for path, panel in _panels(data):
        yield from (((*path, "queries", key), text) for key, text in panel.get("queries", {}).items())
        yield from (((*path, "columns", key, "expr"), each["expr"]) for key, each in panel.get("columns", {}).items())
