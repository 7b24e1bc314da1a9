"""What is posted of an untrusted run's file: all that `gpuyard diff` writes, and nothing that acts."""

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuyard.review.comment import LONGEST, cleaned, mark_of, marked
from gpuyard.review.diffmarkdown import markdown
from tests.reviewing import two

ROOM = 60_000


def test_what_gpuyard_writes_stays_as_it_is() -> None:
    for spec in (
        {"scaling": {"max": 3}},
        {"serving": {"args": {"trust-remote-code": True}, "unsafe": ["trust-remote-code"]}},
        {"model": {"name": "qwen3-8b"}},
    ):
        text = markdown(two({}, spec))
        assert "<details>" in text
        assert cleaned(text, ROOM) == text.rstrip() + "\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("@everyone look", "·everyone look\n"),
        ("fixes #12 and !3 and &4", "fixes ·12 and ·3 and ·4\n"),
        ("![x](https://evil.example/p.png)", "··x·(https:/·/evil.example/p.png)\n"),
        ("www.evil.example and GH-1", "w·ww.evil.example and G·H-1\n"),
        ("<img src=x onerror=y>", "·img src·x onerror·y·\n"),
        ("<!-- gpuyard:0000 -->", "··-- gpuyard:0000 --·\n"),
        ("### ", "···\n"),
        ("/merge", "·/merge\n"),
        ("- /approve", "- ·/approve\n"),
        ("```diff\n/close\n```", "```diff\n·/close\n```\n"),
        ("```diff\n+ a\n````\n@you", "```diff\n+ a\n```\n·you\n"),
        ("```diff\nnever closed", "```diff\nnever closed\n```\n"),
        ("```html\n@you", "···html\n·you\n"),
        ("a ` b\n@you ` c", "a · b\n·you · c\n"),
        ("`@you` and @you", "`@you` and ·you\n"),
        ("\\`@you\\`", "·`@you\\`\n"),
        ("| `a` |\n|---|\n| `x | @you` |", "| `a` |\n|---|\n| `x ¦ @you` |\n"),
        ("</details>\nx", "\nx\n"),
        ("<details><summary><code>chat</code>: 2 objects</summary>\n\nx", None),
        ("<details><summary><code><b>x</b></code>: 2 objects</summary>", None),
        ("a\u202eb\x1b[2J", "a·u202eb·x1b·2J\n"),
    ],
)
def test_what_acts_is_taken_out(text: str, left: str | None) -> None:
    found = cleaned(text, ROOM)
    if left is not None:
        assert found == left
    assert found.count("<details>") == found.count("</details>")
    assert "<b>" not in found


_TEXT = st.text(alphabet="`|@<>/#![]()\\\n -" + string.ascii_letters[:6], max_size=120)


@settings(max_examples=300, deadline=None)
@given(_TEXT)
def test_outside_of_code_nothing_is_left_that_acts(text: str) -> None:
    found = cleaned(text, ROOM)
    outside = re.sub(r"(?ms)^(`{3,})diff\n.*?^\1$", "", found)
    outside = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "x", outside)  # a line that begins so is no command
    outside = outside.replace("<details>", "").replace("</details>", "")
    assert not re.search(r"[@<>`!\[\]\\]|^\s*/", outside)
    assert cleaned(found, ROOM) == found


def test_a_file_that_is_too_long_is_cut_and_closed() -> None:
    block = (
        "<details><summary><code>chat</code>: 2 objects</summary>\n\n```diff\n" + "+ x\n" * 400 + "```\n\n</details>\n"
    )
    found = cleaned("### Compared\n" + block * 200, 5_000)
    assert len(found.encode()) <= 5_000
    assert found.startswith("### Compared\n")
    assert found.endswith("Cut for length.\n")
    assert found.count("<details>") == found.count("</details>")
    assert found.count("```") % 2 == 0


def test_the_mark_is_of_the_folder_and_says_nothing_of_it() -> None:
    assert mark_of(".") != mark_of("gpu")
    assert "-->" not in mark_of("a-->b").removesuffix("-->")
    assert marked(mark_of("."), "x\n", "y").endswith("-->\nx\n\ny\n")
    assert LONGEST == 65_536
