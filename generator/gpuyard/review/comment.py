"""The one comment of a request: behind a mark by which the next run finds it, and cleaned where it is foreign.

What an unprivileged run has made may be anything. It is posted by one with rights, so nothing is left of it but what
`diffmarkdown` writes: a few marks of Markdown, plain words, and all else in code.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence

from gpuyard.errors import visible

__all__ = ["LONGEST", "cleaned", "mark_of", "marked"]

LONGEST = 65_536
"""Characters that GitHub takes; GitLab takes a million."""
_SUMMARY = re.compile(r"<details><summary><code>(?:[^\W_]|[ -]|&#[0-9]{1,7};)*</code>: [0-9]{1,9} objects?</summary>")
_FENCE = re.compile(r"(`{3,40})diff")
_CLOSES = re.compile(r" {0,3}(`{3,})\s*")
_DELIMITER = re.compile(r"\|(?:---\|)+")
_SPAN = re.compile(r"(?<!`)(`{1,40})(?!`)(.+?)(?<!`)\1(?!`)")
_ODD = re.compile(r"[^\w\s.,:;()/|*+'\"?%¦…→-]")
_LINKS = re.compile(r"/(?=/)|w(?=ww\.)|g(?=h-)", re.IGNORECASE)
_COMMAND = re.compile(r"^([\s*+-]*)/")
"""What GitLab, and bots on all forges, obey."""
_END = "</details>"
_CUT = "Cut for length."


def mark_of(folder: str) -> str:
    """Of the stack in a folder of its repository: a line that nobody sees."""
    return f"<!-- gpuyard:{hashlib.sha256(folder.encode()).hexdigest()[:16]} -->"


def marked(mark: str, text: str, last: str = "") -> str:
    """A whole comment."""
    return "\n".join([mark, text.rstrip(), *(["", last] if last else []), ""])


def cleaned(text: str, limit: int) -> str:
    """Foreign Markdown without mentions, links, images, commands and HTML of its own; no more than `limit` bytes."""
    kept, size = list[str](), 0
    fence, depth, table = "", 0, False
    for raw in text.replace("\r\n", "\n").rstrip("\n").split("\n"):
        line = visible(raw.replace("\t", "    "))
        if fence:
            closes = _CLOSES.fullmatch(line)
            if closes and len(closes[1]) >= len(fence):
                line, fence = fence, ""
            else:
                line = _COMMAND.sub(r"\1·/", line)
        elif match := _FENCE.fullmatch(line):
            fence = match[1]
        elif _SUMMARY.fullmatch(line):
            depth += 1
        elif line == _END:
            line, depth = (_END if depth else ""), max(0, depth - 1)
        else:
            table = bool(line.strip()) and (table or bool(_DELIMITER.fullmatch(line)))
            line = _plain(line, table=table)
        size += len(line.encode()) + 1
        if size + 100 + (len(_END) + 1) * depth > limit:
            return _ended([*kept[:-1], *_closing(fence, depth, before=kept[-1:]), "", _CUT])
        kept.append(line)
    return _ended([*kept, *_closing(fence, depth)])


def _closing(fence: str, depth: int, before: Sequence[str] = ()) -> Iterator[str]:
    yield from before
    if fence:
        yield fence
    for _ in range(depth):
        yield from ("", _END)


def _ended(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def _plain(line: str, *, table: bool) -> str:
    """A line outside of code blocks: its code spans as they are, and of all else the harmless characters."""
    if _DELIMITER.fullmatch(line):
        return line
    head = "### " if line.startswith("### ") and line[4:].strip() else ""
    parts, start = list[str](), len(head)
    for match in _SPAN.finditer(line, start):
        parts += [_words(line[start : match.start()]), match[0].replace("|", "¦") if table else match[0]]
        start = match.end()
    return head + _COMMAND.sub(r"\1·/", "".join([*parts, _words(line[start:])]))


def _words(text: str) -> str:
    return _LINKS.sub(lambda found: f"{found[0]}·", _ODD.sub("·", text))
