"""What would be right instead of a name that isn't known."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["nearest"]

_MOST = 12
"""Names that are listed; nobody reads two hundred flags."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean a10?`, or the names that are known where none is near."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known are {', '.join(names[:_MOST]) or 'none'}{' …' if len(names) > _MOST else ''}"
