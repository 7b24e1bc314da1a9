"""Every place in the values that the schema knows, and what may stand there."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.chart.rendering import CASES, case, schema

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A leaf of the schema: where it is, what may stand there, and the ci file that sets it."""

    path: Path
    node: dict[str, Any]
    case: str

    def __str__(self) -> str:
        return ".".join(map(str, self.path))


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The node that a reference points to."""
    while "$ref" in node:
        node = schema()["definitions"][node["$ref"].rsplit("/", 1)[1]]
    return node


def leaves() -> list[Place]:
    """Every place with a single value, also inside lists and maps as far as a ci file fills them."""
    return [Place(path, node, _where(path)) for path, node in _leaves(schema(), ()) if path != ("global",)]


def groups() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every group of named keys."""
    yield from _groups(schema(), ())


def get(values: Any, path: Path) -> Any:
    """What stands there; KeyError or IndexError where nothing does."""
    for step in path:
        values = values[step]
    return values


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


def _leaves(node: dict[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    node = resolved(node)
    if "properties" in node and path != ("args",):
        for key, child in node["properties"].items():
            yield from _leaves(child, (*path, key))
    elif node.get("type") == "array":
        yield from _leaves(node["items"], (*path, 0))
    elif path != ("args",) and isinstance(node.get("additionalProperties"), dict):
        key = next(iter(get(case(_where(path)), path)))
        yield from _leaves(node["additionalProperties"], (*path, key))
    elif path != ("args",):
        yield path, node


def _groups(node: dict[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    node = resolved(node)
    if path == ("args",):
        return  # flags of vLLM, without descriptions and defaults of their own
    if "properties" in node:
        yield path, node
        for key, child in node["properties"].items():
            yield from _groups(child, (*path, key))
    elif node.get("type") == "array":
        yield from _groups(node["items"], (*path, 0))


def _where(path: Path) -> str:
    """The first ci file that sets this; else the fullest one."""
    for name in sorted(CASES, key=lambda name: name != "shared-cache"):
        try:
            get(case(name), path)
        except (KeyError, IndexError, TypeError):
            continue
        return name
    return "shared-cache"
