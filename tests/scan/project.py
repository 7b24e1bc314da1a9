"""A stack and a blueprint with as many keys set as can stand together, and what is made of them."""

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.errors import InputError
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import Resolved, resolve
from gpuyard.tree import Tree
from tests.conftest import demo_sources
from tests.projects import with_unsafe
from tests.scan.leaves import Leaf, Path, architecture, benign, fill, get, leaves, put

__all__ = [
    "FILES",
    "LEAVES",
    "VARIANTS",
    "Maximal",
    "alone",
    "base",
    "data",
    "holder",
    "made",
    "maximal",
    "opened",
    "readable",
    "replaced",
    "resolved_from",
]

FILES = {"stack": "stack.yaml", "blueprint": "blueprints/chat.yaml"}
LEAVES = [leaf for kind in FILES for leaf in leaves(kind)]
Contents = Mapping[str, dict[str, Any]]
"""What stands in the stack and in the blueprint, by kind of file."""


_DRAFTING: Mapping[Path, Any] = {
    ("spec", "shapes", "a10"): None,
    ("spec", "serving", "args", "spec-method"): "draft_model",
    ("spec", "serving", "args", "spec-model"): "/cache/draft",
    ("spec", "serving", "args", "spec-tokens"): 2,
}

# What excludes each other, so that one example can't hold all of it; None takes something out of the base.
VARIANTS: Mapping[str, Mapping[Path, Any]] = {
    "catalogue": {},
    "facts": {
        ("spec", "model", "name"): None,
        ("spec", "model", "architecture"): architecture(),
        ("spec", "scaling", "signal"): "upstream",
        ("spec", "scaling", "upstream"): {"query": "sum(gateway_requests)", "target": 8},
        ("spec", "storage", "cache", "kind"): None,
        ("spec", "storage", "cache", "size"): None,
        ("spec", "storage", "download"): False,
        ("spec", "expose"): {"host": "chat.example.com"},
        ("spec", "shapes", "h100", "model", "architecture"): architecture(),
    },
    "bucket": {
        ("spec", "model", "source"): "oci://bucket@tenancy/folder",
        ("spec", "model", "region"): "us-phoenix-1",
        ("spec", "shapes", "h100", "model"): {
            "name": "llama-3.1-8b-instruct-awq",
            "source": "oci://bucket@tenancy/other",
            "region": "us-phoenix-1",
        },
    },
    "draft": {
        **_DRAFTING,
        ("spec", "serving", "draft"): {"name": "llama-3.2-1b-instruct"},
        ("spec", "serving", "files"): {"/etc/zq/file": {"configMap": "site", "key": "text"}},
    },
    "facts of a draft": {**_DRAFTING, ("spec", "serving", "draft"): {"architecture": architecture()}},
    "password": {},
    "certificate": {},
}


@dataclass(frozen=True)
class Maximal:
    """The contents, the leaves that only this variant holds, and the unique tokens that stand at some of them."""

    contents: Contents
    leaves: tuple[Leaf, ...]
    tokens: Mapping[Leaf, str]


def base(variant: str = "catalogue") -> Contents:
    """The demo's stack with two shapes, and one blueprint on both."""
    sources = demo_sources()
    stack = yamlio.read(sources["stack.yaml"], "stack.yaml").value
    stack["spec"]["clusters"][0]["shapes"] = {"a10": ["VM.GPU.A10.2"], "h100": ["BM.GPU.H100.8"]}
    stack["spec"]["policy"] = {"registries": ["docker.io"]}
    if variant == "facts":
        stack["spec"]["ingress"] = {"className": "nginx", "namespace": "ingress", "tlsSecret": "wildcard"}
    else:
        stack["spec"]["gateway"] = {"name": "public", "namespace": "gateways"}
    if variant in ("bucket", "password", "certificate"):  # one way each to show it who asks
        own = {"enabled": False, "address": "https://prometheus.example.com:9090", "namespace": "observability"}
        stack["spec"]["platform"] = {"prometheus": own}
    blueprint = yamlio.read(sources["blueprints/chat.yaml"], "chat.yaml").value
    blueprint["spec"]["shapes"] = {"a10": {}, "h100": {}}
    blueprint["spec"]["serving"]["args"]["trust-remote-code"] = True
    blueprint["spec"]["serving"]["unsafe"] = ["trust-remote-code"]
    for path, value in VARIANTS[variant].items():
        if value is not None:
            put(blueprint, path, copy.deepcopy(value))
        elif (parent := get(blueprint, path[:-1])) is not None:
            parent.pop(path[-1], None)
    return {"stack": stack, "blueprint": blueprint}


