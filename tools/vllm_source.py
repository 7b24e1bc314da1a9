"""What the configuration classes of an unpacked vLLM say of values: types, closed sets, ranges, and keys of objects.

Read from the syntax tree, in two ways, because vLLM reads in two: what stands on the command line as `get_kwargs` of
its arg_utils.py does, which takes the first of several types that it knows, and what is in JSON as pydantic does.
"""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

__all__ = ["UNKNOWN", "Facts", "Field", "Source", "referred"]

Facts = dict[str, object]
Field = tuple[ast.expr, ast.expr | None]
UNKNOWN = object()
TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}
TYPES |= dict.fromkeys(("list", "tuple", "set", "frozenset", "Sequence"), "array")
TYPES |= dict.fromkeys(("dict", "Mapping"), "object") | {"Any": "any", "NoneType": "null"}
RANGES = {"ge": "minimum", "gt": "above", "le": "maximum", "lt": "below"}
REGISTRIES = (
    "model_executor/layers/quantization/__init__.py",
    "model_executor/model_loader/__init__.py",
    "reasoning/__init__.py",
    "renderers/chat_utils.py",
    "tasks.py",
    "tokenizers/registry.py",
    "tool_parsers/__init__.py",
    "transformers_utils/config.py",
    "v1/attention/backends/mla/prefill/registry.py",
    "v1/attention/backends/registry.py",
)
"""Files besides the configuration where names are registered."""


