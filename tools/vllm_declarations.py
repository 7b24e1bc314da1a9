"""Classes, aliases and constants of an unpacked vLLM, read from the syntax tree."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

__all__ = ["UNKNOWN", "Declarations", "Field"]

Field = tuple[ast.expr, ast.expr | None]
UNKNOWN = object()
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


class Declarations:
    """What the configuration of vLLM declares."""

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
