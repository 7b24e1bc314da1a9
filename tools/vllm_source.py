"""What the configuration classes of an unpacked vLLM say of values: types, closed sets, ranges, and keys of objects.

Read from the syntax tree, in two ways, because vLLM reads in two: what stands on the command line as `get_kwargs` of
its arg_utils.py does, which takes the first of several types that it knows, and what is in JSON as pydantic does.
"""

import ast
from collections.abc import Iterator

from tools.vllm_declarations import UNKNOWN, Declarations, Field

__all__ = ["UNKNOWN", "Facts", "Field", "Source", "referred"]

Facts = dict[str, object]
TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}
TYPES |= dict.fromkeys(("list", "tuple", "set", "frozenset", "Sequence"), "array")
TYPES |= dict.fromkeys(("dict", "Mapping"), "object") | {"Any": "any", "NoneType": "null"}
RANGES = {"ge": "minimum", "gt": "above", "le": "maximum", "lt": "below"}


class Source(Declarations):
    """What the fields of its classes take."""

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
