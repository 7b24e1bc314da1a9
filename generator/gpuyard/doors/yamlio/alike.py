"""Manifests that are alike: where one differs from the one before in ends of lines only, no more than those is read.

The shapes of a blueprint, and the blueprints of a stack, give texts with the same keys in the same lines. What the next
one has in common with the first is the same object in both.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import yaml

from gpuyard.doors.yamlio.loader import compose, parse_manifests, value_of
from gpuyard.doors.yamlio.scalars import kubernetes

__all__ = ["Alike"]

Path = tuple[str | int, ...]

_BREAKS = re.compile("[\r\x85\u2028\u2029]")
"""Ends of lines that are none to us."""
_ORDERS = re.compile("[&*!]")
"""Begin what means something elsewhere: an anchor, an alias, a tag."""


@dataclass(frozen=True, slots=True)
class _Form:
    lines: Sequence[str]
    documents: list[Any]
    ends: Mapping[int, tuple[Path, int]]
    """By the number of a line that ends with a value of its own (a scalar, {…} or […]): its path and its column."""


class _OtherError(Exception):
    """The text differs in more than such values."""


class Alike:
    """Reads one text after the other."""

    def __init__(self) -> None:
        self._last: _Form | None = None

    def parse(self, text: str) -> list[dict[str, Any]]:
        """What `parse_manifests` gives; not to be changed, for it may be part of what others were given."""
        if _BREAKS.search(text):
            return parse_manifests(text)
        lines = text.split("\n")
        try:
            form = _changed(self._last, lines) if self._last else _parsed(text, lines)
        except _OtherError:
            form = _parsed(text, lines)
        self._last = form
        return [document for document in form.documents if document is not None]


def _parsed(text: str, lines: Sequence[str]) -> _Form:
    nodes = compose(text)
    ends: dict[int, tuple[Path, int] | None] = {}
    for index, node in enumerate(nodes):
        _find(node, (index,), lines, ends)
    found = {line: end for line, end in ends.items() if end}
    return _Form(lines, [value_of(node, kubernetes) for node in nodes], found)


def _find(node: yaml.Node, path: Path, lines: Sequence[str], ends: dict[int, tuple[Path, int] | None]) -> None:
    """Note the values in a node that have the rest of a line to themselves."""
    start, end = node.start_mark, node.end_mark
    if _on_one_line(node, lines):
        alone = start.column < end.column == len(lines[start.line])
        ends[start.line] = (path, start.column) if alone and start.line not in ends else None
    elif not isinstance(node, yaml.CollectionNode) or node.flow_style:
        ends |= dict.fromkeys(range(start.line, end.line + 1))
    elif isinstance(node, yaml.MappingNode):
        for key, item in node.value:
            _find(item, (*path, key.value), lines, ends)
    else:
        for index, item in enumerate(node.value):
            _find(item, (*path, index), lines, ends)


def _on_one_line(node: yaml.Node, lines: Sequence[str]) -> bool:
    """Whether it is a scalar or in {} or [], with its ends on one line, and nothing in it stands for anything else."""
    start, end = node.start_mark, node.end_mark
    if isinstance(node, yaml.CollectionNode) and (not node.flow_style or _ORDERS.search(lines[start.line])):
        return False
    return bool(start.line == end.line)


def _changed(form: _Form, lines: Sequence[str]) -> _Form:
    """The form with other values."""
    if len(lines) != len(form.lines):
        raise _OtherError
    changes = []
    for number, (old, new) in enumerate(zip(form.lines, lines, strict=True)):
        if old != new:
            path, column = form.ends.get(number, ((), 0))
            if not path or len(new) <= column or old[:column] != new[:column]:
                raise _OtherError
            changes.append((path, _value(new[column:])))
    return _Form(lines, _replaced(form.documents, changes), form.ends)


@lru_cache(maxsize=4096)
def _value(text: str) -> Any:
    """What the rest of a line is, if it is one value and nothing else."""
    try:
        nodes = compose(text)
        node = nodes[0] if len(nodes) == 1 and text[0] not in "&*!%" else None
        if node and _on_one_line(node, [text]) and (node.start_mark.column, node.end_mark.column) == (0, len(text)):
            return value_of(node, kubernetes)
    except (yaml.YAMLError, ValueError):
        pass
    raise _OtherError


def _replaced(value: Any, changes: Sequence[tuple[Path, Any]]) -> Any:
    """With other values at some paths, which are in the order of the value; the rest is shared."""
    if not changes:
        return value
    if not changes[0][0]:
        return changes[0][1]
    result = value.copy()
    for key, group in groupby(changes, key=lambda change: change[0][0]):
        result[key] = _replaced(value[key], [(path[1:], scalar) for path, scalar in group])
    return result
