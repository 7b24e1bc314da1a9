"""Metrics and environment variables in the sources of vLLM."""

import ast
import re
from pathlib import Path

__all__ = ["assigned", "environment", "metrics"]

Facts = dict[str, object]
Table = dict[str, Facts]
METRICS = {"gauge", "counter", "histogram"}


def environment(root: Path) -> list[str]:
    """The variables that vLLM knows; --fail-on-environ-validation refuses others."""
    tree = ast.parse((root / "vllm" / "envs.py").read_text("utf-8"))
    tables = [
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "environment_variables"
    ]
    keys = [key for table in tables if isinstance(table, ast.Dict) for key in table.keys]
    return sorted(str(key.value) for key in keys if isinstance(key, ast.Constant))


def metrics(root: Path) -> Table:
    """Metrics by the name that /metrics shows: a counter ends in _total, a histogram is its base name."""
    found: Table = {}
    for file in sorted((root / "vllm").rglob("*.py")):
        text = file.read_text("utf-8")
        if '"vllm:' in text and "prometheus" in text:
            for function in ast.walk(ast.parse(text)):
                if isinstance(function, ast.FunctionDef):
                    found |= exported(function)
    return found


def exported(function: ast.FunctionDef) -> Table:
    """Metrics that one function makes."""
    lists = assigned(function)
    strings = [node.value for node in ast.walk(function) if isinstance(node, ast.Constant)]
    found: Table = {}
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        maker = str(getattr(call.func, "attr", getattr(call.func, "id", "")))  # Gauge, or self._gauge_cls
        kind = maker.lower().removeprefix("_").removesuffix("_cls")
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if kind not in METRICS or not {"name", "documentation"} <= given.keys():
            continue
        name = given["name"]
        labels = label_names(given.get("labelnames"), lists)
        facts: Facts = {"type": kind} | ({"labels": labels} if labels is not None else {})
        for text in map(str, [name.value] if isinstance(name, ast.Constant) else strings):
            shown = f"{text.removesuffix('_total')}_total" if kind == "counter" else text
            if re.fullmatch(r"vllm:\w+", text) and (shown not in found or isinstance(name, ast.Constant)):
                found[shown] = facts
    return found


def label_names(node: ast.expr | None, lists: dict[str, ast.expr]) -> list[str] | None:
    """Labels of a metric; `labelnames` that come as a parameter are model_name and engine."""
    if node is None:
        return []
    if isinstance(node, ast.Name) and node.id in lists and node.id != "labelnames":
        return label_names(lists[node.id], lists)
    if isinstance(node, ast.Name):
        return ["engine", "model_name"] if node.id in {"labelnames", "label_names"} else None
    if isinstance(node, ast.BinOp):
        left, right = label_names(node.left, lists), label_names(node.right, lists)
        return None if left is None or right is None else sorted(left + right)
    if isinstance(node, ast.List):
        values = [item.value for item in node.elts if isinstance(item, ast.Constant)]
        return sorted(map(str, values)) if len(values) == len(node.elts) else None
    return None


def assigned(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """What the function's local names stand for."""
    nodes = (node for node in ast.walk(function) if isinstance(node, ast.Assign))
    return {node.targets[0].id: node.value for node in nodes if isinstance(node.targets[0], ast.Name)}
