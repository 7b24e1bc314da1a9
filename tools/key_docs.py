"""Writes docs/keys.md: each key of stack.yaml and of a blueprint, its default, and an example.

What a key does is the description in its schema; the examples are those that tests/test_blueprint_fields.py compiles.
Run this file after a change:

    python -m tools.key_docs
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gpuyard.project.formats import schema
from tests.projects import merged
from tests.test_blueprint_fields import BLUEPRINT_KEYS, EXCLUDED, STACK_KEYS, Case, leaves

__all__ = ["PAGE", "example", "page"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "keys.md"
_HEAD = """\
<!-- Generated from the schemas by `python -m tools.key_docs`: change those, not this page. -->
# Keys

Every key that a user can write, with an example that a test compiles. In a name, `*` stands for a name of your own and
`[]` for an element of a list. Examples in `spec` leave that word out. `gpuyard schema stack`, `gpuyard schema
blueprint` and `gpuyard schema model` print the same as JSON Schema, for editors.
"""
_FILES = {"stack": ("stack.yaml", STACK_KEYS), "blueprint": ("blueprints/*.yaml", BLUEPRINT_KEYS)}


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_table(kind, title, cases) for kind, (title, cases) in _FILES.items()), _models()])


def example(case: Case) -> Mapping[str, Any]:
    """What a reader is shown: something that compiles, with what it needs under the same key."""
    if case.example:
        return case.example
    return {key: value for key, value in merged(dict(case.before), case.after).items() if key in case.after}


def _table(kind: str, title: str, cases: Mapping[str, Case]) -> str:
    nodes = {key: _node(schema(kind), key) for key in leaves(kind) if key not in EXCLUDED[kind]}
    rows = [
        f"| `{key}` | {_cell(node.get('description', ''))} | {_default(node)} | {_code(example(cases[key]))} |"
        for key, node in nodes.items()
    ]
    return "\n".join([f"## {title}\n", "| key | what it says | default | example |", "|---|---|---|---|", *rows, ""])


def _models() -> str:
    """The keys of a model's facts, without examples: docs/models.md has whole files."""
    nodes = {key: _node(schema("model"), key) for key in leaves("model")}
    rows = [f"| `{key}` | {_cell(node.get('description', ''))} | {_default(node)} |" for key, node in nodes.items()]
    about = "The same keys stand below `spec.model.architecture` of a blueprint, but for `override`.\n"
    return "\n".join(["## models/*.yaml\n", about, "| key | what it says | default |", "|---|---|---|", *rows, ""])


def _node(whole: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What the schema says of a key; of an element of a list or a mapping with names of one's own, what holds it."""
    node: Mapping[str, Any] = whole
    for step in _steps(key):
        inside = _followed(whole, node)
        if step not in ("*", "[]"):
            node = inside["properties"][step]
            continue
        element = inside["additionalProperties" if step == "*" else "items"]
        holder = {**inside, **node}
        described = {key: holder[key] for key in ("description", "default") if key in holder}
        node = {**described, **element}
    return {**_followed(whole, node), **node}


def _steps(key: str) -> Iterator[str]:
    for part in key.split("."):
        name = part.removesuffix("[]")
        yield from (name, "[]") if name != part else (name,)


def _followed(whole: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node and "properties" not in node:
        node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    # The longer form has the keys.
    return _followed(whole, node["then"]) if "then" in node else node


def _default(node: Mapping[str, Any]) -> str:
    return _code(node["default"]) if node.get("default") not in (None, {}, []) else ""


def _code(value: object) -> str:
    """One line of YAML, in a cell of a table; what is too long for it is cut in its middle."""
    text = yaml.safe_dump(_short(value), default_flow_style=True, sort_keys=False, width=10_000).strip()
    text = text.removesuffix("\n...").strip()
    if isinstance(value, Mapping):
        text = text[1:-1]
    return f"`{_cell(text)}`"


def _short(value: object) -> object:
    """Null is how the tests take a key away."""
    if isinstance(value, Mapping):
        return {key: _short(each) for key, each in value.items() if each is not None}
    return json.loads(json.dumps(value))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
