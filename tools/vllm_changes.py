"""What vLLM changes in the arguments that its configuration declares, before it gives them to argparse."""

import ast
import re
from collections.abc import Iterator, Mapping

from tools.vllm_metrics import assigned
from tools.vllm_source import Facts, Source

__all__ = ["changes", "named"]

READ_LATER = {
    "diffusion-config": "DiffusionConfig",
    "speculative-config": "SpeculativeConfig",
    "watermark-config": "WatermarkConfig",
}
"""Flags whose JSON becomes an object of a class when the engine is made (create_… in arg_utils.py)."""


def changes(source: Source, known: Mapping[str, Facts]) -> Iterator[tuple[str, Facts]]:
    """By the flag; it may not be there."""
    tree = ast.parse((source.root / "vllm/engine/arg_utils.py").read_text("utf-8"))
    for name, form in list_forms(ast.parse(source.frontend.read_text("utf-8"))):
        if known.get(name, {}).get("type") == "array":
            yield name, {"list": form}
    for name in numbers_with_suffix(tree):
        yield name, {"suffix": True}
    for name in lowered(tree):
        yield name, {"case": True}
    for name in (name for name, cls in READ_LATER.items() if cls in source.closed):
        yield name, {"object": READ_LATER[name]}
    for name, choice in dropped(tree):
        if isinstance(choices := known.get(name, {}).get("choices"), list):
            yield name, {"choices": [each for each in choices if each != source.value_of(source.aliases.get(choice))]}
    # name=path, or this class as JSON, by LoRAParserAction
    source.closed.add("LoRAModulePath")
    yield "lora-modules", {"items": {"type": ["object", "string"], "object": "LoRAModulePath"}}


def lowered(tree: ast.Module) -> Iterator[str]:
    """Flags that take their choices in any case: `variable["type"] = lambda s: s.lower()…`."""
    for function in ast.walk(tree):
        names = assigned(function) if isinstance(function, ast.FunctionDef) else {}
        for node in ast.walk(function) if names else ():
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda) and ".lower()" in ast.unparse(node):
                owner = named(getattr(node.targets[0], "value", node.value), names)
                if isinstance(owner, ast.Subscript) and isinstance(owner.slice, ast.Constant):
                    yield str(owner.slice.value).replace("_", "-")


def dropped(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Choices that a flag doesn't have: `kwargs["flag"]["choices"].remove(NAME)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "remove":
            found = re.fullmatch(r"\w+\['(\w+)'\]\['choices'\]\.remove\((\w+)\)", ast.unparse(node))
            if found:
                yield found[1].replace("_", "-"), found[2]


def numbers_with_suffix(tree: ast.Module) -> Iterator[str]:
    """Flags that take 16k: those of a set in get_kwargs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "human_readable_int_args":
            yield from (
                str(each.value).replace("_", "-") for each in ast.walk(node.value) if isinstance(each, ast.Constant)
            )


def list_forms(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Flags whose list isn't given as `--flag one two`, by what vLLM changes in their add_argument keywords.

    json: the list as one JSON text (`kwargs["flag"]["type"] = json.loads`); repeat: the flag once for each entry
    (`kwargs["flag"]["action"] = "append"`).
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Subscript):
            owner, change = target.value, (str(getattr(target.slice, "value", "")), ast.unparse(node.value))
            form = {("type", "json.loads"): "json", ("action", "'append'"): "repeat"}.get(change)
            if form and isinstance(owner, ast.Subscript) and isinstance(owner.slice, ast.Constant):
                yield str(owner.slice.value).replace("_", "-"), form


def named(node: ast.expr, names: dict[str, ast.expr]) -> ast.expr:
    """What a local name stands for."""
    while isinstance(node, ast.Name) and node.id in names:
        node = names[node.id]
    return node
