"""Defaults from a JSON Schema: each is written once, beside the key's description."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from gpuyard.doors.schema.acceptance import fits

__all__ = ["with_defaults"]

Schema = Mapping[str, Any]


def with_defaults(value: Any, schema: Schema) -> Any:
    """A copy of a valid value with every default of its schema filled in, the user's keys first.

    An optional mapping that is left out stays out, unless its schema says `default: {}`.
    """
    return _filled(deepcopy(value), schema, schema)


def _filled(value: Any, schema: Schema, root: Schema) -> Any:
    for part in _parts(value, schema, root):
        if isinstance(value, dict):
            _fill_mapping(value, part, root)
        elif isinstance(value, list) and isinstance(part.get("items"), Mapping):
            value[:] = [_filled(item, part["items"], root) for item in value]
    return value


def _parts(value: Any, schema: Schema, root: Schema) -> list[Schema]:
    """The schemas that apply to a value: this one, its reference, all of allOf, the branches that fit."""
    parts = [schema]
    for part in parts:  # grows while it is walked
        if "$ref" in part:
            parts.append(_resolved(part["$ref"], root))
        parts += part.get("allOf", [])
        if "if" in part:
            parts.append(part.get("then" if _fits(value, part["if"], root) else "else", {}))
        for branches in (part.get("oneOf", []), part.get("anyOf", [])):
            parts += [branch for branch in branches if _fits(value, branch, root)][:1]
    return parts


def _fits(value: Any, branch: Schema, root: Schema) -> bool:
    names = id(branch), id(root)
    if names not in _branches:
        _branches[names] = (branch, root, {"$defs": root.get("$defs", {}), **branch})
    return fits(_branches[names][-1], value)


_branches: dict[tuple[int, int], tuple[Schema, Schema, Schema]] = {}
"""Each as a schema of its own; made once, so that it is compiled once."""


def _fill_mapping(value: dict[str, Any], schema: Schema, root: Schema) -> None:
    known = schema.get("properties", {})
    for key, part in known.items():
        if not isinstance(part, dict):
            continue  # true and false fill in nothing
        default = _default(part, root)
        if key not in value and default is not _NONE:
            value[key] = deepcopy(default)
        if key in value:
            value[key] = _filled(value[key], part, root)
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        for key in value.keys() - known.keys():
            value[key] = _filled(value[key], others, root)


_NONE = object()


def _default(schema: Schema, root: Schema) -> Any:
    while "default" not in schema and "$ref" in schema:
        schema = _resolved(schema["$ref"], root)
    return schema.get("default", _NONE)


def _resolved(reference: str, root: Schema) -> Schema:
    """What a reference inside the schema (`#/$defs/name`) points to."""
    found: Any = root
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found  # type: ignore[no-any-return]
