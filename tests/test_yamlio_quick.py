"""What libyaml takes is what the strict reader reads, with the same places."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpuyard.doors.yamlio.quick import read_quick
from gpuyard.doors.yamlio.reader import read_any

ROOT = Path(__file__).parents[1]
WRITTEN = sorted(
    file
    for folder in ("blueprints", "charts", "docs", "generator", "overlays", "tests/bad", "tests/golden")
    for file in (ROOT / folder).rglob("*.yaml")
)
SHIPPED = sorted((ROOT / "blueprints").glob("*.yaml"))

WORDS = ["a", "b", "key", "y", "null", "true", "on", "1", "-1", "1.5", "0x1f", "1e3", "017", ".5", ".inf", "_", "/x"]
VALUES = [
    *WORDS,
    *(
        "a b",
        "a  b",
        "a:b",
        "a: b",
        "a:",
        "a #b",
        "a#b",
        "a,b",
        "hf://x/y",
        "12:30",
        "a - b",
        "it's",
        "a'",
        "...",
        "---",
    ),
    *(
        '"a: b"',
        "'a # b'",
        '"a',
        "'a''b'",
        '"a\\n"',
        '""',
        "''",
        '"a" b',
        "!a",
        "&a",
        "*a",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
        "? a",
    ),
    *("{}", "{ }", "[]", "[a]", "[ a , b ]", "[a,]", "[,a]", "[a b]", "{a: 1, b: x}", "{a: 1, a: 2}", "{a}", "{a:1}"),
    *(
        "{a: }",
        "{ a:  b }",
        "[a: b]",
        "[[a]]",
        "{a: [b]}",
        "{a: {b: c}}",
        "[-1, -a]",
        "[- a]",
        "{null: a}",
        "[a] b",
        "[a",
    ),
    *("- a", "- - a", "-", "-a", "--x", "", " ", "#", " # c", "a # c", "[a] # c", "{a: b}#c", "\t", "é", "a\tb"),
]
KEYS = [
    "",
    "a: ",
    "b: ",
    "c:  ",
    "a:",
    "b:",
    "c :",
    "null: ",
    "1: ",
    "a.b/c-d: ",
    '"a": ',
    "a: # c",
    "y: ",
    "? a",
    "<<: ",
]
LINES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "  ", "  ", "    ", "      ", " ", "   "]),
    st.sampled_from(["", "", "", "- ", "- ", "-  ", "-"]),
    st.sampled_from(KEYS),
    st.sampled_from(VALUES),
)


@settings(max_examples=2000, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=7))
@example(["a:", "- b: 1", "  c: 2", "- d"])
@example(["- a", "- b:", "    c: {d: e}", "  f: g"])
@example(["a:", "", "# c", "    b: x", "  # c", "    c: y"])
def test_what_is_taken_is_read_alike(lines: list[str]) -> None:
    text = "\n".join(lines)
    if found := read_quick(text, "file"):
        assert repr(found) == repr(read_any(text, "file"))


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: str(file.relative_to(ROOT)))
def test_files(file: Path) -> None:
    text = file.read_text(encoding="utf-8", errors="replace")
    if found := read_quick(text, "file"):
        assert repr(found) == repr(read_any(text, "file"))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_blueprints_are_read_quickly(file: Path) -> None:
    assert read_quick(file.read_text(encoding="utf-8"), "file")
