"""Users' files by libyaml, in a fifth of the time: only what is read alike by both libraries, and right.

The builder is the same, and so are all of its refusals. Whatever it or libyaml has something against goes to the
strict reader, who says what.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from gpuyard.doors.yamlio.builder import Builder, StopError
from gpuyard.doors.yamlio.document import Document

__all__ = ["read_quick"]

_UNSURE = re.compile(r"[^ -~\n]|^%|^---|^\.\.\.", re.MULTILINE)
"""Characters and lines that libyaml doesn't take for what they are here."""
_Loader: Any = getattr(yaml, "CSafeLoader", None)  # PyYAML's own is no faster than the strict reader


def read_quick(text: str, file: str) -> Document | None:
    """The document that the strict reader would return; None: let it say."""
    if _Loader is None or _UNSURE.search(text):
        return None
    builder = Builder(file, noted_lines=frozenset())
    events: Iterator[Any] = yaml.parse(text, Loader=_Loader)
    try:
        for event in events:
            if _is_unsure(event):
                return None
            builder.feed(event)
    except (yaml.YAMLError, StopError):
        return None
    return None if builder.problems or builder.empty else Document(file, builder.value, builder.places)


def _is_unsure(event: Any) -> bool:
    """What is refused anyhow, and an empty text, which each library finds at another place."""
    if isinstance(event, yaml.ScalarEvent) and not event.value and not event.style:
        return True
    return isinstance(event, yaml.NodeEvent) and bool(event.anchor or getattr(event, "tag", None))
