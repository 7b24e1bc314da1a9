"""The one door to jsonschema: every breach in plain words at its place, and defaults filled in."""

from gpuyard.doors.schema.defaults import with_defaults
from gpuyard.doors.schema.validation import StrictValidator, read_schema, validate

__all__ = ["StrictValidator", "read_schema", "validate", "with_defaults"]
