"""A chart's templates in pieces, each with the values that it reads: where those are the same, so is its text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from gpuyard.doors.charttext import Element, Reads, elements, reads_of

__all__ = ["Piece", "pieces_of"]

_DEFINE = re.compile(r'(?:define|block)\s+"([^"]*)"')
_DECLARATION = re.compile(r"\$(\w+)\s*:=")
_ASSIGNED = re.compile(r"\$(\w+)\s*=")
_NAMED = re.compile(r"\$(\w+)")

Defines = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a template that can be rendered alone."""

    source: str
    reads: Reads


def pieces_of(templates: Mapping[PurePosixPath, str]) -> dict[PurePosixPath, list[Piece]]:
    """By the templates that give objects; what they include may be in any."""
    parts = {path: elements(text) for path, text in templates.items()}
    defines: dict[str, tuple[str, ...]] = {}
    for codes in (element.codes for found in parts.values() for element in found if element.codes):
        if name := _DEFINE.match(codes[0]):
            defines[name[1]] = (*defines.get(name[1], ()), *codes[1:])
    return {
        path: list(_joined(_apart(found) or [Element(templates[path], _codes(found))], defines))
        for path, found in parts.items()
        if not path.name.startswith("_") and path.name != "NOTES.txt"
    }


def _apart(found: Sequence[Element]) -> list[Element] | None:
    """Each with the variables that it names from before it; None where one is changed, or may stand for an effect."""
    declared: dict[str, Element] = {}
    result = []
    for element in found:
        if not element.codes:
            result.append(element)
            continue
        if any(name in declared for code in element.codes for name in _ASSIGNED.findall(code)):
            return None
        needed = _needed(element.codes, declared)
        whole = Element("".join(each.source for each in needed) + element.source, (*_codes(needed), *element.codes))
        if name := _DECLARATION.match(element.codes[0]):
            if name[1] == "_" or name[1] in declared:
                return None
            declared[name[1]] = Element(f"{{{{ {element.codes[0]} }}}}", element.codes)  # takes no blanks elsewhere
        else:
            result.append(whole)
    return result


def _needed(codes: Sequence[str], declared: Mapping[str, Element]) -> list[Element]:
    """The declarations of the variables that are named, and of those that these name, in their order."""
    names: set[str] = set()
    waiting = list(codes)
    while waiting:
        new = {name for name in _NAMED.findall(waiting.pop()) if name in declared} - names
        names |= new
        waiting += [code for name in new for code in declared[name].codes]
    return [element for name, element in declared.items() if name in names]


def _joined(found: Sequence[Element], defines: Defines) -> Iterator[Piece]:
    """Neighbours in one piece where that reads no more: each piece costs a call."""
    source, reads = "", reads_of((), defines)
    for element in found:
        more = reads_of(element.codes, defines)
        if source and reads is not None and (more is None or not more <= reads):
            yield Piece(source, reads)
            source = ""
        source, reads = source + element.source, reads if source else more
    if source:
        yield Piece(source, reads)


def _codes(found: Sequence[Element]) -> tuple[str, ...]:
    return tuple(code for element in found for code in element.codes)
