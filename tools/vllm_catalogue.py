"""Write generator/gpuyard/catalogue/vllm/<minor>.yaml from an unpacked source distribution of vLLM.

    pip download vllm==0.33.0 --no-binary :all: --no-deps && tar xf vllm-0.33.0.tar.gz
    python tools/vllm_catalogue.py vllm-0.33.0

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

TARGET = Path(__file__).parents[1] / "generator" / "gpuyard" / "catalogue" / "vllm"
Facts = dict[str, object]
Table = dict[str, Facts]
Field = tuple[ast.expr, ast.expr | None]
UNKNOWN = object()
TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}
TYPES |= dict.fromkeys(("list", "tuple", "set"), "array") | {
    "dict": "object",
    "Any": "any",
    "NoneType": "null",
}
QUANTIZATION = "model_executor/layers/quantization/__init__.py"
LOADERS = "model_executor/model_loader/__init__.py"
METRICS = {"gauge", "counter", "histogram"}


class Source:
    """The classes, aliases and constants of vLLM's configuration."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fields: dict[str, dict[str, Field]] = {}
        self.bases: dict[str, list[str]] = {}
        self.aliases: dict[str, ast.expr] = {}
        files = [*(root / "vllm" / "config").glob("*.py"), root / "vllm/engine/arg_utils.py", self.frontend]
        for file in files:
            self._read(ast.parse(file.read_text("utf-8")))

    @property
    def frontend(self) -> Path:
        """Where the server's own flags are declared."""
        places = [self.root / "vllm/entrypoints" / part / "cli_args.py" for part in ("common", "launchers")]
        return next(place for place in places if place.exists())

    def _read(self, tree: ast.Module) -> None:
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                self.bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
                self.fields[node.name] = {
                    item.target.id: (item.annotation, item.value)
                    for item in node.body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                }
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.aliases[node.targets[0].id] = node.value

    def field(self, cls: str, name: str) -> Field | None:
        """Annotation and default of a field, looked up in the bases too."""
        if name in self.fields.get(cls, {}):
            return self.fields[cls][name]
        return next((found for base in self.bases.get(cls, []) if (found := self.field(base, name))), None)

    def type_of(self, annotation: ast.expr | None) -> str:
        """One of JSON's types; any where there are several."""
        kinds = {kind for kind in self._kinds(annotation) if kind != "null"}
        return kinds.pop() if len(kinds) == 1 else "any"

    def _kinds(self, node: ast.expr | None) -> Iterator[str]:
        if isinstance(node, ast.BinOp):
            yield from self._kinds(node.left)
            yield from self._kinds(node.right)
        elif isinstance(node, ast.Constant):
            yield "null" if node.value is None else "any"
        elif isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "Literal":
            constants = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
            yield from (TYPES[type(value).__name__] for value in constants)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            inner = node.slice if node.value.id in {"Optional", "SkipValidation"} else None
            yield from self._kinds(inner or node.value)
        elif isinstance(node, ast.Name) and (node.id in TYPES or node.id.endswith("Config")):
            yield TYPES.get(node.id, "object")
        elif isinstance(node, ast.Name) and node.id in self.aliases:
            yield from self._kinds(self.aliases[node.id])
        else:
            yield "any"

    def value_of(self, node: ast.expr | None) -> object:
        """A default, or UNKNOWN."""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return self.value_of((self.field(node.value.id, node.attr) or (node, None))[1])
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"field", "Field"}:
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            factory = given.get("default_factory")
            if isinstance(factory, ast.Name) and factory.id in {"list", "dict"}:
                return [] if factory.id == "list" else {}
            return self.value_of(given.get("default", node.args[0] if node.args else None))
        try:
            value = ast.literal_eval(node) if node is not None else UNKNOWN
            json.dumps(value)
        except (ValueError, TypeError):
            return UNKNOWN
        return value


