"""What a server serves where its author says nothing: defaults of the schema that depend on no other key."""

from functools import cache

from gpuyard.doors.schema import read_schema
from gpuyard.project.kinds.inference import SCHEMA

__all__ = ["default_concurrency", "default_context"]


@cache
def default_context() -> int:
    """Tokens of the longest request where the author says nothing and the model takes them."""
    context: int = read_schema(SCHEMA)["$defs"]["serving"]["properties"]["contextLength"]["x-default"]
    return context


@cache
def default_concurrency() -> int:
    """Requests per replica where the author says nothing."""
    concurrency: int = read_schema(SCHEMA)["$defs"]["serving"]["properties"]["concurrency"]["default"]
    return concurrency
