"""The writer: the same bytes everywhere, and the same values in every reader. And the fast readers of our own text."""

import importlib
import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gpuyard.doors.yamlio import dump, load_data, loader, parse_manifests, read
from gpuyard.doors.yamlio.characters import HIDDEN

# What some reader of YAML 1.1 or 1.2 takes for something other than text when it stands unquoted.
_WORDS = r"""
y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE null Null NULL ~ = << * & ! |
> % @ ` 12:30 1:20:30 190:20:30.15 1e3 1E3 1e+06 1.5e-3 0o17 017 08 0x1F 0b11 1_000 1__0 0x_1 .5 5. 1. +1 -1 -0
+.5 .inf -.inf +.INF .nan .NaN 2024-01-01 2024-1-1 2024-01-01T00:00:00Z 1.10 1.2.3 123 00 - -- --- ... ? : , [ ]
{ } # ' " \ -a --a a: :a a:b #a a# @a `a` !a &a *a %a |a >a ?a {a} [a] a,b {{a}} $(A) 100Gi 10m 5s 1d 1.5h 1e5m
0x1m 1Ei infinity nan None _1 e3 0d1 60:60 1:1 ../a ./a /a ~a a~ hf://meta-llama/Llama-3.1-8B@0e9e39f
sum(rate(x{a="b"}[5m])) -.5 -_1 +a
"""
TRAPS = [
    *_WORDS.split(),
    "",
    " ",
    "  a",
    "a ",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "a\tb",
    "\ta",
    "true ",
    "a b",
    "it's",
    'say "a"',
]
BLOCKS = [
    "a\n", "a\nb", "a\nb\n", "a\n\n", "a\n\n\nb\n\n", "\n", "\n\n", "\na", " a\n", "a\n b\n", "a\n  b\n c\n", "a \nb\n",
    "a\n \nb\n", "a\n ", "a\n\t\n", "\ta\n", "a\n\tb\n", "a: b\n- c\n", "#a\n#b\n", "---\n...\n", "%a\n", "a\rb\n",
    "a\r\nb\n", "null\n", "a\x85b\n", "a\u2028b\n", "é😀\nü\n", "a\n\u200b\n", "a\n#b\n", "|\n>\n",
    "'a\nb'\n", "a\n" * 50,
]  # fmt: skip
ODD = ["é", "😀", "\u00a0", "\u00ad", "\u200b", "\u202e", "\ufeff", "\x85", "\u2028", "\0", "\x1b", "\x7f", "\u3000"]
ODD += ["\ue000", "\ufffd", "\ufffe", "\U0001fffe", "\U0010ffff", "\ud7ff", "e\u0301"]
PIECES = [*TRAPS, *ODD, *" \n\t:#-?'\"\\,.&*!|>{}[]%@`0xe_ab"]

texts = st.one_of(
    st.sampled_from(TRAPS + BLOCKS + ODD),
    st.lists(st.sampled_from(PIECES), max_size=9).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
scalars = st.one_of(
    texts, st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


def _ruamel(text: str) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(text))


READERS: dict[str, Callable[[str], list[Any]]] = {
    "PyYAML": lambda text: list(yaml.load_all(text, Loader=yaml.SafeLoader)),
    "libyaml": lambda text: list(yaml.load_all(text, Loader=yaml.CSafeLoader)),
    "ruamel.yaml": _ruamel,
}


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(values, min_size=1, max_size=3))
def test_every_reader_reads_back_what_was_written(documents: list[Any]) -> None:
    text = dump(*documents)
    for name, reader in READERS.items():
        assert reader(text) == documents, name
    objects = [{"value": document} for document in documents]
    assert parse_manifests(dump(*objects)) == objects


@pytest.mark.parametrize("text", TRAPS + BLOCKS)
def test_no_reader_takes_text_for_something_else(text: str) -> None:
    document = {"value": text, "list": [text, [text]], f"key {text}": {text: text}}
    for name, reader in READERS.items():
        assert reader(dump(document)) == [document], name


