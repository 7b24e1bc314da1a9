"""The rule of the linter about PromQL: series that nothing shows, in rules, in triggers of KEDA, in dashboards."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.doors import promql
from gpuyard.review.world import Inside, Item, Origin, World, mapping, parts

__all__ = ["unscraped"]

Said = tuple[Origin, str]
Object = Mapping[str, Any]

_RULES = ("monitoring.coreos.com", "PrometheusRule")
_SCALED = (("keda.sh", "ScaledJob"), ("keda.sh", "ScaledObject"))
_NAME = re.compile(r"(?<![\w:$])[A-Za-z_:][\w:]*(?![\w:(])")
"""In a query of a dashboard, whose variables no parser knows."""


def unscraped(world: World) -> Iterator[Said]:
    """Each name once for each place."""
    recorded = set(_recorded(world))
    for origin, who, query in _queries(world):
        for name in dict.fromkeys(_names(query)):
            if name not in recorded and (message := _missing(world, name)):
                yield origin, f"{who} reads {name}, {message}"


def _missing(world: World, name: str) -> str | None:
    prefix = next((each for each in (*world.series, *world.absent) if name.startswith(each)), "")
    if prefix in world.absent and (":" not in name or ":" in prefix):  # others record under such a name
        return f"which nothing shows here: {world.absent[prefix]}"
    if prefix in world.series and name not in world.series[prefix]:
        return "and nothing that is scraped has such a series"
    return None


def _recorded(world: World) -> Iterator[str]:
    places = [item.obj for item in world.written if item.kind == _RULES] + [given.values for given in world.given]
    for each in places:
        yield from (str(rule["record"]) for _, rule in _rules(each) if "record" in rule)


def _queries(world: World) -> Iterator[tuple[Origin, str, str]]:
    """All that authors ask Prometheus, and where."""
    for item in world.written:
        yield from ((item.origin, str(item), query) for query in _of_object(item))
    for given in world.given:
        for path, rule in _rules(given.values):
            yield given.origin.below((*path, "expr")), f"a rule of {given.unit}", str(rule["expr"])
        for path, value in parts(given.values):
            for query in _of_dashboards({"": value}) if path[-1:] == ("json",) else ():
                yield given.origin.below(path), f"a dashboard of {given.unit}", query


def _of_object(item: Item) -> Iterator[str]:
    if item.kind == _RULES:
        yield from (str(rule["expr"]) for _, rule in _rules(item.obj))
    elif item.kind in _SCALED:
        for _, value in parts(mapping(item.obj.get("spec")).get("triggers")):
            metadata = mapping(mapping(value).get("metadata"))
            if mapping(value).get("type") == "prometheus" and "query" in metadata:
                yield str(metadata["query"])
    elif item.kind == ("", "ConfigMap"):
        yield from _of_dashboards(mapping(item.obj.get("data")))


def _rules(value: Any) -> Iterator[tuple[Inside, Object]]:
    for path, each in parts(value):
        if isinstance(each, Mapping) and isinstance(each.get("expr"), str) and ("alert" in each or "record" in each):
            yield path, each


def _of_dashboards(texts: Object) -> Iterator[str]:
    for text in texts.values():
        if isinstance(text, str) and '"expr"' in text:
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                continue
            yield from (value for path, value in parts(found) if path[-1:] == ("expr",) and isinstance(value, str))


def _names(query: str) -> Iterator[str]:
    """The series that a query reads; one that is wrong reads none, which others say."""
    parsed = promql.parse(query)
    if not isinstance(parsed, str):
        yield from (each.name for each in parsed.selectors if each.name)
    elif "$" in query:
        yield from _NAME.findall(re.sub(r"\"[^\"]*\"|'[^']*'", "", query))
