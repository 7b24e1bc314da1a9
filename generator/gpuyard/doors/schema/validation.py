"""Values against a schema: most keep to it, and nothing slow is imported or asked for those."""

import json
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from typing import Any

from gpuyard.doors.schema.acceptance import accepts
from gpuyard.doors.schema.breach import Breach
from gpuyard.doors.yamlio import Document
from gpuyard.errors import Problem

__all__ = ["breaches_of", "faults", "is_valid", "read_schema", "untold", "validate"]


def read_schema(file: Traversable) -> Mapping[str, Any]:
    """A schema that we ship."""
    found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def validate(document: Document, schema: Mapping[str, Any]) -> list[Problem]:
    """The ways in which a document breaks its schema, in the order of the file; a hundred at most."""
    if accepts(schema, document.value):
        return []
    from gpuyard.doors.schema.breaches import breaches

    return breaches(document, schema)


def untold(document: Document, schema: Mapping[str, Any]) -> int:
    """How many more there are than `validate` returns."""
    from gpuyard.doors.schema.breaches import surplus

    return surplus(document.value, schema)


def breaches_of(value: object, schema: Mapping[str, Any]) -> list[Breach]:
    """The ways in which a value breaks its schema that stands in no file, or in several."""
    if accepts(schema, value):
        return []
    from gpuyard.doors.schema.breaches import of_value

    return list(of_value(value, schema))


def is_valid(value: object, schema: Mapping[str, Any]) -> bool:
    """Whether a value keeps to a schema."""
    return accepts(schema, value) or not any(faults(value, schema))


def faults(value: object, schema: Mapping[str, Any]) -> Iterator[str]:
    """The ways in which a value breaks a schema, for those who know the schema: `$.gpu.count: 0 is less than ...`."""
    if accepts(schema, value):
        return
    from gpuyard.doors.schema.breaches import StrictValidator

    for error in StrictValidator(schema).iter_errors(value):
        yield f"{error.json_path}: {error.message or 'not as the schema says'}"
