"""The parser's complaints in the words of somebody who writes a file, not of somebody who writes a parser."""

import re

from ruamel.yaml.error import MarkedYAMLError, StringMark

__all__ = ["explain"]

# What the library says (problem|context) -> what is wrong; what would be right. The first match counts.
_WORDS = {
    r"found unexpected .*quoted scalar": "a quoted text begins here and never ends; close the quote",
    r"found unknown escape": "a backslash in double quotes begins an escape; double it, or use single quotes",
    r"expected escape sequence": "an escape lacks hexadecimal digits; complete it, or double the backslash",
    r"not in range\(0x110000\)": "an escape in double quotes names no character; correct it",
    r"but found '<stream end>'": "the file ends inside a [ or {; close it",
    r"expected ',' or": "a [ or { opens here and breaks off on line {line}; add a comma or close it",
    r"character '\\t'": "a tab is used for indentation; use spaces",
    r"that cannot start any token": "a value cannot begin with this character; quote it",
    r"(values|keys) are not allowed": "a key is not allowed here; fix its indentation, or quote text that has a colon",
    r"entries are not allowed": "a list cannot begin on the line of its key; begin it on the next line",
    r"expected ':'": "this line is neither a key with a colon nor a list item; complete or indent it",
    r"found '<block (mapping|sequence)": "the indentation matches no line above; indent it like its neighbours",
    r"found '[\]}]'": "a bracket closes nothing; remove it, or open it",
    r"found ','": "a comma follows nothing; remove it, or write what is missing",
    r"found '\?'": "a list item is expected here, not a key; begin it with - or indent it",
    r"content, but found '-'": "a list in [ ] has commas, not dashes; remove the dash",
    r"content, but found ':'": "a colon without a key; write the key, or quote the colon",
    r"<block end>, but found '-'": "a key is expected here, not a list item; indent it, or give it a key",
    r"<block end>": "a key or a list item is expected here, not text; indent it, or quote the whole value once",
    r"block scalar": "a block of text begins with only |, |-, > or >- on the line; quote other text",
    r"document": "the document is already complete here; make this part of it, or quote it",
}
_FALLBACK = "this is not readable YAML; check quotes, brackets and backslashes"
_WHERE_IT_OPENED = re.compile(r"quoted scalar|expected ',' or|expected ':'")


def explain(error: MarkedYAMLError) -> tuple[StringMark, str]:
    """Where a syntax error is, what is wrong and what would be right."""
    mark = error.problem_mark or error.context_mark
    said = f"{error.problem}|{error.context}"
    words = next((words for pattern, words in _WORDS.items() if re.search(pattern, said)), _FALLBACK)
    place = error.context_mark if error.context_mark and _WHERE_IT_OPENED.search(said) else mark
    return place, words.replace("{line}", str(mark.line + 1))