def flags(source: Source) -> Table:
    """Every long flag of `vllm serve`, its type and default."""
    found: Table = {}
    for cls in ("BaseFrontendArgs", "FrontendArgs"):
        for name, (annotation, default) in source.fields[cls].items():
            found[name.replace("_", "-")] = describe(source, annotation, default)
    for file in (source.frontend, source.root / "vllm/engine/arg_utils.py"):
        tree = ast.parse(file.read_text("utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name in {"add_cli_args", "make_arg_parser"}:
                found |= declared(source, function)
    for name, form in list_forms(ast.parse(source.frontend.read_text("utf-8"))):
        if found.get(name, {}).get("type") == "array":
            found[name]["list"] = form
    return found


def list_forms(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Flags whose list isn't given as `--flag one two`, by what vLLM changes in their add_argument keywords.

    json: the list as one JSON text (`kwargs["flag"]["type"] = json.loads`); repeat: the flag once for each entry
    (`kwargs["flag"]["action"] = "append"`).
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Subscript):
            owner, change = target.value, (getattr(target.slice, "value", None), ast.unparse(node.value))
            form = {("type", "json.loads"): "json", ("action", "'append'"): "repeat"}.get(change)
            if form and isinstance(owner, ast.Subscript) and isinstance(owner.slice, ast.Constant):
                yield str(owner.slice.value).replace("_", "-"), form


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


def assigned(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """What the function's local names stand for."""
    nodes = (node for node in ast.walk(function) if isinstance(node, ast.Assign))
    return {node.targets[0].id: node.value for node in nodes if isinstance(node.targets[0], ast.Name)}


def argument(source: Source, call: ast.Call, names: dict[str, ast.expr]) -> Facts:
    """Type and default of one add_argument call; its own keywords, else the field it unpacks."""
    given: dict[str, ast.expr] = {}
    annotation = default = None
    for name, node in keywords(call):
        if name is not None:
            given[name] = node
        elif found := field_of(source, node, names):
            annotation, default = found
    facts = describe(source, annotation, given.get("default", default))
    action = ast.dump(given.get("action", ast.Constant("")))
    if "store_true" in action or "BooleanOptionalAction" in action:
        facts |= {"type": "boolean"} | ({"switch": True} if "store_true" in action else {})
    elif annotation is None:
        facts["type"] = TYPES.get(getattr(given.get("type"), "id", ""), "any" if "action" in given else "string")
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


def field_of(source: Source, node: ast.expr, names: dict[str, ast.expr]) -> Field | None:
    """The configuration field behind `**variable["field"]`, followed through assignments."""
    found = named(node, names)
    owner = named(found.value, names) if isinstance(found, ast.Subscript) else None
    if isinstance(owner, ast.Call) and isinstance(owner.args[0], ast.Name) and isinstance(found, ast.Subscript):
        return source.field(owner.args[0].id, str(getattr(found.slice, "value", "")))
    return None


def named(node: ast.expr, names: dict[str, ast.expr]) -> ast.expr:
    """What a local name stands for."""
    while isinstance(node, ast.Name) and node.id in names:
        node = names[node.id]
    return node


def describe(source: Source, annotation: ast.expr | None, default: ast.expr | None) -> Facts:
    """Type and, when it can be read, default."""
    value = source.value_of(default)
    return {"type": source.type_of(annotation)} | ({} if value is UNKNOWN else {"default": value})


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


def literals(root: Path, file: str, name: str) -> list[object]:
    """The values of a Literal that has a name."""
    tree = ast.parse((root / "vllm" / file).read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == name for target in node.targets):
            items = node.value.slice if isinstance(node.value, ast.Subscript) else None
            if isinstance(items, ast.Tuple):
                return [item.value for item in items.elts if isinstance(item, ast.Constant)]
    raise SystemExit(f"{file} has no Literal {name}")


def document(root: Path, version: str, minor: str) -> str:
    """The catalogue of one version."""
    source = Source(root)
    lines = [
        f"# Written by tools/vllm_catalogue.py from vllm-{version}.tar.gz of PyPI. Do not edit.",
        f'version: "{minor}"',
        f'release: "{version}"',
        "flags:",
        *(f"  {name}: {json.dumps(facts, ensure_ascii=False)}" for name, facts in sorted(flags(source).items())),
        f"quantizations: {json.dumps(literals(root, QUANTIZATION, 'QuantizationMethods'))}",
        f"loadFormats: {json.dumps(literals(root, LOADERS, 'LoadFormats'))}",
        f"loraRanks: {json.dumps(literals(root, 'config/lora.py', 'MaxLoRARanks'))}",
        "environment:",
        *(f"- {name}" for name in environment(root)),
        "metrics:",
        *(f"  {name}: {json.dumps(facts, ensure_ascii=False)}" for name, facts in sorted(metrics(root).items())),
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
