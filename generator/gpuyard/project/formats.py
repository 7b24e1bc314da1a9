"""The JSON Schemas of the files that users write; what may stand in a blueprint follows from its kind."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from gpuyard.doors.schema import read_schema
from gpuyard.project import ownmodels
from gpuyard.project.answered import answer
from gpuyard.project.blueprint import DEFAULT, KINDS
from gpuyard.project.stackschema import filled

__all__ = ["of_blueprint", "schema"]

Schema = Mapping[str, Any]
_FOLDER = resources.files("gpuyard") / "project" / "schemas"


@cache
def schema(file: str) -> Schema:
    """The JSON Schema of `blueprint` (of every kind), `stack`, `model` (of the user's own) or `images-lock`."""
    if file == "model":
        return ownmodels.schema()
    found = read_schema(_FOLDER / f"{file}.schema.json")
    if file == "stack":
        return filled(found)
    return _with_kinds(found, KINDS) if file == "blueprint" else found


def of_blueprint(value: object) -> Schema:
    """The schema of the blueprint in a file; where its kind isn't known, one that says which are."""
    spec = value.get("spec") if isinstance(value, Mapping) else None
    kind = spec.get("type", DEFAULT) if isinstance(spec, Mapping) else DEFAULT
    return _of_kind(kind if isinstance(kind, str) and kind in KINDS else None)


@cache
def _of_kind(kind: str | None) -> Schema:
    return _with_kinds(read_schema(_FOLDER / "blueprint.schema.json"), () if kind is None else (kind,))


def _with_kinds(whole: Schema, kinds: Iterable[str]) -> Schema:
    """The schema of all blueprints, and `spec` as these kinds have it; equal names in $defs mean the same."""
    found = [_answered(KINDS[kind].SCHEMA) for kind in kinds]
    specs = [each["spec"] for each in found] or [whole["properties"]["spec"]]
    specs = [_with_type(spec) for spec in specs]
    spec = specs[0] if len(specs) == 1 else {"description": "The workload.", "oneOf": specs}
    definitions = {name: part for each in found for name, part in each["$defs"].items()}
    definitions["architecture"] = ownmodels.architecture()
    return {**whole, "properties": {**whole["properties"], "spec": spec}, "$defs": definitions}


def _answered(file: Traversable) -> Schema:
    found = deepcopy(dict(read_schema(file)))
    answer({"properties": {"spec": found["spec"]}, "$defs": found["$defs"]}, "blueprint")
    return found


def _with_type(spec: Schema) -> Schema:
    """Every kind has `type`, and may be left out where it is the default."""
    kinds = {"enum": list(KINDS), "default": DEFAULT, "description": "Kind of workload."}
    return {**spec, "properties": {"type": kinds, **spec["properties"]}}