def _batch(seed: int) -> dict[str, str]:
    """Three thousand texts as the data of a ConfigMap."""
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    made = ["".join(source.choices(PIECES, k=source.randrange(1, 9))) for _ in range(3_000)]
    return {f"k{number}": text for number, text in enumerate(TRAPS + BLOCKS + ODD + made)}


def _config_map(data: dict[str, str]) -> str:
    return dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})


def _run(program: Path, *arguments: str | Path, stdin: str = "") -> str:
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(
        [program, *arguments], input=stdin.encode(), capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-300:]
    return done.stdout.decode()


@pytest.mark.parametrize("reader", READERS)
def test_a_batch_is_read_back(reader: str) -> None:
    data = _batch(1)
    assert READERS[reader](_config_map(data))[0]["data"] == data


def test_kubernetes_reads_back_what_was_written(kubectl: Path) -> None:
    data = _batch(2)
    labelled = _run(kubectl, "label", "--local", "-f", "-", "a=b", "-o", "json", stdin=_config_map(data))
    assert json.loads(labelled)["data"] == data


def test_kustomize_passes_on_what_was_written(kubectl: Path, tmp_path: Path) -> None:
    # It can't write control characters, and writes NEL as a line break. Users' files hold neither.
    data = {key: text for key, text in _batch(3).items() if not HIDDEN.search(text)}
    (tmp_path / "config.yaml").write_bytes(_config_map(data).encode())
    (tmp_path / "kustomization.yaml").write_bytes(dump({"resources": ["config.yaml"]}).encode())
    built = _run(kubectl, "kustomize", tmp_path)
    labelled = _run(kubectl, "label", "--local", "-f", "-", "a=b", "-o", "json", stdin=built)
    assert len(data) > 1_500
    assert json.loads(labelled)["data"] == data


def test_style() -> None:
    document = {
        "kind": "Deployment",
        "metadata": {"name": "chat", "labels": {}, "annotations": {"gpuyard.dev/on": "on"}},
        "args": ["--model=/models/a", "--served-model-name", "12:30", "a: b", "-1"],
        "matrix": [[1, 2], [], [{"a": 1, "b": [2]}]],
        "script": "set -e\n\nexec vllm serve\n",
        "query": 'sum(vllm:num_requests_running{model_name="chat"})',
        "image": "docker.io/vllm/vllm-openai:v0.32.0",
        "owner": "Jürgen",
        "memory": "32Gi",
        "ratio": 1e16,
        "small": 1e-7,
        "none": None,
        "yes": True,
    }
    assert (
        dump(document, ["a"], "b", {})
        == """\
kind: Deployment
metadata:
  name: chat
  labels: {}
  annotations:
    gpuyard.dev/on: "on"
args:
- --model=/models/a
- --served-model-name
- "12:30"
- "a: b"
- "-1"
matrix:
- - 1
  - 2
- []
- - a: 1
    b:
    - 2
script: |
  set -e

  exec vllm serve
query: sum(vllm:num_requests_running{model_name="chat"})
image: docker.io/vllm/vllm-openai:v0.32.0
owner: "Jürgen"
memory: 32Gi
ratio: 1.0e+16
small: 1.0e-07
none: null
"yes": true
---
- a
---
b
---
{}
"""
    )


def test_long_text_and_long_keys_stay_on_their_line() -> None:
    document = {"a": "word " * 500 + "end", "k" * 999: 1, "k" * 1_000: 2, "q" * 5_000: [{"r" * 2_000: "x\ny\n"}]}
    text = dump(document)
    assert text.count("\n") == 10
    for reader in (*READERS.values(), parse_manifests):
        assert reader(text) == [document]


