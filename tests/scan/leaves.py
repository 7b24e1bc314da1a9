"""Every place in stack.yaml and blueprints where a text may stand, from the JSON Schemas; and a value for each."""

import copy
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from itertools import pairwise
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from gpuyard.doors import yamlio
from gpuyard.project.formats import schema

__all__ = ["SEEDS", "Leaf", "Path", "architecture", "benign", "fill", "get", "leaves", "put"]

Path = tuple[str | int, ...]
Schema = Mapping[str, Any]

# What a pattern can't say: names that must exist elsewhere. Everything else follows from the schemas.
SEEDS: dict[str, Any] = {
    "stack.spec.clusters.0.shapes.*": "a10",
    "stack.spec.clusters.0.shapes.a10": "VM.GPU.A10.2",
    "stack.spec.clusters.0.shapes.a10.0": "VM.GPU.A10.2",
    "stack.spec.clusters.0.blueprints.*": "chat",
    "stack.spec.clusters.0.blueprints.chat": "a10",
    "stack.spec.policy.registries.0": "docker.io",
    "stack.spec.platform.keda.version": "2.20.2",
    "stack.spec.platform.prometheus.version": "88.5.3",
    "stack.spec.images.mirrors.*": "zqmirror:5000",
    "stack.spec.ingress.annotations.*": "zqnote",
    "stack.spec.platform.prometheus.labels.*": "zqlabel",
    "stack.spec.alerts.labels.*": "zqteam",
    "stack.spec.network.egress.0.cidr": "10.0.7.9/32",
    "stack.spec.network.proxy.https": "http://10.0.7.9:3128",
    "stack.spec.network.dns.0": "10.96.5.5/32",
    "stack.spec.network.clients.0": "10.0.20.0/24",
    "stack.spec.repository.url": "https://git.example.com/demo/gitops",
    "blueprint.spec.model.name": "llama-3.1-8b-instruct",
    "blueprint.spec.vllm.image": "docker.io/acme/vllm",
    "blueprint.spec.shapes.*": "h100",
    "blueprint.spec.shapes.h100.nodes.0": "BM.GPU.H100.8",
    "blueprint.spec.shapes.h100.model.name": "llama-3.1-8b-instruct-awq",
    "blueprint.spec.serving.args.*": "tool-call-parser",
    "blueprint.spec.serving.env.*": "GREETING",
    "blueprint.spec.shapes.h100.args.*": "reasoning-parser",
    "blueprint.spec.shapes.h100.env.*": "FAREWELL",
    "blueprint.spec.serving.files.*": "/etc/zq/file",
    "blueprint.spec.serving.draft.name": "llama-3.2-1b-instruct",
    "blueprint.spec.serving.unsafe.0": "trust-remote-code",
}


class Leaf(NamedTuple):
    """A text: in which kind of file, where, by which schema; `is_key`: it is a key of an open mapping."""

    kind: str
    path: Path
    node: Schema
    is_key: bool = False

    def __str__(self) -> str:
        return ".".join(map(str, (self.kind, *self.path))) + (" (key)" if self.is_key else "")


def leaves(kind: str) -> list[Leaf]:
    """Every text of a stack or a blueprint; a list stands for its first entry, an open mapping for one key."""
    root = schema(kind)
    return list(dict.fromkeys(Leaf(kind, *found) for found in _walk(kind, root, root, ())))


def _walk(kind: str, node: Schema, root: Schema, path: Path) -> Iterator[tuple[Path, Any, bool]]:
    if node.get("$ref", "").startswith("#/$defs/own-"):
        return  # the stack's own keys, in a cluster: tests/test_differing_files.py has texts there
    node = _resolved(node.get("else", node), root)  # the shorter of two forms: the longer has no other texts
    for part in [node, *node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]:
        part = _resolved(part, root)
        # Forms that a value of an open mapping may have stand under keys of their own, all at once.
        own = f"_{part['required'][0].upper()}" if "anyOf" in node and "properties" in part else ""
        above = (*path[:-1], f"{path[-1]}{own}") if own else path
        for key, child in part.get("properties", {}).items():
            yield from _walk(kind, child, root, (*above, key))
        if isinstance(part.get("items"), Mapping):
            yield from _walk(kind, part["items"], root, (*path, 0))
        if isinstance(part.get("additionalProperties"), Mapping):
            key = _map_key(kind, path, part)
            yield (*path, key), _Frozen(part.get("propertyNames", {})), True
            yield from _walk(kind, part["additionalProperties"], root, (*path, key))
        types = part.get("type", ())
        texts = isinstance(part.get("const", part.get("enum", [0])[0]), str)
        if "string" in ([types] if isinstance(types, str) else types) or texts:
            yield path, _Frozen(part), False


