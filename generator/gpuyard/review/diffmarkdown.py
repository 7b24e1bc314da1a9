"""A diff as GitHub-flavoured Markdown, for a comment: what matters on top, objects folded, never longer than its limit.

Names and values come from a pull request, which must not write Markdown or HTML, mention anyone or make links: they are
only ever in code, whose fence is longer than any run of backticks in it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from gpuyard.review.danger import Danger, Severity
from gpuyard.review.diff import Diff, Group
from gpuyard.review.differences import COLUMNS, images, rows, sums
from gpuyard.review.fields import ObjectChange, What
from gpuyard.review.shown import LONGEST, one_line, shown

__all__ = ["LIMIT", "markdown"]

LIMIT = 65_000
"""Bytes: GitHub takes 65,536 characters, and whoever posts the comment adds a line of its own."""
_TAIL = 600
"""Bytes that are kept for the names of what is cut."""
_LONG_NAME = 200
_MESSAGE = 600
"""Characters of a danger or a consequence."""
_TICKS = re.compile(r"`+")
_SIGN = {Severity.DANGER: "**danger**", Severity.CAUTION: "caution"}
_WHAT = {What.ADDED: "+", What.REMOVED: "-", What.CHANGED: "~"}


def markdown(found: Diff, limit: int = LIMIT) -> str:
    """No more than `limit` bytes; what is cut is named as far as there is room."""
    if found.empty:
        return f"Nothing changes in the clusters, compared with {_base(found)}.\n"
    room = limit - _TAIL
    parts, cut = _fitting(_summary(found, room // 5), room)
    room -= _size(parts)
    details, left = _fitting(((_name(group), [*_details(group)]) for group in found.groups), room)
    return "".join(f"{line}\n" for line in (*parts, *details, *_left([*cut, *left], _TAIL)))


Part = tuple[str, Sequence[str]]
"""A name, and lines that make sense only together."""


def _fitting(parts: Iterable[Part], room: int) -> tuple[list[str], list[str]]:
    """Lines of the parts that fit, and the names of those that do not."""
    lines, left = list[str](), list[str]()
    for name, part in parts:
        if _size(part) <= room:
            room -= _size(part)
            lines += part
        else:
            left.append(name)
    return lines, left


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _left(names: Sequence[str], room: int) -> list[str]:
    if not names:
        return []
    shown_names, text = list[str](), ""
    for count, name in enumerate(names, 1):
        more = f" and {len(names) - count} more" if count < len(names) else ""
        wanted = f"Cut for length: {', '.join([*shown_names, name])}{more}. `gpuyard diff` prints all of it."
        if len(wanted.encode()) + 2 > room:
            break
        shown_names.append(name)
        text = wanted
    return ["", text or f"Cut for length: {len(names)} parts. `gpuyard diff` prints all of it."]


def _summary(found: Diff, share: int) -> Iterator[Part]:
    """Each section within its share of the room, with the number of lines that it lacks."""
    yield "the heading", [f"### Compared with {_base(found)}", "", *_counts(found.dangers)]
    yield "dangers", _section("", [_danger(each, found.engine) for each in found.dangers], share)
    header = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    table = [_row(row) for each in sorted(found.clusters, key=lambda each: each.name) for row in rows(each)]
    yield "the table", _section("", table, share, header)
    sums_of = [f"- {code(each.name)}: {sums(each)}" for each in found.clusters]
    yield "prices", _section("At list price, with the fewest and the most replicas:", sums_of, share // 2)
    other = [
        f"- {code(model.name)} in {code(each.name)}: {code(text)}"
        for each in found.clusters
        for model in each.models
        for text in images(model)
    ]
    yield "images", _section("Images:", other, share // 2)
    told = [f"- {code(each.message, _MESSAGE)}" for each in found.others]
    yield "consequences", _section("In the clusters:", told, share)
    noted = [f"- {code(each, _MESSAGE)}" for each in (*found.unread, *found.notes)]
    yield "notes", _section("Notes:", noted, share // 2)


def _counts(found: Sequence[Danger]) -> Iterator[str]:
    """How often each rule is met: this much is always there."""
    for severity, name in ((Severity.DANGER, "Dangers"), (Severity.CAUTION, "To look at")):
        counts = Counter(each.rule.id for each in found if each.rule.severity is severity)
        if counts:
            yield f"{name}: {', '.join(f'`{rule}` ({count})' for rule, count in counts.items())}"
            yield ""


def _section(title: str, lines: Sequence[str], room: int, header: Sequence[str] = ()) -> list[str]:
    if not lines:
        return []
    kept, left = _fitting((("", [line]) for line in lines), room)
    more = ["", f"… and {len(left)} more"] if left else []
    return [*([title, ""] if title else []), *header, *kept, *more, ""]


def _danger(each: Danger, engine: str) -> str:
    rule = each.rule
    where = ", ".join(code(part) for part in (each.blueprint, *each.clusters) if part)
    said = rule.consequence.get(engine, "")
    said = said[:1].upper() + said[1:]
    return f"- {_SIGN[rule.severity]} `{rule.id}`: {rule.what} ({where}): {code(each.detail, _MESSAGE)}. {said}."


def _row(row: Sequence[str]) -> str:
    bold = not row[1]
    cells = [code(cell).replace("|", "¦") if cell else "" for cell in row]
    if bold:
        cells[2] = "**all models**"
    return f"| {' | '.join(cells)} |"


def _base(found: Diff) -> str:
    commit = f" ({code(found.base.commit[:12])})" if found.base.commit else ""
    return f"{code(found.base.name)}{commit}"


def _name(group: Group) -> str:
    what = f"{group.blueprint} on {group.shape}" if group.blueprint else "the stack"
    return code(f"{what} ({', '.join(group.clusters)})")


def _details(group: Group) -> Iterator[str]:
    lines = [line for each in group.told for line in _change(each)]
    if count := len(group.changes) - len(group.told):
        lines.append(f"  {count} more only in labels that repeat the version")
    count = len(group.changes)
    yield f"<details><summary>{_html(group)}: {count} object{'s' if count > 1 else ''}</summary>"
    yield ""
    fence = _fence("\n".join(lines), 3)
    yield f"{fence}diff"
    yield from lines
    yield fence
    yield ""
    yield "</details>"
    yield ""


def _html(group: Group) -> str:
    """Names for a summary, where Markdown does not hold: everything but letters, digits and dashes by its number."""
    what = f"{group.blueprint} on {group.shape}" if group.blueprint else "the stack"
    text = one_line(f"{what} ({', '.join(group.clusters)})")[:_LONG_NAME]
    escaped = "".join(char if char.isalnum() or char in " -" else f"&#{ord(char)};" for char in text)
    return f"<code>{escaped}</code>"


def _change(each: ObjectChange) -> Iterator[str]:
    """A line that begins with a sign is coloured; `!` for what changes."""
    sign = {"~": "!"}.get(_WHAT[each.what], _WHAT[each.what])
    yield f"{sign} {each.what.value} {one_line(str(each.identity))[:_LONG_NAME]}"
    for field in each.fields:
        old, new = shown(field, each.identity.kind)
        path = one_line(field.path)[:_LONG_NAME]
        yield f"-   {path}: {old}"
        yield f"+   {path}: {new}"


def code(text: str, longest: int = LONGEST) -> str:
    """A text as code, whatever it holds: the fence is longer than any run of backticks in it."""
    line = one_line(text)
    line = line if len(line) <= longest else f"{line[:longest]}…"
    fence = _fence(line, 1)
    pad = " " if line.startswith(("`", " ")) or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _fence(text: str, least: int) -> str:
    return "`" * max(least, 1 + max(map(len, _TICKS.findall(text)), default=0))
