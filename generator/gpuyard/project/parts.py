"""Parts that the files of several kinds share."""

from dataclasses import dataclass

from gpuyard.doors.yamlio import Path

__all__ = ["SecretKey", "Unique"]


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key of a Secret in the workload's namespace."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Unique:
    """What no two blueprints of a stack may have in common, and where a blueprint says it."""

    what: str
    """Of which sort: a value of one sort doesn't clash with the same of another."""
    value: str
    path: Path
    clash: str
    """What to say when another blueprint has it; `{other}` is that one's name or file."""