class _Frozen(dict[str, Any]):
    """A schema that can be compared and hashed by what it is."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(self))


def _map_key(kind: str, path: Path, part: Schema) -> str:
    seed = SEEDS.get(_dotted(kind, (*path, "*")))
    return seed if isinstance(seed, str) else text(part.get("propertyNames", {}).get("pattern", "x"))


def _dotted(kind: str, path: Path) -> str:
    return ".".join(map(str, (kind, *path)))


def _resolved(node: Schema, root: Schema) -> Schema:
    while "$ref" in node:
        found: Any = root
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = {**found, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def get(value: Any, path: Path) -> Any:
    """What stands there, or None."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def put(value: Any, path: Path, item: Any) -> None:
    """Write there, making mappings and lists on the way."""
    for step, following in pairwise(path):
        if get(value, (step,)) is None:
            _set(value, step, [] if isinstance(following, int) else {})
        elif isinstance(value[step], str):
            value[step] = [] if isinstance(following, int) else {}
        value = value[step]
    _set(value, path[-1], item)


def _set(value: Any, step: str | int, item: Any) -> None:
    if isinstance(value, list) and step == len(value):
        value.append(item)
    else:
        value[step] = item


def fill(base: Mapping[str, Any], leaf: Leaf, value: str) -> dict[str, Any]:
    """The base with a value at a leaf, and what that place's neighbours require."""
    result = copy.deepcopy(dict(base))
    if leaf.is_key:
        parent, old = leaf.path[:-1], leaf.path[-1]
        content = get(result, leaf.path)
        put(result, parent, {key: each for key, each in (get(result, parent) or {}).items() if key != old})
        put(result, (*parent, value), {} if content is None else content)
    else:
        if "architecture" in leaf.path:
            place = leaf.path[: leaf.path.index("architecture") + 1]
            put(result, place, get(result, place) or architecture())
        put(result, leaf.path, value)
    root = schema(leaf.kind)
    _require(leaf.kind, root, root, (), result)
    return result


def architecture() -> Any:
    """A catalogue entry: its keys depend on each other."""
    file = resources.files("gpuyard") / "catalogue" / "models" / "llama-3.1-8b-instruct.yaml"
    return yamlio.load_data(file.read_text(encoding="utf-8"))


def _require(kind: str, node: Schema, root: Schema, path: Path, value: Any) -> None:
    node = _resolved(node, root)
    if not isinstance(value, dict) or (path and path[-1] == "architecture"):
        return
    for form in (_resolved(each, root) for each in node.get("anyOf", ())):
        if value.keys() & set(form.get("required", ())[:1]):
            node = form
    for key in node.get("required", ()):
        if key not in value:
            value[key] = benign(kind, (*path, key), _resolved(node["properties"][key], root))
    for key, item in value.items():
        if child := node.get("properties", {}).get(key) or node.get("additionalProperties"):
            for number, each in enumerate(item) if isinstance(item, list) else ():
                _require(kind, _resolved(child, root).get("items", {}), root, (*path, key, number), each)
            _require(kind, child, root, (*path, key), item)


def benign(kind: str, path: Path, node: Schema) -> Any:
    """A value that the schema takes; for a text without a seed, one that its pattern describes."""
    if (name := _dotted(kind, path)) in SEEDS:
        return SEEDS[name]
    if "const" in node or "enum" in node or "default" in node:
        return node.get("default", node.get("const", node.get("enum", [None])[0]))
    match node.get("type"):
        case "integer" | "number":
            return node.get("minimum", 1)
        case "boolean":
            return False
        case "object":
            return {}
        case "array":
            return []
    return text(node["pattern"]) if "pattern" in node else "x" * max(1, node.get("minLength", 1))


def text(pattern: str) -> str:
    """A short text that a pattern matches; what it must not be isn't looked at."""
    found = _text(_parser.parse(pattern))
    if not re.search(pattern, found):
        raise ValueError(f"no text for {pattern}; give one in SEEDS")
    return found


def _text(tokens: Any) -> str:
    return "".join(_token(kind, value) for kind, value in tokens)


def _token(kind: Any, value: Any) -> str:
    if kind is sre.LITERAL:
        return chr(value)
    if kind is sre.IN:
        letters = [item for item in value if item[0] is sre.RANGE and item[1][0] > ord("9")]
        return _token(*(letters or value)[0])
    if kind is sre.RANGE:
        return chr(value[0])
    if kind in {sre.MAX_REPEAT, sre.MIN_REPEAT}:
        return _text(value[2]) * value[0]
    if kind is sre.SUBPATTERN:
        return _text(value[-1])
    if kind is sre.BRANCH:
        return _text(value[1][0])
    return ""  # the beginning, the end, what must not follow
