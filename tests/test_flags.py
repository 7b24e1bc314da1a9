"""The flags of a server in their final form; tests/e2e/test_real_vllm_flags.py gives them to vLLM's own parser."""

from typing import Any

import pytest

from gpuyard.catalogue import vllm
from gpuyard.catalogue.flagrules import check_args
from gpuyard.resolve.inference.flags import written
from tests.projects import chart_values

V32 = "0.32.0"


@pytest.mark.parametrize(
    ("name", "value", "arguments"),
    [
        ("max-model-len", 16384, ["--max-model-len=16384"]),
        ("max-model-len", "16k", ["--max-model-len=16k"]),
        ("gpu-memory-utilization", 0.9, ["--gpu-memory-utilization=0.9"]),
        ("video-pruning-rate", 1e-05, ["--video-pruning-rate=1e-05"]),
        ("distributed-timeout-seconds", 2**53, ["--distributed-timeout-seconds=9007199254740992"]),
        ("prefix-cache-retention-interval", -1, ["--prefix-cache-retention-interval=-1"]),
        ("tool-call-parser", "-", ["--tool-call-parser=-"]),
        ("tool-call-parser", "--trust-remote-code", ["--tool-call-parser=--trust-remote-code"]),
        ("generation-config", "", ["--generation-config="]),
        ("chat-template", "a 'b'\n\"c\"", ["--chat-template=a 'b'\n\"c\""]),
        ("chat-template", "$(HOME) $x $$", ["--chat-template=$$(HOME) $$x $$$$"]),
        ("enable-prefix-caching", True, ["--enable-prefix-caching"]),
        ("enable-prefix-caching", False, ["--no-enable-prefix-caching"]),
        ("no-enable-prefix-caching", True, ["--no-enable-prefix-caching"]),
        ("no-enable-prefix-caching", False, ["--enable-prefix-caching"]),
        ("disable-log-stats", True, ["--disable-log-stats"]),
        ("disable-log-stats", False, []),
        ("limit-mm-per-prompt", {"image": 0, "video": 1}, ['--limit-mm-per-prompt={"image":0,"video":1}']),
        ("hf-overrides", {"a": "é$", "b": [None, 0.1]}, ['--hf-overrides={"a":"é$$","b":[null,0.1]}']),
        ("hf-overrides", '{"a": 1}', ['--hf-overrides={"a": 1}']),
        ("allowed-origins", ["a", "-b"], ['--allowed-origins=["a","-b"]']),
        ("allowed-origins", [], ["--allowed-origins=[]"]),
        ("middleware", ["a.b", "c.d"], ["--middleware=a.b", "--middleware=c.d"]),
        ("lora-modules", ["sql=/a", "law=/b"], ["--lora-modules", "sql=/a", "law=/b"]),
        ("lora-modules", "sql=/a", ["--lora-modules=sql=/a"]),
        ("lora-modules", [{"name": "a", "path": "/b"}], ["--lora-modules", '{"name":"a","path":"/b"}']),
        ("cudagraph-capture-sizes", [1, 2], ["--cudagraph-capture-sizes", "1", "2"]),
        ("ignore-patterns", ["a", ""], ["--ignore-patterns", "a", ""]),
        ("new-thing", True, ["--new-thing"]),
        ("new-thing", False, ["--no-new-thing"]),
        ("no-new-thing", False, ["--new-thing"]),
        ("new-thing", 0.5, ["--new-thing=0.5"]),
        ("new-thing", ["a", 1, True], ["--new-thing", "a", "1", "true"]),
        ("new-thing", {"a": ["b"]}, ['--new-thing={"a":["b"]}']),
    ],
)
def test_each_form(name: str, value: Any, arguments: list[str]) -> None:
    assert written({name: value}, V32) == tuple(arguments)


def test_the_order_in_the_file_starts_no_pod_anew() -> None:
    args = {"seed": 7, "middleware": ["b", "a"], "enable-lora": True}
    assert written(args, V32) == ("--enable-lora", "--middleware=b", "--middleware=a", "--seed=7")
    assert written(dict(reversed(args.items())), V32) == written(args, V32)


def test_the_form_is_that_of_the_version_or_of_the_newest_before_it() -> None:
    for version in (*vllm.versions(), "0.34.0", "0.31.0"):
        assert written({"allowed-origins": ["a"]}, version) == ('--allowed-origins=["a"]',)


# --- what a command line can't say ---------------------------------------------------------------------------


DASH = "must not begin with a dash: vLLM would read it as a flag"
LONG = "may have 130000 bytes at most: it becomes an argument of a program"
INSIDE = "must be a text, a number, true or false: vLLM takes no mappings and lists in this list"


@pytest.mark.parametrize(
    ("name", "value", "place", "message"),
    [
        ("ignore-patterns", ["a", "-b"], (1,), DASH),
        ("cudagraph-capture-sizes", [1, -1], (1,), DASH),
        ("ignore-patterns", [], (), "must list at least one entry; leave the flag out for its default"),
        ("ignore-patterns", ["a", {"b": 1}, {"c": 1}], (1,), INSIDE),
        ("ignore-patterns", [["a"]], (0,), INSIDE),
        ("chat-template", "a\rb", (), "must not contain control characters"),
        ("limit-mm-per-prompt", {"a\x07": 1}, (), "must not contain control characters"),
        ("mm-processor-kwargs", {"a": [float("nan")]}, (), "must not hold NaN or an infinite number"),
        ("chat-template", "é" * 65001, (), LONG),
        ("mm-processor-kwargs", {"a": ["b" * 130000]}, (), LONG),
    ],
)
def test_values_that_are_refused(name: str, value: Any, place: tuple[int, ...], message: str) -> None:
    assert check_args({name: value}, {}, (), V32) == [(("args", name, *place), message)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ignore-patterns", ["a"] * 5000),
        ("chat-template", "{" + "x" * 129_999),
        ("chat-template", "{" + "$" * 129_999),
        ("fingerprint-value", "--x"),
        ("allowed-origins", ["-", []]),
        ("limit-mm-per-prompt", {str(number): 2**53 for number in range(1000)}),
        ("chat-template", "{" + "é" * 64_999),
    ],
)
def test_what_is_right_is_taken_by_the_chart(name: str, value: Any) -> None:
    assert check_args({name: value}, {}, (), V32) == []
    assert chart_values({"serving": {"args": {name: value}}})["args"]


def test_all_flags_together_have_room_in_the_object_of_a_pod() -> None:
    names = ("chat-template", "tokenizer", "generation-config", "code-revision", "tokenizer-revision")
    args = dict.fromkeys(names, "{" + "x" * 109_999)
    assert check_args(dict(list(args.items())[:4]), {}, (), V32) == []
    [(path, message)] = check_args(args, {}, (), V32)
    assert path == ("args",)
    assert message == "550070 bytes are too much for the object of a pod; 524288 at most"
