"""The one door to JSON Schema and cattrs: breaches in plain words at their place, defaults filled in, dataclasses."""

from gpuyard.doors.schema.breach import Breach
from gpuyard.doors.schema.defaults import with_defaults
from gpuyard.doors.schema.records import Records
from gpuyard.doors.schema.structure import structured
from gpuyard.doors.schema.validation import breaches_of, faults, is_valid, read_schema, untold, validate

__all__ = ["Breach", "Records", "breaches_of", "faults", "is_valid", "read_schema", "structured", "untold", "validate"]
__all__ += ["with_defaults"]
