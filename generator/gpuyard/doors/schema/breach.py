"""A broken rule of a schema in words."""

from typing import NamedTuple

from gpuyard.doors.yamlio import Path

__all__ = ["Breach"]


class Breach(NamedTuple):
    """Where a value breaks its schema, and how; `key`: it is the key that is wrong, and not what it holds."""

    path: Path
    message: str
    key: bool = False
