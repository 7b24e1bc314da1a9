"""The strict reader: what it reads, where that stands, and what it refuses in which words."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuyard.doors.yamlio import Document, dump, load_data, read, show_path
from gpuyard.errors import InputError, Location

BAD = Path(__file__).parent / "bad"
LIMIT = 256 * 1024

REFUSED = {
    "alias": """
1:8: an anchor (&) marks a part for reuse; remove it, or quote the text
2:9: an alias (*) repeats another part; write it out or quote the text""",
    "anchor-on-key": """
1:1: an anchor (&) marks a part for reuse; remove it, or quote the text""",
    "big-integer": """
3:7: seed is a whole number beyond 2^53, where digits are lost; quote it if it is text""",
    "block-header": """
1:8: a block of text begins with only |, |-, > or >- on the line; quote other text""",
    "byte-order-mark": """
1:1: the file begins with a byte order mark; save it as UTF-8 without one""",
    "carriage-return": """
1:11: the line holds U+000D, which ends a line only for some programs; use line feeds""",
    "colon-in-text": """
1:11: a key is not allowed here; fix its indentation, or quote text that has a colon""",
    "comments-only": """
is empty; one YAML document is needed""",
    "control-character": """
1:9: the line holds U+001B, which is not text; remove it""",
    "dash-in-brackets": """
1:9: a list in [ ] has commas, not dashes; remove the dash""",
    "directive": """
1:1: a line that begins with % is a directive; remove it""",
    "duplicate-key": """
5:5: spec.serving.contextLength is given twice, first on line 3; keep one""",
    "empty": """
is empty; one YAML document is needed""",
    "empty-key": """
1:1: the file has an empty key; write its name""",
    "escaped-bidi": """
1:7: name holds U+202E RIGHT-TO-LEFT OVERRIDE, which changes the order in which text is displayed; remove it""",
    "escaped-half": """
1:7: name holds U+D83D, which is not text; remove it""",
    "explicit-null": """
is empty; one YAML document is needed""",
    "indentation": """
3:3: the indentation matches no line above; indent it like its neighbours""",
    "infinity": """
1:13: spec.low is -.inf; a number must be finite
1:26: spec.high is .Inf; a number must be finite
1:38: spec.none is .nan; a number must be finite
1:50: spec.huge is a number that is too large or too long; quote it if it is text""",
    "item-among-keys": """
2:1: a key is expected here, not a list item; indent it, or give it a key""",
    "key-among-items": """
3:3: a list item is expected here, not a key; begin it with - or indent it""",
    "key-of-lines": """
1:1: the file has a key with line breaks or tabs; write it on one line""",
    "list-on-key-line": """
1:8: a list cannot begin on the line of its key; begin it on the next line""",
    "long-number": """
1:7: seed is a whole number beyond 2^53, where digits are lost; quote it if it is text""",
    "mapping-key": """
1:1: the file has a list or mapping as a key; use text
2:3: the file has a list or mapping as a key; use text""",
    "merge-key": """
2:3: spec merges another mapping (<<); write out its keys""",
    "missing-colon": """
2:1: this line is neither a key with a colon nor a list item; complete or indent it""",
    "no-break-space": """
1:6: the line holds U+00A0 NO-BREAK SPACE, which only looks like a space; use a plain one""",
    "no-such-character": """
1:10: an escape in double quotes names no character; correct it""",
    "not-normal-form": """
1:10: the line is not in Unicode normal form C; write U+00E9 LATIN SMALL LETTER E WITH ACUTE here""",
    "not-utf8": """
2:9: the byte 0xf6 is not UTF-8; save the file as UTF-8""",
    "octal": """
1:7: mode is 0755, which some readers read as octal; write 493 for octal, 755 for decimal, or "0755" if it is text
2:6: zip is 08, which some readers read as octal; write 8, or "08" if it is text""",
    "open-bracket": """
