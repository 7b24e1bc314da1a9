"""What `gpuyard diff` says, read in review as files; and that a pull request writes nothing but code into a comment."""

import json
import re
from collections.abc import Callable
from pathlib import PurePosixPath

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpuyard.cli.difftext import as_text
from gpuyard.review.danger import Danger, rules
from gpuyard.review.diff import Base, ClusterDiff, Diff, Fate, Group, Model
from gpuyard.review.diffdata import as_data
from gpuyard.review.diffmarkdown import LIMIT, code, markdown
from gpuyard.review.fields import Field, Identity, ObjectChange, What
from gpuyard.review.placed import Consequence, Effect
from gpuyard.review.served import Served, Sum
from gpuyard.tree import Tree
from tests.differing import FRA, PHX
from tests.projects import Values
from tests.reviewing import two
from tests.test_diff import SCHEMA

CASES: dict[str, tuple[Values, Values, Values, Values]] = {
    # blueprint before, what differs; stack before, what differs
    "context": (
        {"serving": {"contextLength": 16384}},
        {"serving": {"contextLength": 8192}, "scaling": {"max": 2}},
        {},
        {},
    ),
    "moved": ({}, {"shapes": {"h100": {}}}, {}, {}),
    "version": ({}, {}, {"vllm": {"version": "0.32.0"}}, {"vllm": {"version": "0.33.0"}, "policy": {"maxGpus": 128}}),
    "cluster": ({}, {}, {"clusters": [PHX]}, {"clusters": [PHX, {**FRA, "vllm": {"version": "0.33.0"}}]}),
    "exposed": (
        {"storage": {"cache": {"kind": "fss", "size": "100Gi"}}},
        {"clientNamespaces": ["web"], "storage": {"cache": {"size": "50Gi"}}},
        {},
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name: str, assert_golden: Callable[[str, Tree], None]) -> None:
    found = two(*CASES[name])
    data = {"ok": True, "error": None, "problems": [], **as_data(found)}
    jsonschema.validate(data, SCHEMA)
    texts = {
        "diff.txt": "".join(f"{line}\n" for line in as_text(found)),
        "diff.md": markdown(found),
        "diff.json": json.dumps(data, indent=1) + "\n",
    }
    assert_golden(f"diff/{name}", {PurePosixPath(file): text for file, text in texts.items()})


# --- hostile names and values --------------------------------------------------------------------------------

hostile = st.lists(
    st.sampled_from(
        ["EVIL", "`", "```", "<b>", "</code>", "|", "@EVIL", "#1", "\n", "[x](http://EVIL)", "*", "~~~", "\\", " "]
    ),
    min_size=1,
    max_size=6,
).map("".join)


def diff_of(text: str, count: int = 1) -> Diff:
    """With that text wherever anything of somebody's can be."""
    old = Served(1, 1, 2, 8, ("n",), (text,))
    model = Model(text, Fate.CHANGED, (text, f"{text}2"), old, Served(1, 1, 2, 16, ("n",), ("other",)), (Sum(), Sum()))
    fields = (Field((text, f"[{text}]"), text, "x"),)
    names = (Identity(text, text, f"{text}{number}", "") for number in range(3))
    changes = tuple(ObjectChange(name, What.CHANGED, fields) for name in names)
    return Diff(
        Base(text, "0" * 40),
        "flux",
        tuple(ClusterDiff(f"{text}{number}", (model,), Sum(), Sum()) for number in range(count)),
        tuple(Group(f"{text}{number}", text, (text,), changes) for number in range(count)),
        (Consequence(text, text, f"{text} and more", Effect.COPIED),) * count,
        (Danger(rules()["renamed"], (text,), text, text),) * count,
        (text,),
        (text,),
        ("base/x",),
    )


def outside_of_code(text: str) -> str:
    """What a reader of GitHub's Markdown takes for text: without fenced blocks, code spans and escaped code."""
    text = re.sub(r"^(`{3,})diff\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)", "", text)
    return re.sub(r"<code>(?:[\w -]|&#\d+;)*</code>", "", text)


@given(hostile)
@example("`EVIL``")
@example("```\nEVIL\n```")
@settings(max_examples=150, deadline=None)
def test_nothing_of_a_pull_request_is_markdown(text: str) -> None:
    said = outside_of_code(markdown(diff_of(f"{text}EVIL")))
    assert "EVIL" not in said
    assert "<b>" not in said
    assert "@" not in said


@given(hostile)
@settings(max_examples=50, deadline=None)
def test_nothing_of_a_pull_request_begins_a_line(text: str) -> None:
    plain = diff_of("x")
    assert len(list(as_text(diff_of(f"{text}x")))) == len(list(as_text(plain)))
    assert all(line.isprintable() for line in as_text(diff_of(f"{text}\u202ex\x1b[31m")))
    table = [line for line in markdown(diff_of(f"{text}x")).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {9}


@pytest.mark.parametrize("text", ["", "`", "a`b", "``", " a ", "a\nb"])
def test_code_is_closed_by_a_fence_that_it_does_not_hold(text: str) -> None:
    said = code(text)
    fence = said[: len(said) - len(said.lstrip("`"))]
    assert fence not in said[len(fence) : -len(fence)]
    assert "\n" not in said


# --- length --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [2000, 3000, 10_000, LIMIT])
@pytest.mark.parametrize("count", [1, 400])
def test_a_comment_is_never_longer_than_its_limit(limit: int, count: int) -> None:
    found = markdown(diff_of("chát" * 8, count), limit)
    assert len(found.encode()) <= limit
    assert found.startswith("### Compared with ")
    if count == 400:
        assert "`renamed`" in found[: limit // 2]
        assert re.search(r"^… and \d+ more$", found, re.MULTILINE)
        assert "`gpuyard diff` prints all of it." in found.splitlines()[-1]
        assert found.count("<details>") == found.count("</details>")


def test_what_fits_is_whole() -> None:
    found = markdown(diff_of("chat", 3))
    assert found.count("<details>") == 3
    assert "Cut for length" not in found


def test_the_limit_is_below_githubs() -> None:
    assert LIMIT < 65_536


def test_a_secret_is_in_none_of_them() -> None:
    change = ObjectChange(Identity("Secret", "n", "s", ""), What.CHANGED, (Field(("data", "a"), "b2xk", "bmV3"),))
    found = Diff(Base("main"), "flux", groups=(Group("chat", "a10", ("phx",), (change,)),), files=("x",))
    for text in (markdown(found), "\n".join(as_text(found)), json.dumps(as_data(found))):
        assert "b2xk" not in text
        assert "bmV3" not in text
        assert "hidden" in text
