"""A chart's template taken apart: the text and the actions at its top, blocks from `if` to `end` in one piece."""

import json
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

__all__ = ["Element", "Reads", "elements", "reads_of"]

_ACTION = re.compile(
    r"""\{\{(?P<left>-\s)?
    (?P<code>/\*.*?\*/\s*? | (?: "(?:\\.|[^"\\])*" | `[^`]*` | '(?:\\.|[^'\\])*' | [^"'`}] | \}(?!\}) )*?)
    (?P<right>\s-)?\}\}""",
    re.DOTALL | re.VERBOSE,
)
_OPENS = frozenset({"if", "with", "range", "define", "block"})
_CALLED = re.compile(r'\b(?:include|template|block|define)\s+(?:"([^"]*)"|\(printf\s+"([^"%]*%s[^"%]*)"|(\S))')
_PICKED = re.compile(r'\bpick\s+\S*\.Values((?:\s+"[^"]*")+)\s*(?=$|[)|])')
_KEY = re.compile(r"\.Values\.(\w+)")
_BEYOND = re.compile(r"Values|\btpl\b")
"""Left when all is taken out that we understand: then nothing is known of what is read."""

Reads = Set[str] | None
"""Keys at the top of the values; None: any."""


@dataclass(frozen=True, slots=True)
class Element:
    """Text as it comes out, or an action or block with the code of all of its actions."""

    source: str
    codes: tuple[str, ...] = ()


def elements(text: str) -> list[Element]:
    """The parts of a template in their order, comments left out; one that we can't take apart is one of them."""
    found: list[Element] = []
    codes: list[str] = []
    depth = end = start = 0
    trimmed = False
    for action in _ACTION.finditer(text):
        if not depth:
            found += _text(text[end : action.start()], trimmed, bool(action["left"]))
            start, codes = action.start(), []
        end, trimmed = action.end(), bool(action["right"])
        code = action["code"].strip()
        if not code.startswith("/*"):
            codes.append(code)
        depth += (code.split(maxsplit=1) or [""])[0] in _OPENS
        depth -= code == "end"
        if not depth and codes:
            found.append(Element(text[start:end], tuple(codes)))
    if depth:
        return [Element(text, tuple(action["code"].strip() for action in _ACTION.finditer(text)))]
    return [*found, *_text(text[end:], trimmed, False)]


def _text(text: str, left: bool, right: bool) -> list[Element]:
    """Without the blanks that the actions beside it take; written so that no brace in it opens an action."""
    text = text.lstrip(" \t\r\n") if left else text
    text = text.rstrip(" \t\r\n") if right else text
    source = f"{{{{ {json.dumps(text, ensure_ascii=False)} }}}}" if "{{" in text or text.endswith("{") else text
    return [Element(source)] if text else []


def reads_of(codes: tuple[str, ...], defines: Mapping[str, tuple[str, ...]]) -> Reads:
    """The keys of the values that actions read, themselves and in the templates that they include, by name.

    What holds these keys may be passed on; the root as a whole is never written out, for it isn't only values.
    """
    keys: set[str] = set()
    seen: set[str] = set()
    waiting = [*codes]
    while waiting:
        code = waiting.pop()
        if code.startswith("/*"):
            continue
        for literal, pattern, other in _CALLED.findall(code):
            names = [literal] if literal else list(_fitting(pattern, defines))
            if other or not all(name in defines for name in names):
                return None
            waiting += [inner for name in names if name not in seen for inner in defines[name]]
            seen.update(names)
        for picked in _PICKED.findall(code):
            keys.update(re.findall(r'"([^"]*)"', picked))
        keys.update(_KEY.findall(code))
        if _BEYOND.search(_KEY.sub("", _PICKED.sub("", _CALLED.sub("", code)))):
            return None
    return keys


def _fitting(pattern: str, names: Mapping[str, object]) -> Iterator[str]:
    """The names that `%s` in a pattern can lead to."""
    start, _, end = pattern.partition("%s")
    return (name for name in names if name.startswith(start) and name.endswith(end))
