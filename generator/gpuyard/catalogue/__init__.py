"""Reading the data files that we ship: YAML, checked against a closed schema."""

import json
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from yaml import YAMLError

from gpuyard.doors.schema import StrictValidator
from gpuyard.doors.yamlio import load_data
from gpuyard.errors import InputError, Location, Problem

__all__ = ["checked", "read"]

_SCHEMAS = resources.files("gpuyard") / "schemas"


@cache
def _validator(schema: str) -> Any:  # what jsonschema's extend() makes has no types
    return StrictValidator(json.loads((_SCHEMAS / f"{schema}.schema.json").read_text("utf-8")))


def checked(data: object, schema: str, location: Location) -> dict[str, Any]:
    """The same data, once `schemas/<schema>.schema.json` accepts it; InputError names every breach."""
    errors = _validator(schema).iter_errors(data)
    problems = [Problem(location, f"{error.json_path}: {error.message}") for error in errors]
    if problems or not isinstance(data, dict):
        raise InputError(problems or [Problem(location, "a mapping is needed")])
    return data


def read(file: Traversable, schema: str) -> dict[str, Any]:
    """One shipped YAML file, checked; InputError where it is missing or malformed."""
    location = Location(str(file))
    try:
        data = load_data(file.read_text("utf-8"))
    except (OSError, ValueError, YAMLError) as error:
        raise InputError([Problem(location, f"can't be read: {error}")]) from error
    return checked(data, schema, location)
