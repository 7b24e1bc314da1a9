"""Manifests that differ in scalars: what is read of them is what the whole text says."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gpuyard.doors.yamlio import parse_manifests
from gpuyard.doors.yamlio.alike import Alike
from gpuyard.doors.yamlio.loader import compose

FIRST = """\
kind: Deployment
metadata:
  name: "one"
  labels: {app: one, tier: x}
spec:
  replicas: 1
  args:
    - --port=8000
    - "two words"
  script: |
    echo one
    echo two
  folded: one
    two
  env:
  - name: A
    value: 'x'
  - {name: B, value: y}
  empty:
  list: [a, b]
  long: [a
    , b]
---
kind: Service
"""
LINES = FIRST.split("\n")
SCALARS = ["one", "1", '"x"', "'y'", "on", "a b", "", '""', "1.5", "~", "é", "0x1f", "\U0001f600"]
OTHERS = [
    *("a: b", "- a", "a #b", "# a", "[a]", "{a: b}", "|", ">-", "&a b", "*a", "!!str a", '"a', "'a", "'a' b", '"a" #b'),
    *("a\tb", " a", "a ", "? a", "%a", "---", "--- a", "...", "@a", "a:", "a\u2028b", "a\x85b", "a\rb", ".inf", "x\ny"),
    *("{a: b, a: c}", "{a: &b c}", "{a: *a}", "{a: !!str b}"),
    *("{a: [b, {c: d}]}", "{a: b} # c", "{a: b", "[a, b] c", "[]"),
]


def read(text: str) -> Any:
    try:
        return parse_manifests(text)
    except (yaml.YAMLError, ValueError):
        return None


def changed(number: int, value: str, *, whole: bool = False) -> str:
    """The text with another end of a line, or another line."""
    prefix = "" if whole else (re.match(r" *(?:- )?(?:\w+: ?)?", LINES[number]) or [""])[0]
    return "\n".join([*LINES[:number], prefix + value, *LINES[number + 1 :]])


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.sampled_from([*SCALARS, *OTHERS]), st.booleans())
@example(2, "", False)
@example(13, "two: x", True)
def test_another_line(number: int, value: str, whole: bool) -> None:
    text, reader = changed(number, value, whole=whole), Alike()
    assert reader.parse(FIRST) == read(FIRST)
    wanted = read(text)
    if wanted is None:
        with pytest.raises((yaml.YAMLError, ValueError)):
            reader.parse(text)
    else:
        assert repr(reader.parse(text)) == repr(wanted)
    assert repr(reader.parse(FIRST)) == repr(read(FIRST))


def test_what_is_alike_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of two lines, and no whole text."""
    reader, seen = Alike(), []
    first, service = reader.parse(FIRST)
    text = FIRST.replace('"one"', '"a fourth"').replace("replicas: 1", "replicas: 71")
    monkeypatch.setattr("gpuyard.doors.yamlio.alike.compose", lambda text: [seen.append(text), *compose(text)][1:])
    second, same = reader.parse(text)
    assert seen == ['"a fourth"', "71"]
    assert (second["metadata"]["name"], second["spec"]["replicas"]) == ("a fourth", 71)
    assert second["spec"]["env"] is first["spec"]["env"]
    assert same is service
    assert (first["metadata"]["name"], first["spec"]["replicas"]) == ("one", 1)
