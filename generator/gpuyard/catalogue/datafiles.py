"""Reading the data files that we ship: YAML, checked against a closed schema."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from gpuyard.doors.schema import StrictValidator, read_schema
from gpuyard.doors.yamlio import load_data
from gpuyard.errors import InputError, Location, Problem

__all__ = ["checked", "read", "schema"]

_SCHEMAS = resources.files("gpuyard") / "catalogue" / "schemas"


@cache
def schema(kind: str) -> Mapping[str, Any]:
    """The JSON Schema of `model`, `shape` or another kind of data file."""
    return read_schema(_SCHEMAS / f"{kind}.schema.json")


@cache
def _validator(kind: str) -> Any:  # what jsonschema's extend() makes has no types
    return StrictValidator(schema(kind))


def checked(data: object, kind: str, location: Location) -> dict[str, Any]:
    """The same data, once `schemas/<kind>.schema.json` accepts it; InputError names every breach."""
    errors = _validator(kind).iter_errors(data)
    problems = [Problem(location, f"{error.json_path}: {error.message}") for error in errors]
    if problems or not isinstance(data, dict):
        raise InputError(problems or [Problem(location, "a mapping is needed")])
    return data


def read(file: Traversable, kind: str) -> dict[str, Any]:
    """One shipped YAML file, checked; InputError where it is missing or malformed."""
    location = Location(str(file))
    try:
        data = load_data(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError([Problem(location, f"can't be read: {error}")]) from error
    return checked(data, kind, location)