1:8: a [ or { opens here and breaks off on line 2; add a comma or close it""",
    "open-bracket-at-end": """
2:1: the file ends inside a [ or {; close it""",
    "open-quote": """
1:7: a quoted text begins here and never ends; close the quote""",
    "other-keys": """
1:1: the file has the key 1, which is not text; write "1"
2:1: the file has the key true, which is not text; write "true"
3:1: the file has the key ~, which is not text; write "~"
4:1: the file has the key 0.5, which is not text; write "0.5"
5:8: spec has the key 017, which is not text; write "017\"""",
    "reserved-character": """
1:7: a value cannot begin with this character; quote it""",
    "right-to-left": """
1:14: the line holds U+202E RIGHT-TO-LEFT OVERRIDE, which changes the order in which text is displayed; remove it""",
    "several": """
1:4: an anchor (&) marks a part for reuse; remove it, or quote the text
2:4: a tag (!) changes how a value is read; remove it, or quote the text
3:4: an alias (*) repeats another part; write it out or quote the text
4:1: a is given twice, first on line 1; keep one
4:4: a is .nan; a number must be finite
5:4: the line holds U+200B ZERO WIDTH SPACE, which is invisible; remove it
6:1: the file merges another mapping (<<); write out its keys
7:1: the file has the key 5, which is not text; write "5\"""",
    "short-escape": """
1:7: an escape lacks hexadecimal digits; complete it, or double the backslash""",
    "surplus-bracket": """
1:11: a bracket closes nothing; remove it, or open it""",
    "surplus-comma": """
1:11: a comma follows nothing; remove it, or write what is missing""",
    "syntax-after-others": """
1:4: an anchor (&) marks a part for reuse; remove it, or quote the text
3:1: the file ends inside a [ or {; close it""",
    "tab": """
2:1: a tab is used for indentation; use spaces""",
    "tag": """
1:7: a tag (!) changes how a value is read; remove it, or quote the text
2:7: a tag (!) changes how a value is read; remove it, or quote the text""",
    "text-after-document": """
1:5: the document is already complete here; make this part of it, or quote it""",
    "text-after-quote": """
1:11: a key or a list item is expected here, not text; indent it, or quote the whole value once""",
    "too-deep": """
1:35: the file is nested too deeply here; 32 levels are the maximum""",
    "too-deep-block": """
33:65: the file is nested too deeply here; 32 levels are the maximum""",
    "too-many-accents": """
1:8: the line puts more than 30 accents on one letter; remove them""",
    "two-documents": """
2:1: a second document begins here; keep one document per file""",
    "unknown-escape": """
1:10: a backslash in double quotes begins an escape; double it, or use single quotes""",
    "utf16": """
1:1: the byte 0xff is not UTF-8; save the file as UTF-8""",
    "zero-width": """
1:3: the line holds U+200B ZERO WIDTH SPACE, which is invisible; remove it""",
}


def refusal(data: bytes, file: str = "f.yaml") -> str:
    with pytest.raises(InputError) as caught:
        read(data, file)
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yaml")))
def test_bad_file_is_refused_in_these_words(name: str) -> None:
    expected = [
        f"{name}.yaml:{' ' if line.startswith('is ') else ''}{line}" for line in REFUSED[name].strip().split("\n")
    ]
    assert refusal((BAD / f"{name}.yaml").read_bytes(), f"{name}.yaml").split("\n") == expected


# Unicode 17, PropList.txt: Bidi_Control; DerivedCoreProperties.txt: Default_Ignorable_Code_Point; Zs but for U+0020.
BIDI = "061C 200E-200F 202A-202E 2066-2069"
UNSEEN = (
    "00AD 034F 115F-1160 17B4-17B5 180B-180F 200B-200D 2060-2065 206A-206F 3164 FE00-FE0F FEFF FFA0 FFF0-FFF8 "
    "1BCA0-1BCA3 1D173-1D17A E0000-E00FF E0100-E01EF E0FFF"
)
SPACES = "00A0 1680 2000-200A 202F 205F"


def characters(ranges: str) -> list[str]:
    ends = [[int(end, 16) for end in each.split("-")] for each in ranges.split()]
    return [chr(code) for each in ends for code in range(each[0], each[-1] + 1)]


@pytest.mark.parametrize(
    ("ranges", "why"),
    [
        (BIDI, "changes the order in which text is displayed; remove it"),
        (UNSEEN, "is invisible; remove it"),
        (SPACES, "only looks like a space; use a plain one"),
    ],
    ids=["bidi", "unseen", "spaces"],
)
def test_every_character_that_hides_something_is_refused(ranges: str, why: str) -> None:
    """In text, in a comment and behind an escape; each with its name."""
    for character in characters(ranges):
        name = f"U+{ord(character):04X}"
        for text in (f"a: x{character}y\n", f"a: 1 # x{character}y\n", f'a: "x\\U{ord(character):08x}y"\n'):
            found = refusal(text.encode())
            assert any(name in line and line.endswith(why) for line in found.splitlines()), (name, text)


def test_limits() -> None:
    assert refusal(b"a" * (LIMIT + 1)) == "f.yaml: is longer than 262,144 bytes, the maximum; split it"
    assert refusal(b"#\n" * 10_001) == "f.yaml: has 10,001 lines; split it, 10,000 is the maximum"
    nodes = "f.yaml:1:40000: the file holds too many keys and values; split it, 20,000 is the maximum"
    assert refusal(b"[" + b"a," * 20_000 + b"]") == nodes
    many = refusal(b"[" + b"*a, " * 500 + b"]").split("\n")
    assert many[0] == "f.yaml: has more than 100 problems; these are the first ones"
    assert len(many) == 101


def test_limits_are_not_met_a_moment_too_soon() -> None:
    assert read(b"a: " + b"x" * (LIMIT - 3), "f").value == {"a": "x" * (LIMIT - 3)}
    assert len(read(b"[" + b"a," * 19_999 + b"]", "f").value) == 19_999
    assert read(b"[" * 32 + b"]" * 32, "f").value
    assert len(read(b"- a\n" * 10_000, "f").value) == 10_000


CORE = {
    # YAML 1.2's core schema: the words and numbers of YAML 1.1 are text
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "nULL": "nULL",
    "true": True, "True": True, "TRUE": True, "tRUE": "tRUE", "false": False, "False": False,
    "no": "no", "on": "on", "y": "y", "Yes": "Yes", "OFF": "OFF",
    "0": 0, "-0": 0, "+1": 1, "-12": -12, "0o17": 15, "0x1F": 31, "9007199254740992": 2**53,
    "1e3": 1000.0, "1.5": 1.5, ".5": 0.5, "5.": 5.0, "-1.5e-3": -0.0015, "1.10": 1.1,
    "12:30": "12:30", "1_000": "1_000", "0b1": "0b1", "0X1": "0X1", "-0x1": "-0x1",
    "2024-01-01": "2024-01-01", "2024-01-01T00:00:00Z": "2024-01-01T00:00:00Z",
    "1.2.3": "1.2.3", "+": "+", "-": None, ".": ".", "=": "=", "1e": "1e", "100Gi": "100Gi", "a b": "a b",
}  # fmt: skip


@pytest.mark.parametrize("text", [text for text in CORE if text != "-"])
def test_plain_scalars_mean_what_the_core_schema_says(text: str) -> None:
    value = read(f"a: {text}\n".encode(), "f").value["a"]
    assert (value, type(value)) == (CORE[text], type(CORE[text]))


def test_quoted_scalars_are_text() -> None:
    text = 'a: \'1\'\nb: "true"\nc: |\n  null\nd: >-\n  1\n  2\ne: "\\x41\\t\\u00e9"\n'
    assert read(text.encode(), "f").value == {"a": "1", "b": "true", "c": "null\n", "d": "1 2", "e": "A\té"}


def test_windows_line_ends_are_line_ends() -> None:
    assert read(b"a: 1\r\nb: |\r\n  x\r\n  y\r\n", "f").value == {"a": 1, "b": "x\ny\n"}


POSITIONS = """\
# a comment
spec:
  serving: {contextLength: 16384}
  shapes:
    - a10
    - name: h100
  text: |
    words
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), "2:1", "2:1"),
        (("spec",), "3:3", "2:1"),
        (("spec", "serving"), "3:12", "3:3"),
        (("spec", "serving", "contextLength"), "3:28", "3:13"),
        (("spec", "shapes", 0), "5:7", "5:7"),
        (("spec", "shapes", 1, "name"), "6:13", "6:7"),
        (("spec", "text"), "7:9", "7:3"),
        (("spec", "serving", "absent", "more"), "3:12", "3:3"),
        (("absent",), "2:1", "2:1"),
    ],
)
def test_every_value_has_its_place(path: tuple[str | int, ...], value: str, key: str) -> None:
    document = read(POSITIONS.encode(), "f.yaml")
    assert str(document.at(path)) == f"f.yaml:{value}"
    assert str(document.at(path, key=True)) == f"f.yaml:{key}"


def test_a_problem_names_path_and_place() -> None:
    document = read(POSITIONS.encode(), "f.yaml")
    problem = document.problem(("spec", "shapes", 1, "name"), "is odd; make it even")
    assert problem.location == Location("f.yaml", 6, 13)
    assert problem.message == "spec.shapes[1].name is odd; make it even"


def test_scalars_come_in_file_order() -> None:
    document = read(b"a: {b: 1, c: [x, {d: null}]}\ne: []\n", "f")
    assert [(show_path(path), value, is_key) for path, value, is_key in document.scalars()] == [
        ("a", "a", True),
        ("a.b", "b", True),
        ("a.b", 1, False),
        ("a.c", "c", True),
        ("a.c[0]", "x", False),
        ("a.c[1].d", "d", True),
        ("a.c[1].d", None, False),
        ("e", "e", True),
    ]


def test_odd_keys_are_shown_in_quotes_and_secret_ones_not_at_all() -> None:
    assert show_path(("a", "b c", "nvidia.com/gpu", 0)) == 'a["b c"]["nvidia.com/gpu"][0]'
    assert show_path(("a\n", "x" * 99)) == f'["a\\n"]["{"x" * 39}…"]'
    assert show_path(("env", "hf_" + "a1B2" * 9)) == 'env["***"]'
    assert show_path(()) == "the file"


def _bombs() -> dict[str, str]:
    """Texts that cost other readers their stack, memory or minutes; every one must be refused."""
    full = LIMIT - 8
    bombs: dict[str, str] = {}
    for opener in (
        "[",
        "{",
        "- ",
        "? ",
        ": ",
        "{a: ",
        "[a: ",
        "{? ",
        "[{",
        '{"a":',
        "- - ? ",
        "a: [",
        "- {a: [",
        "-\t",
    ):
        for size in (80, 1_000, 30_000, full):
            bombs[f"{opener!r} {size}"] = (opener * size)[:size]
    for levels in range(2, 32):
        shared = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, levels))
        bombs[f"aliases {levels}"] = "a0: &a0 [lol]\n" + shared
        merged = "".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}\n" for n in range(1, levels))
        bombs[f"merges {levels}"] = "m0: &m0 {a: 1}\n" + merged
        bombs[f"indent {levels * 20}"] = "".join(" " * n + "a:\n" for n in range(levels * 20))
    for digits in (24, 400, 4_299, 5_000, full):
        for number in ("{}", "0x{}", "0o{}", "-{}", ".{}e99999", "1e{}"):
            digit = "7" * (digits - len(number))
            bombs[f"number {number} {digits}"] = "a: " + number.format(digit)
    for character in "\0\x1b\x7f\x85\u00ad\u200b\u202e\u2028\ufeff\ufe0f\U000e0041":
        bombs[f"U+{ord(character):04X}"] = "a: " + character * (full // 4)
    for name, flood in {
        "list": "a,", "short list": "a\n,", "pairs": "[a: b],", "keys": "a:,", "aliases": "*a,", "anchors": "&a b,",
        "tags": "!a b,", "commas": ",", "questions": "?,", "empty": "{},", "quotes": "'',", "same key": "{a: 1, a: 2},",
    }.items():  # fmt: skip
        bombs[f"flood of {name}"] = "[" + (flood * full)[:full]
    for name, block in {
        "items": "- a\n", "dashes": "-\n", "keys": "a: b\n", "anchors": "- &a\n", "aliases": "- *a\n", "blanks": "\n",
        "comments": "#\n", "directives": "%A\n", "documents": "---\n", "ends": "...\n", "lines": "a\n",
        "literals": "- |\n", "complex keys": "? a\n", "tags": "- !a\n", "quotes": "- ''\n",
        "merges": "<<: {}\n", "crlf": "- a\r\n",
    }.items():  # fmt: skip
        bombs[f"lines of {name}"] = block * (full // len(block))
    for name, text in {
        "tag": "!" + "a" * full, "verbatim tag": "a: !<" + "a" * full, "percent tag": "!" + "%41" * (full // 3),
        "anchor": "&" + "a" * full, "alias": "*" + "a" * full, "directive": "%" + "a" * full,
        "version": "%YAML 1." + "1" * (full - 20) + "\n---\na", "spaces": " " * full, "tabs": "a:" + "\t" * full,
        "comment": "#" * full, "long key": "x" * (full - 9) + ": a", "open quote": "'" + "x" * full,
        "open escapes": '"' + "\\" * full, "flow key": "{" + "x " * (full // 2 - 9) + ": : a}",
        "accents": "a: e" + "\u0316\u0301" * (full // 4), "escaped accents": 'a: "' + "\\u0301" * (full // 6 - 2) + '"',
        "decomposed": "a: " + "e\u0301" * (full // 3 - 2), "halves": 'a: "' + "\\ud800" * (full // 6 - 2) + '"',
        "words": "a b " * (full // 4 - 3) + ": : c", "utf-16": "\0a" * (full // 2),
        "anchored keys": "&a ? " * (full // 5),
    }.items():  # fmt: skip
        bombs[name] = text[: full + 8]
    return bombs


@pytest.mark.attack("A3 YAML bombs")
def test_bombs_are_refused_within_half_a_second() -> None:
    bombs = _bombs()
    assert len(bombs) > 200
    assert {name for name, text in bombs.items() if not _is_soon_refused(text.encode())} == set()


def _is_soon_refused(bomb: bytes) -> bool:
    """In half a second of a quiet processor, on which the yardstick takes 0.04 s; other processes slow both down."""
    if _seconds(lambda: refusal(bomb)) <= 0.5:
        return True
    yardstick = b"- {name: a, size: 1}\n" * 400 + b"- {a: 1, a: 2}\n"  # what is right, libyaml reads
    for _ in range(5):
        slowness = max(1.0, _seconds(lambda: refusal(yardstick)) / 0.04)
        if _seconds(lambda: refusal(bomb)) <= 0.5 * slowness:
            return True
    return False


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_long_scalars_are_read() -> None:
    for text in (
        "a: |\n" + "  x y\n" * 9_000,
        "a: >\n" + "  x y\n\n" * 4_900,
        'a: "' + "x " * 100_000 + '"',
        "a: '" + "''" * 100_000 + "'",
        "a: " + "x " * 100_000,
        "a: " + "😀" * 60_000,
    ):
        assert isinstance(read(text.encode(), "f").value["a"], str)


FRAGMENTS = [
    *" \n:-?,[]{}&*!|>'\"%@`#~.0aB\\\r\t", "---\n", "...\n", "- ", "a: ", "? ", ": ", "<<: ", "!!str ", "&x ", "*x",
    "|2\n", "|+\n", ">-\n", "\\x41", "\\u0000", "\\N", "\u2028", "\ufeff", "\0", "é", "e\u0301", "😀", "%YAML 1.1\n",
    "'a'", '"b"', "{a: b}", "[c]", "0x", "1e999", ".nan", "\n  ", "\n    ",
]  # fmt: skip


def _try(data: bytes) -> Document | None:
    try:
        return read(data, "f")
    except InputError as error:
        lines = data.count(b"\n") + 1
        assert all(0 <= problem.location.line <= lines and "; " in problem.message for problem in error.problems)
        assert all("\n" not in problem.message for problem in error.problems)
        return None


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    document = _try(text.encode())
    if document:
        assert read(dump(document.value).encode(), "g").value == document.value


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    _try(data)


@pytest.mark.parametrize("text", ["a: on\nb: 0o17\nc: [1e3, ~]\n", POSITIONS])
def test_our_own_data_means_the_same_to_both_readers(text: str) -> None:
    value: Any = load_data(text)
    assert value == read(text.encode(), "f").value
