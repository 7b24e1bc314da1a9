"""A stack and a blueprint with as many keys set as can stand together, and what is made of them."""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import yaml

from gpuyard import yamlio
from gpuyard.chart import shipped_chart
from gpuyard.errors import InputError
from gpuyard.helm import Embedded
from gpuyard.load import parse
from gpuyard.render import render
from gpuyard.resolve import Resolved, resolve
from gpuyard.tree import Tree
from tests.conftest import demo_sources
from tests.scan.leaves import Leaf, benign, fill, leaves

__all__ = ["FILES", "LEAVES", "Maximal", "base", "data", "made", "maximal", "readable", "replaced", "resolved_from"]

FILES = {"stack": "stack.yaml", "blueprint": "blueprints/chat.yaml"}
LEAVES = [leaf for kind in FILES for leaf in leaves(kind)]
Contents = Mapping[str, dict[str, Any]]
"""What stands in the stack and in the blueprint, by kind of file."""


@dataclass(frozen=True)
class Maximal:
    """The contents, the unique token that stands at a leaf, and the leaves that don't go with the others."""

    contents: Contents
    tokens: Mapping[Leaf, str]
    alone: tuple[Leaf, ...]
    impossible: tuple[Leaf, ...]
    """Not even by themselves: leaves.SEEDS must say what may stand there."""


def base() -> Contents:
    """The demo's stack with two shapes, and one blueprint on both."""
    sources = demo_sources()
    stack = yamlio.read(sources["stack.yaml"], "stack.yaml").value
    stack["spec"]["clusters"][0]["shapes"] = {"a10": ["VM.GPU.A10.2"], "h100": ["BM.GPU.H100.8"]}
    stack["spec"]["policy"] = {"registries": ["docker.io"]}
    stack["spec"]["gateway"] = {"name": "public", "namespace": "gateways"}
    blueprint = yamlio.read(sources["blueprints/chat.yaml"], "chat.yaml").value
    blueprint["spec"]["shapes"] = {"a10": {}, "h100": {}}
    blueprint["spec"]["serving"]["args"]["trust-remote-code"] = True
    blueprint["spec"]["serving"]["unsafe"] = ["trust-remote-code"]
    return {"stack": stack, "blueprint": blueprint}


def data(contents: Contents) -> dict[str, bytes]:
    """The two files."""
    return {FILES[kind]: yamlio.dump(content).encode("utf-8", "surrogatepass") for kind, content in contents.items()}


def resolved_from(contents: Contents) -> Resolved:
    """Load and resolve; InputError where the contents are refused."""
    return resolve(parse(data(contents)))


@cache
def _helm() -> Embedded:
    return Embedded(shipped_chart())


def made(resolved: Resolved) -> Tree:
    """Render, without the copy of our own chart, which is the same in every tree."""
    tree = render(resolved, shipped_chart(), _helm())
    return {path: text for path, text in tree.items() if path.parts[:3] != ("charts", "inference", "charts")}


@cache
def maximal() -> Maximal:
    """Leaf by leaf, names first: whatever is still accepted stays in."""
    contents = {kind: copy.deepcopy(content) for kind, content in base().items()}
    tokens: dict[Leaf, str] = {}
    alone, impossible = [], []
    for number, leaf in enumerate(sorted(LEAVES, key=lambda leaf: leaf.path != ("metadata", "name"))):
        if leaf.is_key:
            continue  # it stands there as soon as what is below it does
        value = benign(leaf.kind, leaf.path, leaf.node)
        for candidate in (f"zq{number}x", f"ZQ{number}X", f"zq{number}x.example.com", value):
            changed = {**contents, leaf.kind: fill(contents[leaf.kind], leaf, candidate)}
            if _accepted(changed):
                contents = changed
                if candidate != value:
                    tokens[leaf] = candidate
                break
        else:
            start = base()
            possible = _accepted({**start, leaf.kind: fill(start[leaf.kind], leaf, value)})
            (alone if possible else impossible).append(leaf)
    return Maximal(contents, tokens, tuple(alone), tuple(impossible))


def _accepted(contents: Contents) -> bool:
    try:
        resolved_from(contents)
    except InputError:
        return False
    return True


# --- what a tree says, free of how it is written ---------------------------------------------------------------

_HASH = re.compile(r"\b[0-9a-f]{8,64}\b")


def readable(tree: Tree) -> dict[str, Any]:
    """Every YAML and JSON file as data, also where one holds another; Markdown stays out."""
    found: dict[str, Any] = {}
    for path, text in tree.items():
        if path.suffix == ".json":
            found[str(path)] = json.loads(text)
        elif path.suffix == ".yaml":
            found[str(path)] = [_opened(obj) for obj in yamlio.parse_manifests(text)]
        elif path != PurePosixPath("README.md"):
            found[str(path)] = text
    return found


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _file(item) if str(key).endswith(".yaml") else _opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item) for item in value]
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _file(text: Any) -> Any:
    """A file inside an object, as the server reads it: with PyYAML."""
    return _opened(yaml.safe_load(text)) if isinstance(text, str) else _opened(text)


def replaced(value: Any, words: Mapping[str, str]) -> Any:
    """The same with every token replaced, and every checksum by the same word."""
    if isinstance(value, dict):
        return {replaced(key, words): replaced(item, words) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, words) for item in value]
    if isinstance(value, str):
        for old, new in words.items():
            value = value.replace(old, new)
        return _HASH.sub("<hash>", value)
    return value