class Source:
    """The classes, aliases and constants of vLLM's configuration."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fields: dict[str, dict[str, Field]] = {}
        self.bases: dict[str, list[str]] = {}
        self.aliases: dict[str, ast.expr] = {}
        self.enums: dict[str, dict[str, object]] = {}
        self.closed: set[str] = set()
        """Classes that forbid other keys."""
        self.validators: dict[tuple[str, str], list[tuple[str, ast.FunctionDef]]] = {}
        files = [*(root / "vllm" / "config").glob("*.py"), root / "vllm/engine/arg_utils.py", *self._frontends()]
        registries = [root / "vllm" / name for name in REGISTRIES]
        for file in (*(each for each in registries if each.exists()), *files):
            self._read(ast.parse(file.read_text("utf-8")).body)

    @property
    def frontend(self) -> Path:
        """Where the server's own flags are declared."""
        places = [self.root / "vllm/entrypoints" / part for part in ("common/cli_args.py", "launchers/cli_args.py")]
        places.append(self.root / "vllm/entrypoints/openai/cli_args.py")
        return next(place for place in places if place.exists())

    def _frontends(self) -> list[Path]:
        """Where types of the server's own flags are."""
        folder = self.root / "vllm/entrypoints"
        names = (
            "anthropic/protocol.py",
            "openai/models/protocol.py",
            "serve/utils/fingerprint.py",
            "../tool_parsers/tool_strict_level.py",
        )
        return [*(folder / name for name in names if (folder / name).exists()), self.frontend]

    def _read(self, body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                self._read_class(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if isinstance(target, ast.Name) and node.value is not None:
                    self.aliases[target.id] = node.value

    def _read_class(self, node: ast.ClassDef) -> None:
        plain = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
        names = [str(getattr(base, "id", getattr(base, "attr", ""))) for base in plain]
        self.bases[node.name] = names
        if any("Enum" in name for name in names):
            values = [item for item in node.body if isinstance(item, ast.Assign)]
            self.enums[node.name] = {getattr(item.targets[0], "id", ""): self.value_of(item.value) for item in values}
        if any(_forbids(decorator) for decorator in node.decorator_list):
            self.closed.add(node.name)
        self.fields[node.name] = {
            item.target.id: (item.annotation, item.value)
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        }
        for function in (item for item in node.body if isinstance(item, ast.FunctionDef)):
            for call in (each for each in function.decorator_list if isinstance(each, ast.Call)):
                if getattr(call.func, "id", "") == "field_validator":
                    given = {keyword.arg: getattr(keyword.value, "value", "") for keyword in call.keywords}
                    for name in (arg.value for arg in call.args if isinstance(arg, ast.Constant)):
                        found = self.validators.setdefault((node.name, str(name)), [])
                        found.append((str(given.get("mode", "after")), function))

    def field(self, cls: str, name: str) -> Field | None:
        """Annotation and default of a field, looked up in the bases too."""
        if name in self.fields.get(cls, {}):
            return self.fields[cls][name]
        return next((found for base in self.bases.get(cls, []) if (found := self.field(base, name))), None)

    # --- what a field takes --------------------------------------------------------------------------------------

    def on_command_line(self, cls: str, name: str, field: Field) -> Facts:
        """As get_kwargs: the first of the kinds that it looks for."""
        leaves = list(self.leaves(field[0]))
        kinds = [self.leaf(leaf) for leaf in leaves]
        null = any(kind["type"] == "null" for kind in kinds)
        kinds = [kind for kind in kinds if kind["type"] != "null"]
        whole = next((kind for kind in kinds if "object" in kind), None)
        words = any(kind == {"type": "string"} for kind in kinds)
        order = ("boolean", "choices", "array", "integer", "number", "object", "string")
        found = whole
        for want in order if found is None else ():
            found = next((kind for kind in kinds if want in (kind["type"], *kind)), None)
            if found is not None:
                break
        facts = dict(found or {"type": "string"})
        if words and facts["type"] in ("boolean", "object") and whole is None:
            facts = {"type": sorted(["string", str(facts["type"])])}
        if words:
            facts.pop("choices", None)
        if "choices" in facts and "enum" not in facts:  # argparse has looked at it before any validator
            return facts | ({"null": True} if null else {})
        kind = facts["type"]
        facts = self._narrowed(cls, name, facts, field) | ({"null": True} if null else {})
        facts.pop("enum", None)
        return facts | ({"type": kind} if facts["type"] == "any" else {})

    def in_json(self, cls: str, name: str, field: Field) -> Facts:
        """As pydantic: any of them."""
        kinds = [self.leaf(leaf) for leaf in self.leaves(field[0])]
        null = any(kind["type"] == "null" for kind in kinds) or any(
            mode == "wrap" for mode, _ in self._validators(cls, name)
        )
        kinds = [kind for kind in kinds if kind["type"] != "null"]
        types = sorted({str(each) for kind in kinds for each in _listed(kind["type"])})
        facts: Facts = {"type": types[0] if len(types) == 1 else types}
        if not types or "any" in types:
            facts = {"type": "any"}
        elif len(kinds) == 1:
            facts = dict(kinds[0])
        elif choices := [each for kind in kinds for each in _listed(kind.get("choices", []))]:
            free = {each for kind in kinds if "choices" not in kind for each in _listed(kind["type"])}
            facts |= {"choices": choices} if not free & {_type_of(each) for each in choices} else {}
        facts = self._narrowed(cls, name, facts, field) | ({"null": True} if null else {})
        facts.pop("enum", None)
        return facts

    def objects(self, wanted: set[str]) -> dict[str, dict[str, Facts]]:
        """Keys of the classes that forbid others, and of those that these hold."""
        found: dict[str, dict[str, Facts]] = {}
        while missing := sorted(wanted - found.keys()):
            for cls in missing:
                keys = {key: self.in_json(cls, key, field) for key, field in self._keys(cls).items()}
                for key, field in self._keys(cls).items():
                    keys[key] |= {"required": True} if _required(field[1]) else {}
                found[cls] = dict(sorted(keys.items()))
                wanted = wanted | {str(each) for facts in keys.values() for each in referred(facts)}
        return dict(sorted(found.items()))

    def _keys(self, cls: str) -> dict[str, Field]:
        found = {key: value for base in self.bases.get(cls, []) for key, value in self._keys(base).items()}
        for key, (annotation, default) in self.fields.get(cls, {}).items():
            kept = ast.unparse(annotation)
            if not kept.startswith(("ClassVar", "SkipValidation")) and _constant(default, "init") is not False:
                found[key] = (annotation, default)
        return {key: value for key, value in found.items() if not key.startswith("_")}

    def _narrowed(self, cls: str, name: str, facts: Facts, field: Field) -> Facts:
        """Ranges, and what validators change before the type is looked at."""
        if isinstance(field[1], ast.Call):
            for keyword in field[1].keywords:
                value = self.value_of(keyword.value)
                if keyword.arg in RANGES and isinstance(value, int | float):
                    facts[RANGES[keyword.arg]] = value
        for mode, function in self._validators(cls, name):
            if mode in ("before", "plain"):
                facts = self._before(facts, function, [self.leaf(leaf) for leaf in self.leaves(field[0])])
        return facts

    def _validators(self, cls: str, name: str) -> list[tuple[str, ast.FunctionDef]]:
        own = [*self.validators.get((cls, name), []), *self.validators.get((cls, "*"), [])]
        return own + [each for base in self.bases.get(cls, []) for each in self._validators(base, name)]

    def _before(self, facts: Facts, function: ast.FunctionDef, kinds: list[Facts]) -> Facts:
        """A name of an enum or a text in another case; after anything else, nothing is known."""
        body = ast.unparse(function)
        enum = next((str(kind["enum"]) for kind in kinds if "enum" in kind), None)
        if enum and f"{enum}[" in body:
            numbers = [each for each in self.enums[enum].values() if type(each) is int]
            extra = ["auto"] if "== 'auto'" in body else []
            types = ["integer", "string"] if numbers else "string"
            return {"type": types, "choices": sorted([*self.enums[enum], *extra]) + numbers, "case": True}
        if ".lower()" in body:
            return facts | {"case": True}
        if ".upper()" in body:  # a class of names that isn't known here
            return {"type": "any"}
        harmless = "isinstance(value, dict)" in body and "object" in facts
        return facts if harmless else {"type": "any"}

    # --- types ---------------------------------------------------------------------------------------------------

    def leaves(self, node: ast.expr | None) -> Iterator[ast.expr]:
        """The parts of a union, aliases followed."""
        if isinstance(node, ast.BinOp):
            yield from self.leaves(node.left)
            yield from self.leaves(node.right)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from self.leaves(ast.parse(node.value, mode="eval").body)
        elif isinstance(node, ast.Subscript) and getattr(node.value, "id", "") in {"Optional", "Union", "Annotated"}:
            inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            for each in inner[:1] if getattr(node.value, "id", "") == "Annotated" else inner:
                yield from self.leaves(each)
            if getattr(node.value, "id", "") == "Optional":
                yield ast.Constant(None)
        elif isinstance(node, ast.Attribute) and node.attr in self.aliases:
            yield from self.leaves(self.aliases[node.attr])
        elif isinstance(node, ast.Name) and node.id in self.aliases and node.id not in TYPES:
            yield from self.leaves(self.aliases[node.id])
        elif node is not None:
            yield node

    def leaf(self, node: ast.expr) -> Facts:
        """The kind of one part."""
        if isinstance(node, ast.Constant):
            return {"type": "null" if node.value is None else "any"}
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "Literal":
            choices = list(dict.fromkeys(self.constants(node.slice)))
            types = sorted({_type_of(each) for each in choices})
            return {"type": types[0] if len(types) == 1 else types, "choices": choices}
        if isinstance(node, ast.Subscript):
            return self._generic(node)
        name = str(getattr(node, "id", ""))
        if name in self.closed:
            return {"type": "object", "object": name}
        if name in self.enums:
            values = list(self.enums[name].values())
            plain = all(type(each) in (str, int) for each in values)
            facts: Facts = {"type": _type_of(values[0]), "choices": values} if plain and values else {"type": "any"}
            return facts | {"enum": name}
        if "dict" in self.bases.get(name, []):
            return {"type": "object"}
        return {"type": TYPES.get(name, "any")}

    def _generic(self, node: ast.Subscript) -> Facts:
        kind = TYPES.get(str(getattr(node.value, "id", "")), "any")
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        inner = parts[-1] if kind == "object" else parts[0]
        if kind not in ("array", "object"):
            return {"type": kind}
        kinds = [self.leaf(leaf) for leaf in self.leaves(inner)]
        types = sorted({str(each) for each_kind in kinds for each in _listed(each_kind["type"])})
        if "any" in types or "null" in types or not types:
            return {"type": kind}
        items = kinds[0] if len(kinds) == 1 else {"type": types}
        return {"type": kind, "items": {key: value for key, value in items.items() if key != "enum"}}

    def constants(self, node: ast.expr) -> Iterator[object]:
        """What a Literal lists; a Literal in it counts as its own."""
        if isinstance(node, ast.Tuple):
            for each in node.elts:
                yield from self.constants(each)
        elif isinstance(node, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Name) and node.id in self.aliases:
            yield from self.constants(self.aliases[node.id])
        elif isinstance(node, ast.Subscript):
            yield from self.constants(node.slice)

    def registered(self, name: str) -> list[str]:
        """Names in a Literal or, as keys, in a dictionary."""
        node = self.aliases.get(name)
        if isinstance(node, ast.Dict):
            return [str(key.value) for key in node.keys if isinstance(key, ast.Constant)]
        return [str(each) for each in self.constants(node)] if node is not None else []

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


def _forbids(decorator: ast.expr) -> bool:
    """Whether a class with this decorator refuses keys that it doesn't know."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    text = ast.unparse(decorator)
    if getattr(called, "id", "") == "config":
        return "extra=" not in text or "extra='forbid'" in text
    return "extra='forbid'" in text


def _constant(node: ast.expr | None, keyword: str) -> object:
    """A constant that a field's default or its call gives; UNKNOWN: none."""
    if isinstance(node, ast.Call):
        node = next((each.value for each in node.keywords if each.arg == keyword), None)
    elif keyword != "default":
        return UNKNOWN
    return node.value if isinstance(node, ast.Constant) else UNKNOWN


def _required(default: ast.expr | None) -> bool:
    """Whether a field has no default."""
    if not isinstance(default, ast.Call):
        return default is None
    given = {keyword.arg for keyword in default.keywords}
    return (
        not default.args and not given & {"default", "default_factory"} and getattr(default.func, "id", "") == "Field"
    )


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _type_of(value: object) -> str:
    return TYPES[type(value).__name__]


def referred(facts: Facts) -> Iterator[object]:
    """Classes that a kind names."""
    items = facts.get("items")
    yield from (each["object"] for each in (facts, items) if isinstance(each, dict) and "object" in each)
