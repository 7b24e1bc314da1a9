"""Write generator/gpuyard/catalogue/vllm/<minor>.yaml from an unpacked source distribution of vLLM.

    pip download vllm==0.33.0 --no-binary :all: --no-deps && tar xf vllm-0.33.0.tar.gz
    python -m tools.vllm_catalogue vllm-0.33.0

pip builds metadata even to download, which needs torch. Without it, add `--no-build-isolation --no-clean`:
the command fails, and leaves the unpacked source in $TMPDIR/pip-download-*/.

Nothing of vLLM is imported or run: flags, their types and defaults, environment variables and metrics are
read from the syntax tree. What can't be read there (a default that is computed) is left out.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.vllm_changes import changes, named
from tools.vllm_declarations import UNKNOWN, Field
from tools.vllm_metrics import assigned, environment, metrics
from tools.vllm_names import name_registered
from tools.vllm_source import Facts, Source, referred

TARGET = Path(__file__).parents[1] / "generator" / "gpuyard" / "catalogue" / "vllm"
Table = dict[str, Facts]
TYPES = {"int": "integer", "float": "number", "str": "string"}


def flags(source: Source) -> Table:
    """Every long flag of `vllm serve`, its type, what it takes, and its default."""
    found: Table = {}
    for cls in ("BaseFrontendArgs", "FrontendArgs"):
        for name, field in source.fields.get(cls, {}).items():
            found[name.replace("_", "-")] = describe(source, cls, name, field)
    for file in (source.frontend, source.root / "vllm/engine/arg_utils.py"):
        for function in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef) and function.name in {"add_cli_args", "make_arg_parser"}:
                found |= declared(source, function)
    for name, facts in changes(source, found):
        if name in found:
            found[name] |= facts
    return found


def declared(source: Source, function: ast.FunctionDef) -> Table:
    """Flags of the add_argument calls of one function."""
    found: Table = {}
    names = assigned(function)
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        if getattr(call.func, "attr", "") == "add_argument":
            spellings = [str(arg.value) for arg in call.args if isinstance(arg, ast.Constant)]
            long = [spelling[2:] for spelling in spellings if spelling.startswith("--")]
            for name in long:
                found[name] = argument(source, call, names) if name == long[0] else {"alias": long[0]}
    return found


def argument(source: Source, call: ast.Call, names: dict[str, ast.expr]) -> Facts:
    """Type and default of one add_argument call; its own keywords, else the field it unpacks."""
    given: dict[str, ast.expr] = {}
    facts: Facts = {}
    for name, node in keywords(call):
        if name is not None:
            given[name] = node
        elif found := field_of(source, node, names):
            facts = describe(source, *found)
            flag = str(getattr(call.args[0], "value", "")).removeprefix("--").replace("-", "_")
            if facts["type"] == "object" and not {"object", "items"} & facts.keys():  # a class of no known form
                plain = source.field("EngineArgs", flag)
                facts |= source.on_command_line("EngineArgs", flag, plain) if plain else {}
    if "default" in given:
        facts.pop("default", None)
        facts |= {} if (value := source.value_of(given["default"])) is UNKNOWN else {"default": value}
    action = ast.dump(given.get("action", ast.Constant("")))
    if "store_true" in action or "BooleanOptionalAction" in action:
        facts |= {"type": "boolean"} | ({"switch": True} if "store_true" in action else {})
    elif "type" not in facts:
        facts["type"] = TYPES.get(getattr(given.get("type"), "id", ""), "any" if "action" in given else "string")
        choices = source.value_of(listed := given.get("choices"))
        if isinstance(listed, ast.Call) and getattr(listed.func, "id", "") == "get_args":
            choices = source.registered(str(getattr(listed.args[0], "id", "")))
        facts |= {"choices": choices} if isinstance(choices, list) else {}
    message = source.aliases.get(getattr(given.get("help"), "id", ""))
    if message is not None and "deprecated" in str(text := source.value_of(message)):
        facts["deprecated"] = text
    return facts


def keywords(call: ast.Call) -> Iterator[tuple[str | None, ast.expr]]:
    """The keywords of a call and of a `**{**field, "default": None}` in it; None: a name that is unpacked."""
    for keyword in call.keywords:
        if keyword.arg is None and isinstance(keyword.value, ast.Dict):
            for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                yield (str(key.value) if isinstance(key, ast.Constant) else None), value
        else:
            yield keyword.arg, keyword.value


def field_of(source: Source, node: ast.expr, names: dict[str, ast.expr]) -> tuple[str, str, Field] | None:
    """The configuration's class and field behind `**variable["field"]`, followed through assignments."""
    found = named(node, names)
    owner = named(found.value, names) if isinstance(found, ast.Subscript) else None
    if isinstance(owner, ast.Call) and isinstance(owner.args[0], ast.Name) and isinstance(found, ast.Subscript):
        cls, name = owner.args[0].id, str(getattr(found.slice, "value", ""))
        field = source.field(cls, name)
        return (cls, name, field) if field else None
    return None


def describe(source: Source, cls: str, name: str, field: Field) -> Facts:
    """What it takes and, when it can be read, its default."""
    facts, value = source.on_command_line(cls, name, field), source.value_of(field[1])
    return facts | ({} if value is UNKNOWN else {"default": value})


def row(facts: object) -> str:
    """As JSON, in which 1.0 is 1: whole floats are checked against the catalogue's schema by a slow way."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return json.dumps(plain(facts), ensure_ascii=False)


def document(root: Path, version: str, minor: str) -> str:
    """The catalogue of one version."""
    source = Source(root)
    known = flags(source)
    objects = source.objects({str(each) for facts in known.values() for each in referred(facts)})
    name_registered(source, known, objects)
    lines = [
        f"# Written by tools/vllm_catalogue.py from vllm-{version}.tar.gz of PyPI. Do not edit.",
        f'version: "{minor}"',
        f'release: "{version}"',
        "flags:",
        *(f"  {name}: {row(facts)}" for name, facts in sorted(known.items())),
        "objects:" if objects else "objects: {}",
    ]
    for cls, keys in objects.items():
        lines += [f"  {cls}:", *(f"    {key}: {row(facts)}" for key, facts in keys.items())]
    lines += [
        "environment:",
        *(f"- {name}" for name in environment(root)),
        "metrics:",
        *(f"  {name}: {row(facts)}" for name, facts in sorted(metrics(root).items())),
    ]
    return "\n".join(lines) + "\n"


def main(root: Path) -> None:
    """Write the catalogue of an unpacked source."""
    match = re.search(r"^Version: ((\d+\.\d+)\.\d+)", (root / "PKG-INFO").read_text("utf-8"), re.MULTILINE)
    if match is None:
        raise SystemExit(f"{root / 'PKG-INFO'} states no version")
    target = TARGET / f"{match[2]}.yaml"
    target.write_text(document(root, match[1], match[2]), "utf-8")
    sys.stderr.write(f"wrote {target}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} vllm-<version>/")
    main(Path(sys.argv[1]))
