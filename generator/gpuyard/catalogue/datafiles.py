"""Reading the data files that we ship: YAML, checked against a closed schema and the rules of its kind."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.doors.schema import is_valid, read_schema, validate
from gpuyard.doors.yamlio import Path
from gpuyard.errors import InputError, Location, Problem

__all__ = ["Breach", "Rules", "read", "schema"]

Breach = tuple[Path, str]
"""Where in the data, and what is wrong there."""
Rules = Callable[[Mapping[str, Any]], Iterable[Breach]]
"""What a schema can't say; asked only about data that the schema accepts."""

_SCHEMAS = resources.files("gpuyard") / "catalogue" / "schemas"


@cache
def schema(kind: str) -> Mapping[str, Any]:
    """The JSON Schema of `model`, `shape` or another kind of data file."""
    return read_schema(_SCHEMAS / f"{kind}.schema.json")


def _no_rules(_: Mapping[str, Any]) -> tuple[Breach, ...]:
    return ()


def read(file: Traversable, kind: str, rules: Rules = _no_rules) -> dict[str, Any]:
    """One shipped YAML file, checked; InputError with the place of everything that is wrong."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError([Problem(Location(str(file)), f"cannot be read: {error.strerror}")]) from error
    refused = "breaks its schema"
    try:
        data: dict[str, Any] = yamlio.load_data(content.decode())
        if is_valid(data, schema(kind)) and not any(rules(data)):
            return data
    except ValueError as error:
        refused = f"cannot be read: {error}"
    raise InputError(_problems(content, str(file), kind, rules) or [Problem(Location(str(file)), refused)])


def _problems(content: bytes, file: str, kind: str, rules: Rules) -> Sequence[Problem]:
    """The same file once more, by the slow reader, which knows lines and columns."""
    document = yamlio.read(content, file)
    if breaches := validate(document, schema(kind)):
        return breaches
    return [document.problem(path, message) for path, message in rules(document.value)]
