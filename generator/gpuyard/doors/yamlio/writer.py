"""Plain data as YAML text that every reader of YAML 1.1 and 1.2 reads back as the same values.

Written here and not by libyaml: its versions differ in what they escape, and the same objects must be the
same bytes everywhere. Block style and three styles of text are all it takes, in less time than libyaml needs.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite

from gpuyard.doors.yamlio.characters import HIDDEN

__all__ = ["dump"]

# Unquoted only what no reader takes for anything but text: ASCII that begins unlike a number, and quantities.
_PLAIN = re.compile(r"(?:[A-Za-z_/($]|--?[A-Za-z])[ -~]*|[0-9]+(?:\.[0-9]+)?(?:[smhd]|[KMGT]i)")
_NOT_PLAIN = re.compile(r": | #|[: ]$|^(?i:y|n|yes|no|on|off|true|false|null)$")
# A literal block can't hold what a reader might change, begin with a blank, or have lines of blanks only.
_NOT_LITERAL = re.compile(rf"^\s|\r|\n[ \t]+(?:\n|$)|{HIDDEN.pattern}")
_ESCAPED = re.compile(rf'["\\\n\t\r]|{HIDDEN.pattern}')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_MAX_KEY = 1000  # readers look no further than 1024 characters for a key's colon


_MAPS, _LISTS = (dict, Mapping), (list, tuple)


def dump(*documents: object) -> str:
    """Mappings, lists and scalars as a YAML stream, keys in their order; the same bytes for the same data.

    Takes what JSON can hold (tuples count as lists); anything else is a TypeError or ValueError.
    """
    out: list[str] = []
    for document in documents:
        out.append("---\n" if out else "")
        _emit(document, "", out)
    return "".join(out)


def _emit(value: object, pad: str, out: list[str]) -> None:
    """Write a value; its first line is already indented, `pad` indents the others."""
    # A sixth of a compile's time goes here: what is most often there is asked for first, and once.
    if type(value) is str:
        out.append(_text(value, pad or "  ") + "\n")
    elif isinstance(value, _MAPS) and value:
        lead, inner = "", pad + "  "
        for key, item in value.items():
            head = lead + (_key(key) or f"? {_line(key)}\n{pad}:")
            lead = pad
            if type(item) is str:
                out.append(f"{head} {_text(item, inner)}\n")
            elif isinstance(item, _LISTS) and item:
                out.append(f"{head}\n{pad}")
                _emit(item, pad, out)
            elif isinstance(item, _MAPS) and item:
                out.append(f"{head}\n{inner}")
                _emit(item, inner, out)
            else:
                out.append(f"{head} {_scalar(item, inner)}\n")
    elif isinstance(value, _LISTS) and value:
        lead, inner = "", pad + "  "
        for item in value:
            out.append(lead + "- ")
            lead = pad
            _emit(item, inner, out)
    else:
        out.append(_scalar(value, pad or "  ") + "\n")


@lru_cache(maxsize=4096)
def _key(key: object) -> str:
    """With its colon; empty where it is too long for a line with its value."""
    if not isinstance(key, str):
        raise TypeError(f"a key must be text, not {key!r}")
    text = _line(key)
    return text + ":" if len(text) < _MAX_KEY else ""


def _scalar(value: object, pad: str) -> str:
    if isinstance(value, str):
        return _text(value, pad)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float) and isfinite(value):
        text = float.__repr__(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text  # YAML 1.1 wants the point
    if isinstance(value, Mapping | list | tuple):
        return "{}" if isinstance(value, Mapping) else "[]"
    raise TypeError(f"no YAML for {value!r}")


def _text(text: str, pad: str) -> str:
    return _line(text) if "\n" not in text or _NOT_LITERAL.search(text) else _literal(text, pad)


def _literal(text: str, pad: str) -> str:
    lines = text.split("\n")
    end = "-" if lines[-1] else "+" if lines[-2] == "" else ""
    if not lines[-1]:
        lines.pop()
    return "|" + end + "".join(f"\n{pad}{line}" if line else "\n" for line in lines)


@lru_cache(maxsize=4096)
def _line(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _NOT_PLAIN.search(text):
        return text
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("half of a surrogate pair is no text")
    return _SHORT.get(character) or (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