def data(contents: Contents) -> dict[str, bytes]:
    """The two files; variables and values of the chart have their entries in unsafe."""
    contents = {kind: _opened(content) if kind == "blueprint" else content for kind, content in contents.items()}
    return {FILES[kind]: yamlio.dump(content).encode("utf-8", "surrogatepass") for kind, content in contents.items()}


def _opened(content: dict[str, Any]) -> dict[str, Any]:
    """As it is where it is too odd to be read."""
    try:
        return with_unsafe(content)
    except (AttributeError, KeyError, TypeError, ValueError):
        return content


def resolved_from(contents: Contents) -> Resolved:
    """Load and resolve; InputError where the contents are refused."""
    return resolve(parse(data(contents)))


@cache
def _helm() -> Embedded:
    return Embedded(shipped_charts())


def made(resolved: Resolved) -> Tree:
    """Render, without our own templates, which are the same in every tree."""
    tree = render(resolved, shipped_charts(), _helm())
    ours = {("charts", "inference", folder) for folder in ("charts", "templates")}
    return {path: text for path, text in tree.items() if path.parts[:3] not in ours}


@cache
def maximal(variant: str = "catalogue") -> Maximal:
    """Leaf by leaf, names first: whatever is still accepted stays in."""
    earlier = list(VARIANTS)[: list(VARIANTS).index(variant)]
    placed = {leaf for each in earlier for leaf in maximal(each).leaves}
    contents = base(variant)
    tokens: dict[Leaf, str] = {}
    found = []
    for number, leaf in enumerate(sorted(LEAVES, key=lambda leaf: leaf.path != ("metadata", "name"))):
        if leaf.is_key or leaf in placed:
            continue  # a key stands there as soon as what is below it does
        for token in (f"zq{number}x", f"ZQ{number}X", f"zq{number}x.example.com", None):
            value = token or get(contents[leaf.kind], leaf.path) or benign(leaf.kind, leaf.path, leaf.node)
            changed = {**contents, leaf.kind: fill(contents[leaf.kind], leaf, value)}
            if _accepted(changed):
                contents = changed
                found.append(leaf)
                if token:
                    tokens[leaf] = token
                break
    return Maximal(contents, tuple(found), tokens)


def alone() -> list[Leaf]:
    """The leaves that go with none of the variants' others."""
    placed = {leaf for variant in VARIANTS for leaf in maximal(variant).leaves}
    return [leaf for leaf in LEAVES if leaf not in placed and not leaf.is_key]


def holder(leaf: Leaf) -> str:
    """The first variant that has something at a leaf."""
    return next(each for each in VARIANTS if get(maximal(each).contents[leaf.kind], leaf.path) is not None)


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
        elif path.suffix == ".yaml" and "templates" not in path.parts:  # of Helm, which are no YAML yet
            found[str(path)] = [opened(obj) for obj in yamlio.parse_manifests(text)]
        elif path.suffix != ".md":
            found[str(path)] = text
    return found


def opened(value: Any) -> Any:
    """The same with the JSON that its texts hold as data, and arguments as the server gets them."""
    if isinstance(value, dict):
        return {key: _arguments(item) if key == "args" else opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [opened(item) for item in value]
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _arguments(texts: list[str]) -> list[Any]:
    """Those of a container, where Kubernetes makes one of two dollars."""
    found = []
    for text in (each.replace("$$", "$") for each in texts):
        name, _, rest = text.partition("=")
        inside = opened(rest)
        found.append(opened(text) if isinstance(inside, str) else {name: inside})
    return found


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
