"""The one door to jsonschema and cattrs: breaches in plain words at their place, defaults filled in, dataclasses."""

from gpuyard.doors.schema.defaults import with_defaults
from gpuyard.doors.schema.structure import structured
from gpuyard.doors.schema.validation import StrictValidator, read_schema, validate

__all__ = ["StrictValidator", "read_schema", "structured", "validate", "with_defaults"]
