"""A user's sentence in Markdown, as text and nothing else: the one place that makes it so."""

import re
from itertools import count

from gpuyard.errors import visible

__all__ = ["prose"]

_MEANING = re.compile(r"([\\`*_\[\]|<>&~])")
_LEADS = re.compile(r"://|\bwww\.|@|[#!]\d|\bGH-\d", re.IGNORECASE)
"""What GitHub, GitLab and others make a link to somewhere or somebody, though nothing in the text asks for one."""


def prose(text: str) -> str:
    """The sentence without Markdown's or HTML's meaning; what would become a link is code, which stays what it is."""
    return " ".join(_code(word) if _LEADS.search(word) else _MEANING.sub(r"\\\1", word) for word in _words(text))


def _words(text: str) -> list[str]:
    return [visible(word) for word in text.split()]


def _code(word: str) -> str:
    runs = {len(run) for run in re.findall(r"`+", word)}
    fence = "`" * next(length for length in count(1) if length not in runs)
    space = " " if "`" in (word[0], word[-1]) else ""
    return f"{fence}{space}{word}{space}{fence}"
