"""Values that authors give to a chart themselves, merged over those that are computed, as Helm merges them."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gpuyard.doors.yamlio import Path, show_path

__all__ = ["Layer", "Values", "at", "empties", "given", "merged", "nearest", "replaced"]

Values = Mapping[str, Any]

_LONGEST = 80
"""Characters of a value that a note shows."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Values as an author wrote them, and where in the file; each goes over the one before."""

    path: Path
    values: Values


def merged(computed: Values, layers: Sequence[Layer], *, extended: Collection[str] = ()) -> dict[str, Any]:
    """Mappings key by key, all else replaced, but for the lists of `extended`: what is computed stays in them.

    An empty value (null) stays, for Helm to take away what the chart has there.
    """
    result = dict(computed)
    for layer in layers:
        result = _over(result, layer.values)
    for key in extended:
        if isinstance(result.get(key), list) and result[key] is not computed.get(key):
            result[key] = [*computed.get(key, ()), *result[key]]
    return result


def _over(below: Values, above: Values) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        result[key] = _over(under, value) if both else value  # type: ignore[arg-type]  # checked the line before
    return result


def at(values: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for name in path:
        if isinstance(values, Mapping):
            values = values.get(name)
        elif isinstance(values, list) and isinstance(name, int) and name < len(values):
            values = values[name]
        else:
            return None
    return values


def given(values: Values, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every key of the mappings, and what it holds; lists are not looked into."""
    for key, value in values.items():
        yield (*path, key), value
        if isinstance(value, Mapping):
            yield from given(value, (*path, key))


def empties(value: Any, path: Path = ()) -> Iterator[Path]:
    """Everything that is null, in lists too."""
    if value is None:
        yield path
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from empties(item, (*path, name))


def nearest(layers: Sequence[Layer], path: Path) -> Path:
    """Where in the file the values at a path come from; the path goes on below the nearest key that is written."""
    deepest, reached = layers[-1], -1
    for layer in reversed(layers):
        depth, closed = _reach(layer.values, path)
        if closed:  # all of it is this layer's: what an earlier one says there is replaced
            return (*layer.path, *path)
        if depth > reached:
            deepest, reached = layer, depth
    return (*deepest.path, *path)


def _reach(values: Any, path: Path) -> tuple[int, bool]:
    """How many names of the path a layer has, and whether no other layer can have a part in what is there."""
    for depth, name in enumerate(path):
        if not isinstance(values, Mapping):
            return depth, True
        if name not in values:
            return depth, False
        values = values[name]
    return len(path), True


def replaced(computed: Values, layers: Sequence[Layer], result: Values) -> Iterator[str]:
    """Each computed value that isn't in the result as it was: `spec.values.x replaces the computed 1 with 2`."""
    found = {path: layer for layer in layers for path in _computed(computed, layer.values)}
    for path, layer in found.items():
        before, after = at(computed, path), at(result, path)
        kept = isinstance(before, list) and isinstance(after, list) and after[: len(before)] == before
        if before != after and not kept:
            change = f"replaces the computed {_shown(before)} with {_shown(after)}"
            taken = f"removes the computed {_shown(before)}"
            yield f"{show_path((*layer.path, *path))} {taken if after is None else change}"


def _computed(computed: Values, values: Values, path: Path = ()) -> Iterator[Path]:
    """The paths at which values meet computed ones, as deep as both are mappings."""
    for key, value in values.items():
        if computed.get(key) is None:
            continue
        if isinstance(value, Mapping) and isinstance(computed[key], Mapping):
            yield from _computed(computed[key], value, (*path, key))
        else:
            yield (*path, key)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) and value.isprintable() and value else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
