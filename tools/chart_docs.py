"""Writes what follows from charts/vllm/values.schema.json: its layout, values.yaml and README.md's tables.

The schema is the one source of every key, type, default and description. Run this file after a change:

    python tools/chart_docs.py
"""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "vllm"
BEGIN = "<!-- values: generated from values.schema.json by tools/chart_docs.py -->\n"
END = "<!-- /values -->\n"
WIDTH = 150
HEADER = """\
# Generated from values.schema.json by tools/chart_docs.py: change that file, not this one.
"""


class _Dumper(yaml.SafeDumper):
    """Double quotes and indented lists, as charts are written."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)

    def choose_scalar_style(self) -> str:
        style = super().choose_scalar_style()
        return '"' if style == "'" else style


def defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """The default of every key, as Helm reads it from values.yaml."""
    return {key: _default(node) for key, node in schema["properties"].items() if _has_default(node)}


def values_yaml(schema: dict[str, Any]) -> str:
    """values.yaml: every key with its default below its description."""
    groups = ["\n".join(_lines(key, node, 0)) for key, node in schema["properties"].items() if _has_default(node)]
    return HEADER + "\n" + "\n\n".join(groups) + "\n"


def readme_tables(schema: dict[str, Any]) -> str:
    """The tables of README.md: one row a key, one table a group; keys without a group come first."""
    single = {key: node for key, node in schema["properties"].items() if not _is_group(node)}
    single = {key: node for key, node in single.items() if _has_default(node)}
    tables = [_table(single, "")]
    for key, node in schema["properties"].items():
        if _is_group(node):
            tables.append(f"### {key}\n\n{node['description']}\n\n" + _table(node["properties"], f"{key}."))
    return "\n".join(tables)


def readme(text: str, schema: dict[str, Any]) -> str:
    """README.md with its tables made anew."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{readme_tables(schema)}\n{END}{after}"


def layout(schema: Any) -> str:
    """The schema as text: what fits on one line stands on one line, and lists of texts fill their lines."""
    return _json(schema, 0, 0) + "\n"


def _json(value: Any, indent: int, used: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value or len(line) + indent + used <= WIDTH:
        return _escape(line)
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{_escape(json.dumps(key))}: {_json(item, indent + 2, len(key) + 5)}" for key, item in value.items()]
        return "{\n" + ",\n".join(pad + item for item in items) + "\n" + " " * indent + "}"
    if all(isinstance(item, str) and " " not in item for item in value):
        return (
            "[\n"
            + _filled([_escape(json.dumps(item, ensure_ascii=False)) for item in value], pad)
            + "\n"
            + pad[2:]
            + "]"
        )
    return "[\n" + ",\n".join(pad + _json(item, indent + 2, 1) for item in value) + "\n" + " " * indent + "]"


def _filled(words: list[str], pad: str) -> str:
    as_given = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.fill(", ".join(words), WIDTH, initial_indent=pad, subsequent_indent=pad, **as_given)


def _escape(line: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line)


def _is_group(node: dict[str, Any]) -> bool:
    """Keys with defaults of their own."""
    return "properties" in node and "default" not in node


def _has_default(node: dict[str, Any]) -> bool:
    return "default" in node or "properties" in node


def _default(node: dict[str, Any]) -> Any:
    return defaults(node) if _is_group(node) else node["default"]


def _lines(key: str, node: dict[str, Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    comment = textwrap.wrap("-- " + node["description"], WIDTH - indent - 2, break_on_hyphens=False)
    yield from (f"{pad}# {line}" for line in comment)
    if _is_group(node):
        yield f"{pad}{key}:"
        for name, child in node["properties"].items():
            yield from _lines(name, child, indent + 2)
        return
    dumped = yaml.dump({key: node["default"]}, Dumper=_Dumper, width=1000, sort_keys=False, allow_unicode=True)
    yield from (pad + line for line in dumped.rstrip("\n").split("\n"))


def _table(properties: dict[str, Any], prefix: str) -> str:
    rows = ["| Key | Default | Meaning |", "| --- | --- | --- |"]
    rows += [f"| `{key}` | `{default}` | {text} |" for key, default, text in _rows(properties, prefix)]
    return "\n".join(rows) + "\n"


def _rows(properties: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for key, node in properties.items():
        if _is_group(node):
            yield from _rows(node["properties"], f"{prefix}{key}.")
        else:
            text = node["description"].replace("|", "\\|").replace("<", "&lt;")
            yield f"{prefix}{key}", json.dumps(node["default"], ensure_ascii=False), text


def outputs() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    page = CHART / "README.md"
    return {
        CHART / "values.schema.json": layout(schema),
        CHART / "values.yaml": values_yaml(schema),
        page: readme(page.read_text("utf-8"), schema),
    }


if __name__ == "__main__":
    for path, text in outputs().items():
        path.write_text(text, "utf-8")
