"""Messages are read in a hurry and searched for: no contractions, and none of the turns that sound translated."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[1] / "generator" / "gpuyard"
CONTRACTED = re.compile(r"\b\w+n't\b|\b(?:it|that|there|what)'s\b", re.IGNORECASE)
TRANSLATED = re.compile(r"\bbeside\b|\balone\b|somebody|half-way|\banew\b|and costs\b|gives it to|\bstands\b")
OF_OTHERS = {"couldn't find remote ref"}
"""What git says."""


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text that isn't documentation: what users may come to read."""
    said = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.lineno, node.value


def described(node: Any) -> Iterator[str]:
    """What a schema tells users."""
    if isinstance(node, dict):
        yield from (
            value
            for key, value in node.items()
            if key in ("description", "x-error", "x-forms") and isinstance(value, str)
        )
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from described(value)


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_messages_are_plain(file: Path) -> None:
    found = [
        f"{line}: {text}"
        for line, text in texts(ast.parse(file.read_text(encoding="utf-8")))
        if text not in OF_OTHERS and " " in text and (CONTRACTED.search(text) or TRANSLATED.search(text))
    ]
    assert not found


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.schema.json")), ids=lambda file: file.name)
def test_schemas_are_plain(file: Path) -> None:
    found = [text for text in described(json.loads(file.read_text(encoding="utf-8"))) if CONTRACTED.search(text)]
    assert not found
