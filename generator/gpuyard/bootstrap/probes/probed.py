"""What a probe found."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Probed", "Verdict"]


class Verdict(StrEnum):
    """Whether it is as it should be."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    """It could not be asked."""


@dataclass(frozen=True, slots=True)
class Probed:
    """One answer of a cluster."""

    cluster: str
    probe: str
    verdict: Verdict
    message: str
