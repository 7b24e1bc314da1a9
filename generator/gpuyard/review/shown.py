"""Values as a reviewer reads them: on one line, cut where they are long, and never a secret."""

import json
from typing import Any

from gpuyard.doors.redaction import looks_secret, names_secret
from gpuyard.review.fields import ABSENT, Field

__all__ = ["LONGEST", "one_line", "short", "shown", "whole"]

LONGEST = 120
"""Characters of a value."""
_SHORT = 80
_BEFORE = 24
"""Characters that are shown before the first one that differs."""
_READ = 20_000
"""Characters in which a secret is looked for; the rest of a longer value isn't shown either."""
_OF_SECRETS = ("data", "stringData")


def shown(each: Field, kind: str = "") -> tuple[str, str]:
    """Old and new; of long ones what surrounds the first difference."""
    if (kind == "Secret" and each.keys[0] in _OF_SECRETS) or names_secret(each.keys[-1].strip("[-]")):
        return _hidden(each.old), _hidden(each.new)
    old, new = whole(each.old), whole(each.new)
    old, new = ("(hidden)" if looks_secret(text[:_READ]) else text for text in (old, new))
    if max(len(old), len(new)) <= LONGEST:
        return old, new
    same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
    start = max(0, min(same, len(old), len(new)) - _BEFORE)
    return _cut(old, start), _cut(new, start)


def whole(value: Any) -> str:
    """On one line, as JSON where it isn't a text."""
    if value is ABSENT:
        return "(none)"
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def short(value: Any) -> str:
    """Within a sentence."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "(hidden)" if looks_secret(text[:_READ]) else one_line(text[:_SHORT])


def one_line(text: str) -> str:
    """What is no printable character by its number: a value must not turn a line around, or begin another."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _hidden(value: Any) -> str:
    return "(none)" if value is ABSENT else "(hidden)"


def _cut(text: str, start: int) -> str:
    part = text[start : start + LONGEST]
    return f"{'…' if start and text else ''}{part}{'…' if len(text) > start + LONGEST else ''}"
