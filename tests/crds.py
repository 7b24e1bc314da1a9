"""Whether an object is what its CustomResourceDefinition wants, without fields that it doesn't know.

The definitions come out of the Go module of the program that they belong to, pinned by its checksum.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.cluster.errors import SetupError
from tests.cluster.modules import Module, files

__all__ = ["ARGOCD", "definitions", "wrong"]

ARGOCD = Module("github.com/argoproj/argo-cd/v3", "v3.6.1", "h1:OmhqeKiR3C//awbFrhQqFdtRI+Qiv17j8vqm3UkMj/g=")
Schemas = Mapping[tuple[str, str], Mapping[str, Any]]


@cache
def definitions(module: Module, folder: str) -> Schemas:
    """The schemas of a folder, by apiVersion and kind; the test is skipped where the module can't be had."""
    try:
        where = files(module, (folder,)) / folder
    except SetupError as error:
        pytest.skip(str(error))
    found = {}
    for file in sorted(Path(where).glob("*.yaml")):
        for each in yaml.load_all(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            if each and each["kind"] == "CustomResourceDefinition":
                spec = each["spec"]
                for version in spec["versions"]:
                    schema = _closed(version["schema"]["openAPIV3Schema"])
                    found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def wrong(objects: Iterable[Mapping[str, Any]], schemas: Schemas) -> list[str]:
    """What is wrong with each; a kind that has no definition is."""
    said = []
    for obj in objects:
        name = f"{obj['kind']}/{obj['metadata']['name']}"
        schema = schemas.get((obj["apiVersion"], obj["kind"]))
        if schema is None:
            said.append(f"{name}: no definition")
            continue
        errors = Draft202012Validator(schema).iter_errors(obj)
        said += [f"{name}: {error.json_path}: {error.message[:200]}" for error in errors]
    return said


def _closed(schema: Any) -> Any:
    """With only the fields that it names, for an API server drops all others; metadata is its own, and open."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) if key != "required" else value for key, value in schema.items()}
    if closed.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    if "properties" in closed and isinstance(schema["properties"], dict):
        closed["properties"] = {name: _closed(each) for name, each in schema["properties"].items()}
        if not closed.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in closed:
            closed["additionalProperties"] = False
    return closed
