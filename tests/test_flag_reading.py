"""Flags that the arithmetic, the download or the NetworkPolicy read, whatever their authors wrote."""

from itertools import islice
from typing import Any

import pytest

from gpuyard.catalogue import vllm
from gpuyard.catalogue.flagrules import needed, usable
from gpuyard.errors import InputError, Problem
from tests.projects import resolved

ODD: list[Any] = [8, -1, 1.5, 10**30, True, False, "", "x", "8", [], [7], ["a", {"b": 1}], [[1]], {}, {"a": {"b": []}}]
JSON = ["{", '{"a": 1}', '{"model": [1], "kv_connector": {"a": 1}, "method": 7}', "[1]", "null"]
HALF = 180  # a blueprint has 200 flags at most


def problems(spec: dict[str, Any]) -> tuple[Problem, ...]:
    """With their places."""
    try:
        resolved(spec)
    except InputError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("value", [*ODD, *JSON], ids=repr)
def test_no_value_of_a_flag_ends_in_a_traceback(value: Any) -> None:
    names = iter(vllm.base("0.32.0").flags)
    while some := list(islice(names, HALF)):
        with pytest.raises(InputError):
            resolved({"serving": {"args": dict.fromkeys(some, value)}})


@pytest.mark.parametrize("value", [8, 1.5, True, ["fp8"], {}])
def test_a_kv_cache_of_no_type_is_a_problem(value: Any) -> None:
    [found] = problems({"serving": {"args": {"kv-cache-dtype": value}}})
    assert found.message.startswith("spec.serving.args.kv-cache-dtype: ")
    assert found.location.line


def test_a_number_that_is_a_text_to_vllm_is_one_here() -> None:
    assert resolved({"serving": {"args": {"tokenizer-revision": 1234567, "tokenizer": "/cache/t"}}})


def test_each_mistake_is_where_it_is_written() -> None:
    args = {
        "structured-outputs-config": {"backend": "outline"},
        "collect-detailed-traces": ["model", "gpu"],
        "speculative-config": '{"method": "ngram", "num_speculative_tokens": 0}',
        "otlp-traces-endpoint": "http://traces:4317",
    }
    found = problems({"serving": {"args": args, "unsafe": ["otlp-traces-endpoint"]}})
    assert sorted(each.message.partition(": ")[0] for each in found) == [
        "spec.serving.args.collect-detailed-traces[1]",
        "spec.serving.args.speculative-config",
        "spec.serving.args.structured-outputs-config.backend",
    ]
    assert len({each.location.line for each in found}) == 3


def test_a_shape_is_checked_by_what_it_replaces() -> None:
    spec = {"serving": {"args": {"dtype": "half"}}, "shapes": {"h100": {"args": {"dtype": "bf16"}}}}
    [found] = problems(spec)
    assert found.message.startswith("spec.shapes.h100.args.dtype: must be one of auto, half")


NAME = "acme/draft"
OFFLINE = "the server has no access to Hugging Face, and acme/draft is not copied; "
HELD: list[tuple[dict[str, Any], str]] = [
    ({"tokenizer": NAME}, "tokenizer"),
    ({"hf-config-path": NAME}, "hf-config-path"),
    ({"generation-config": NAME}, "generation-config"),
    ({"spec-model": NAME, "spec-method": "eagle3"}, "spec-model"),
    ({"speculative-config": {"method": "eagle3", "model": NAME}}, "speculative-config.model"),
    ({"speculative-config": f'{{"method": "eagle3", "model": "{NAME}"}}'}, "speculative-config"),
    ({"default-mm-loras": {"audio": NAME, "image": "/cache/image"}}, "default-mm-loras.audio"),
    ({"default-mm-loras": f'{{"audio": "{NAME}"}}'}, "default-mm-loras"),
    ({"enable-lora": True, "lora-modules": [f"a={NAME}"]}, "lora-modules[0]"),
    ({"enable-lora": True, "lora-modules": f"a={NAME}"}, "lora-modules"),
    ({"enable-lora": True, "lora-modules": ["b=/cache/b", {"name": "a", "path": NAME}]}, "lora-modules[1].path"),
    ({"enable-lora": True, "lora-modules": [f'{{"name": "a", "path": "{NAME}"}}']}, "lora-modules[0]"),
    ({"enable-lora": True, "lora-modules": f'{{"name": "a", "path": "{NAME}"}}'}, "lora-modules"),
]


@pytest.mark.parametrize(("args", "place"), HELD)
def test_a_name_that_nobody_copies_is_found_in_every_form(args: dict[str, Any], place: str) -> None:
    found = [each.message for each in problems({"serving": {"args": args}}) if "Hugging Face" in each.message]
    assert [each.partition(": ")[0] for each in found] == [f"spec.serving.args.{place}"]
    assert found[0].partition(": ")[2].startswith(OFFLINE)
    left = problems(
        {"storage": {"download": False}, "serving": {"args": args, "unsafe": [*needed(args, (), "0.32.0")]}}
    )
    assert not [each for each in left if "takes only texts" not in each.message]  # said of adapters by modality


@pytest.mark.parametrize(
    "args",
    [
        {"generation-config": "vllm"},
        {"generation-config": "auto"},
        {"tokenizer": ""},
        {"spec-method": "ngram", "spec-model": "ngram", "spec-tokens": 3},
        {"speculative-config": {"model": "[ngram]", "num_speculative_tokens": 3}},
        {"speculative-config": {"method": "mtp", "num_speculative_tokens": 3}},
        {"speculative-config": {"method": "custom_class", "model": "team.Proposer", "num_speculative_tokens": 3}},
        {"spec-method": "custom_class", "spec-model": "team.Proposer", "spec-tokens": 3},
        {"speculative-config": '{"method": "eagle3", "model": "/cache/draft", "num_speculative_tokens": 3}'},
        {"enable-lora": True, "lora-modules": ["a=/cache/a", '{"name": "b", "path": "/cache/b"}']},
    ],
)
def test_what_is_no_name_or_on_a_volume_passes(args: dict[str, Any]) -> None:
    assert not problems({"serving": {"args": args, "unsafe": [*needed(args, (), "0.32.0")]}})


def test_a_number_where_vllm_takes_a_text_is_read_as_one() -> None:
    """As on the command line, so that nobody who reads the flag meets a number."""
    assert usable({"code-revision": 7, "max-num-seqs": 8}, "0.32.0") == {"code-revision": "7", "max-num-seqs": 8}