def test_tuples_are_lists_and_kinds_of_text_are_text() -> None:
    class Name(str):
        __slots__ = ()

    assert dump({Name("a"): (Name("b"), True)}) == "a:\n- b\n- true\n"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (object(), TypeError),
        ({1: "a"}, TypeError),
        ({"a"}, TypeError),
        (float("nan"), TypeError),
        (float("inf"), TypeError),
        ("\ud800", ValueError),
    ],
)
def test_what_no_yaml_can_hold_is_an_error(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        dump({"a": value} if not isinstance(value, dict) else value)


def test_the_strict_reader_takes_what_is_written() -> None:
    document = {"a": TRAPS, "b": [text for text in BLOCKS if text.isascii() and "\r" not in text]}
    assert read(dump(document).encode(), "f").value == document


# Recorded from sigs.k8s.io/yaml v1.6.0 (YAMLToJSON), which kubectl, Helm and Flux read with; null is None.
KUBERNETES = """
y=true Y=true n=false N=false yes=true Yes=true YES=true yEs="yEs" no=false on=true On=true off=false OFF=false
true=true True=true TRUE=true tRUE="tRUE" false=false null=null Null=null NULL=null nULL="nULL" ~=null 12:30="12:30"
1:20:30="1:20:30" 2024-01-01="2024-01-01" 2024-01-01T00:00:00Z="2024-01-01T00:00:00Z" 017=15 0o17=15 0x1F=31 0b11=3
1_000=1000 1e3=1000 1E3=1000 1e+06=1000000 1.5e-3=0.0015 .5=0.5 5.=5 -.5=-0.5 +1=1 -1=-1 0x_1=1 1__0=10 _1="_1"
9007199254740993=9007199254740993 9223372036854775808=9223372036854775808 18446744073709551616=18446744073709551616
123456789012345678901234567890=1.2345678901234568e+29 1.0=1 100=100 1.10=1.1 -0=0 0=0 00=0 08=8 09=9 -017=-15 -0x1f=-31
+0o7=7 -0b1=-1 0X1F=31 0O17=15 0B1=1 <<="<<" 1.5=1.5 1e400="1e400" 0.1e1_0=1000000000 1_0.5=10.5 1e21=1e+21
1e20=100000000000000000000 123456789.0=123456789 100Gi="100Gi" 1.2.3="1.2.3" 0x="0x" +="+" 1e="1e"
-9223372036854775809=-9223372036854775808 0xffffffffffffffff=18446744073709551615
0x10000000000000000="0x10000000000000000"
"""


@pytest.mark.parametrize("row", KUBERNETES.split())
def test_manifests_are_read_as_kubernetes_reads_them(row: str) -> None:
    text, _, expected = row.rpartition("=")
    value = parse_manifests(f"a: {text}\n")[0]["a"]
    wanted = json.loads(expected)
    assert (value, type(value) is bool, type(value) is str) == (wanted, type(wanted) is bool, type(wanted) is str)


def test_manifests() -> None:
    rendered = "---\n# a.yaml\n---\n# b.yaml\nkind: A\nargs: ['1', \"on\"]\n---\n\n---\nkind: B\ntext: |\n  on\n"
    assert parse_manifests(rendered) == [{"kind": "A", "args": ["1", "on"]}, {"kind": "B", "text": "on\n"}]
    assert parse_manifests("") == []


def test_a_key_given_twice_in_our_own_yaml_is_a_bug() -> None:
    with pytest.raises(ValueError, match="a key is given twice in our own YAML"):
        parse_manifests("a: 1\nb: 2\na: 3\n")


def test_data_is_read_by_the_core_schema() -> None:
    assert load_data("a: [no, on, 12:30, 0o17, ~, 1.5]\nb: {}\n") == {
        "a": ["no", "on", "12:30", 15, None, 1.5],
        "b": {},
    }
    assert load_data("# nothing\n") is None


def test_without_libyaml_our_own_text_is_read_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _config_map(_batch(4)) + "---\na: [on, 017, 1e3]\n---\n"
    expected = parse_manifests(text)
    monkeypatch.delattr(yaml, "CSafeLoader")
    try:
        assert importlib.reload(loader)._Base is yaml.SafeLoader
        assert loader.parse_manifests(text) == expected
    finally:
        monkeypatch.undo()
        importlib.reload(loader)
