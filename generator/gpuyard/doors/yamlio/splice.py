"""Changes one value in a user's file and leaves every other byte as it is: comments, order, spaces, ends of lines.

Only for a text that the strict reader has taken: it has no aliases, and its depth is bounded.
"""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from gpuyard.doors.yamlio.document import Path
from gpuyard.doors.yamlio.loader import compose

__all__ = ["spliced"]


def spliced(text: str, path: Path, value: Any) -> str:
    """The text with a value at a path, whose mappings are there but for the last key; None takes that key away."""
    root = compose(text)[0]
    if value is None:
        return _without(text, root, path)
    at, left = root, list(path)
    while left and (found := _below(at, left[0])) is not None:
        at, left = found, left[1:]
    if left:
        for key in reversed(left[1:]):
            value = {key: value}
        return _with_key(text, at, str(left[0]), value)
    if (
        isinstance(at, yaml.MappingNode)
        and isinstance(value, Mapping)
        and {k.value for k, _ in at.value} == value.keys()
    ):
        for key, each in value.items():
            text = spliced(text, (*path, key), each)
        return text
    return text[: _offset(text, at.start_mark)] + _flow(value) + text[_end(text, at) :]


def _below(node: yaml.Node, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        found: yaml.Node = node.value[key]
        return found
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)


def _with_key(text: str, node: yaml.Node, key: str, value: Any) -> str:
    """First of all, so that no comment behind an entry comes between."""
    start = _offset(text, node.start_mark)
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        end = _end(text, node) - 1
        inside = text[start + 1 : end]
        trail = len(inside) - len(inside.rstrip())
        entry = f"{', ' if node.value else ''}{key}: {_flow(value)}"
        return text[: end - trail] + entry + text[end - trail :]
    if isinstance(node, yaml.MappingNode):
        line = f"{key}: {_flow(value)}\n{' ' * node.start_mark.column}"
        return text[:start] + line + text[start:]
    raise ValueError(f"{key} has no mapping to go to")


def _without(text: str, root: yaml.Node, path: Path) -> str:
    node = root
    for key in path[:-1]:
        if (found := _below(node, key)) is None:
            return text
        node = found
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    for number, (key, value) in enumerate(pairs):
        if key.value != path[-1]:
            continue
        start, end = _offset(text, key.start_mark), _end(text, value)
        if isinstance(node, yaml.CollectionNode) and node.flow_style:
            if number + 1 < len(pairs):
                end = _offset(text, pairs[number + 1][0].start_mark)
            elif number:
                start = _end(text, pairs[number - 1][1])
            return text[:start] + text[end:]
        if number + 1 < len(pairs):
            return text[:start] + text[_offset(text, pairs[number + 1][0].start_mark) :]
        line = text.find("\n", end)
        return text[: text.rfind("\n", 0, start) + 1] + (text[line + 1 :] if line >= 0 else "")
    return text


def _offset(text: str, mark: Any) -> int:
    line = 0
    for _ in range(mark.line):
        line = text.index("\n", line) + 1
    return line + int(mark.column)


def _end(text: str, node: yaml.Node) -> int:
    """Where its own characters end; a block's mark is behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(node, yaml.MappingNode) else last)
    return _offset(text, node.end_mark)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_flow(each)}' for key, each in value.items())}}}"
    text = str(value)
    plain = isinstance(value, str) and bool(text) and all(char.isalnum() or char in "-._/" for char in text)
    plain = plain and text[0].isalpha() and text.lower() not in ("true", "false", "null", "yes", "no", "on", "off")
    dotted = isinstance(value, str) and text.count(".") > 1 and text.replace(".", "").isdigit()  # 0.33.0
    return text if plain or dotted else json.dumps(value)
