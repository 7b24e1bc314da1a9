"""Every place in the values that the schema knows, and what may stand there."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.chart.rendering import CASES, case, schema

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A leaf of the schema: where it is, what may stand there, the ci file that sets it, and whether one does."""

    path: Path
    node: dict[str, Any]
    case: str
    given: bool
    ours: bool
    """A key of the chart, and not one of Kubernetes' own inside of a value that is passed on as it is."""

    def __str__(self) -> str:
        return ".".join(map(str, self.path))


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The node that a reference points to."""
    while "$ref" in node:
        node = schema()["definitions"][node["$ref"].rsplit("/", 1)[1]]
    return node


def passed_on(node: dict[str, Any]) -> bool:
    """Whether it is one value with keys of Kubernetes' own: defined once, or with a default as a whole."""
    return "properties" in resolved(node) and ("$ref" in node or "default" in node)


def leaves() -> list[Place]:
    """Every place with a single value, also inside lists and maps as far as a ci file fills them."""
    found = []
    for path, node, ours in _leaves(schema(), (), True):
        where, value = _where(path)
        found.append(Place(path, node, where, value not in (None, ""), ours))
    return [place for place in found if place.path != ("global",)]


def groups() -> Iterator[tuple[Path, dict[str, Any], bool]]:
    """Every group of named keys, and whether it is the chart's own."""
    yield from _groups(schema(), (), True)


def get(values: Any, path: Path) -> Any:
    """What stands there; KeyError or IndexError where nothing does."""
    for step in path:
        values = values[step]
    return values


def read(values: Any, path: Path) -> Any:
    """The same; None where nothing stands there."""
    try:
        return get(values, path)
    except (KeyError, IndexError, TypeError):
        return None


def put(values: Any, path: Path, value: Any) -> None:
    """Write there, making the maps on the way."""
    for step in path[:-1]:
        values = values.setdefault(step, {}) if isinstance(values, dict) else values[step]
    values[path[-1]] = value


def blamed(complaint: str, path: Path) -> bool:
    """Whether Helm says that something is wrong at this very place, or that it is missing or unknown where it is."""
    *above, name = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    parent = "".join(f"/{step}" for step in above)
    lacks = rf" at '{re.escape(parent)}': (?:missing|additional) propert.*'{re.escape(str(path[-1]))}'"
    return f" at '{parent}/{name}': " in complaint or bool(re.search(lacks, complaint))


def _leaves(node: dict[str, Any], path: Path, ours: bool) -> Iterator[tuple[Path, dict[str, Any], bool]]:
    ours = ours and not passed_on(node)
    node = resolved(node)
    if "properties" in node:
        for key, child in node["properties"].items():
            yield from _leaves(child, (*path, key), ours)
    elif node.get("type") == "array":
        if _where((*path, 0))[1] is not None or ours:
            yield from _leaves(node["items"], (*path, 0), ours)
    elif isinstance(node.get("additionalProperties"), dict):
        key = next(iter(_where(path)[1]))
        yield from _leaves(node["additionalProperties"], (*path, key), ours)
    else:
        yield path, node, ours


def _groups(node: dict[str, Any], path: Path, ours: bool) -> Iterator[tuple[Path, dict[str, Any], bool]]:
    ours = ours and not passed_on(node)
    node = resolved(node)
    if "properties" in node:
        yield path, node, ours
        for key, child in node["properties"].items():
            yield from _groups(child, (*path, key), ours)
    elif node.get("type") == "array":
        if _where((*path, 0))[1] is not None:
            yield from _groups(node["items"], (*path, 0), ours)


def _where(path: Path) -> tuple[str, Any]:
    """The first ci file that sets this, and to what; else the fullest one."""
    for name in sorted(CASES, key=lambda name: name != "shared-cache"):
        if (found := read(case(name), path)) is not None:
            return name, found
    return "shared-cache", None
