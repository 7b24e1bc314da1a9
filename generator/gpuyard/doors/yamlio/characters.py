"""Characters that a reviewer can't see, or that show something other than what they are."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby

__all__ = ["HIDDEN", "bad_characters"]

_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
_BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ZERO_WIDTH = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_NONCHARACTERS = "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 17))
_ODD_SPACES = r"\u00a0\u1680\u2000-\u200a\u202f\u205f"

# Ranges, not unicodedata: every Python must refuse the same files.
HIDDEN = re.compile(rf"\r(?!\n)|[{_CONTROL}{_BIDI}{_ZERO_WIDTH}{_NONCHARACTERS}{_ODD_SPACES}]")
_KINDS = (
    (re.compile(rf"[{_BIDI}]"), "changes the order in which text is displayed; remove it"),
    (re.compile(rf"[{_ZERO_WIDTH}]"), "is invisible; remove it"),
    (re.compile(rf"[{_ODD_SPACES}]"), "only looks like a space; use a plain one"),
    (re.compile(r"\r"), "ends a line only for some programs; use line feeds"),
)
# Normalising is quadratic in the length of a run of accents; Unicode's own stream-safe limit (UAX 15) is 30.
_MAX_ACCENTS = 30


def bad_characters(line: str) -> Iterator[tuple[int, str]]:
    """What is wrong with the characters of a line: offset, and a message that starts with a verb."""
    if line.isascii() and HIDDEN.search(line) is None:
        return
    for match in HIDDEN.finditer(line):
        yield match.start(), f"holds {_name(match.group())}, which {_kind(match.group())}"
    yield from _not_normal(line)


def _kind(character: str) -> str:
    return next((text for kind, text in _KINDS if kind.match(character)), "is not text; remove it")


def _name(character: str) -> str:
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}{name and ' '}{name}"


def _not_normal(line: str) -> Iterator[tuple[int, str]]:
    start = 0
    for accent, run in groupby(line, key=lambda character: unicodedata.combining(character) > 0):
        length = len(list(run))
        if accent and length > _MAX_ACCENTS:
            yield start, f"puts more than {_MAX_ACCENTS} accents on one letter; remove them"
            return
        start += length
    normal = unicodedata.normalize("NFC", line)
    if normal != line:
        pairs = zip(line, normal, strict=False)
        offset = next((index for index, (old, new) in enumerate(pairs) if old != new), 0)
        yield offset, f"is not in Unicode normal form C; write {_name(normal[offset])} here"
