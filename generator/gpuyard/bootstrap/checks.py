"""What a check before the first write found."""

from dataclasses import dataclass

__all__ = ["Check"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked and found; `fatal`: nothing is written as long as it is so."""

    name: str
    message: str
    fatal: bool = False
    short: str = ""
    """Id of nodes of which none can start."""
