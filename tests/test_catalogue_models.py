"""What kind of model an entry of the catalogue is, and that its numbers agree with each other."""

import json
from dataclasses import replace
from typing import Any

import jinja2
import pytest

from gpuyard.catalogue.models import Model, Quantization, Task, catalogue, model_from
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.catalogue.vllm import base, versions
from gpuyard.fit import Choice, Settings, Verdict, choose, defaults_for, explain, fit, memory
from tests.parameters import (
    ENCODERS,
    FORMS,
    HYBRIDS,
    TOWERS,
    awq_bytes,
    bert,
    decoder,
    deepseek,
    delta_state,
    fp8_bytes,
    hybrid,
    mxfp4,
    whisper,
)
from tests.projects import flags, problems, workload

ENCODER: dict[str, Any] = {
    "name": "encoder",
    "repository": "example/encoder",
    "task": "embed",
    "parameters": 560_000_000,
    "weightsBytes": 1_120_000_000,
    "attention": {
        "layers": 24,
        "hidden": 1024,
        "heads": 16,
        "kvHeads": 16,
        "headDim": 64,
        "vocabulary": 250_002,
        "maxContext": 512,
        "encoder": True,
    },
}
A10 = shapes()["a10"].nodes["VM.GPU.A10.1"]
MODELS = pytest.mark.parametrize("model", catalogue().values(), ids=list(catalogue()))

# Bytes of a 16-bit model's files, where they are not two for each parameter.
STORED = {
    "qwen3-0.6b": 2 * (596_049_920 + 151_936 * 1024),  # the head, which is the embedding, is there again
    "qwen3-1.7b": 2 * (1_720_574_976 + 151_936 * 2048),
    "bge-m3": 4 * 567_754_752,
    "snowflake-arctic-embed-l-v2.0": 4 * 567_754_752,
    "bge-large-en-v1.5": 4 * 335_141_888 + 8 * 512,  # positions are 64-bit integers
    "all-minilm-l6-v2": 4 * 22_713_216 + 8 * 512,
    "bge-reranker-v2-m3": 4 * 567_755_777,
    "whisper-large-v3": (2 + 4) * 1_543_490_560,  # in 16 bits, and in 32
}


@pytest.mark.parametrize(
    ("task", "pooling"), [("generate", False), ("embed", True), ("score", True), ("transcribe", False)]
)
def test_vllm_is_told_what_a_model_answers_with(task: str, pooling: bool) -> None:
    facts = {**ENCODER, "task": task, "attention": {**ENCODER["attention"], "encoder": pooling}}
    server = workload({"model": {"name": None, "architecture": facts}, "shapes": {"a10": {}}}, shape="a10")
    assert ("--runner=pooling" in server.values["args"]) is pooling
    assert model_from(facts).task is Task(task)


def test_the_author_has_the_last_word_on_the_runner() -> None:
    spec = {
        "model": {"name": None, "architecture": ENCODER},
        "serving": {"args": {"runner": "auto"}},
        "shapes": {"a10": {}},
    }
    server = workload(spec, shape="a10")
    assert "--runner=auto" in server.values["args"]


RERANKERS = [name for name, model in catalogue().items() if model.name.startswith("qwen3-reranker")]
PROMPT = """<|im_start|>system
Judge whether the Document meets the requirements based on the Query and the Instruct provided. \
Note that the answer can only be "yes" or "no".<|im_end|>
<|im_start|>user
<Instruct>: Given a web search query, retrieve relevant passages that answer the query
<Query>: capital of Peru
<Document>: Lima is the capital.<|im_end|>
<|im_start|>assistant
<think>

</think>

"""


@pytest.mark.parametrize("name", RERANKERS)
def test_a_reranker_that_was_trained_to_say_yes_or_no_is_told_how(name: str) -> None:
    """As vLLM's page on scoring has it, and with the prompt that the model's authors publish."""
    given = flags(workload({"model": {"name": name}, "shapes": {"a10": {}}}, shape="a10").values)
    assert json.loads(given["hf-overrides"]) == {
        "architectures": ["Qwen3ForSequenceClassification"],
        "classifier_from_token": ["no", "yes"],
        "is_original_qwen3_reranker": True,
    }
    messages = [
        {"role": "query", "content": "capital of Peru"},
        {"role": "document", "content": "Lima is the capital."},
    ]
    assert jinja2.Template(given["chat-template"]).render(messages=messages) == PROMPT


@MODELS
@pytest.mark.parametrize("version", versions())
def test_vllm_knows_the_flags_of_an_entry(model: Model, version: str) -> None:
    known = base(version)
    assert not [flag for flag in model.flags if known.named(flag)[0] is None]


def test_flags_of_ones_own_model_are_the_blueprints() -> None:
    """They are checked there: facts are no way around that."""
    spec = {"model": {"name": None, "architecture": {**ENCODER, "flags": {"trust-remote-code": True}}}}
    assert problems({**spec, "shapes": {"a10": {}}}) == [
        "spec.model.architecture.flags: is for entries of the catalogue; write flags under serving.args"
    ]
    own = {
        "model": {"name": RERANKERS[0]},
        "serving": {"args": {"chat-template": "{{ mine }}"}},
        "shapes": {"a10": {}},
    }
    assert flags(workload(own, shape="a10").values)["chat-template"] == "{{ mine }}"


def test_the_cache_holds_the_files_twice_whatever_is_loaded_of_them() -> None:
    facts = {**ENCODER, "weightsBytes": 20 * 2**30, "loadedBytes": 2 * 2**30}
    server = workload({"model": {"name": None, "architecture": facts}, "shapes": {"a10": {}}}, shape="a10")
    assert server.values["cache"]["size"] == "100Gi"  # 2 x 20 + 20, by 50


def test_an_encoder_needs_no_kv_cache() -> None:
    """It fits wherever its weights and one batch do, and what is said of it has no tokens of a cache."""
    model = model_from(ENCODER)
    settings = defaults_for(A10, 512)
    assert memory.kv_bytes(model, settings, 512) == 0
    found = fit(model, A10, settings, concurrency=100)
    assert found.verdict is Verdict.FITS
    assert (found.kv_tokens, found.full_length) == (0, settings.batched_tokens / 512)
    assert "no KV cache" in "\n".join(explain(found))


def test_an_encoder_reads_an_input_in_one_batch() -> None:
    long = {**ENCODER, "attention": {**ENCODER["attention"], "maxContext": 8192}}
    settings = defaults_for(A10, 8192)
    assert settings.batched_tokens < 8192
    found = fit(model_from(long), A10, settings)
    assert (found.verdict, found.reason) == (
        Verdict.NO,
        f"an encoder reads an input in one batch: 8192 tokens are more than {settings.batched_tokens}",
    )
    spec = {"model": {"name": None, "architecture": long}, "serving": {"contextLength": 8192}, "shapes": {"a10": {}}}
    assert "--max-num-batched-tokens=8192" in workload(spec, shape="a10").values["args"]


def test_an_encoder_has_to_fit() -> None:
    large = replace(model_from(ENCODER), loaded_bytes=30 * 2**30)
    found = fit(large, A10, defaults_for(A10, 512))
    assert found.verdict is Verdict.NO
    assert "GiB do not fit into" in found.reason


def test_the_output_of_an_encoder_is_kept_beside_the_answer() -> None:
    """A batch of it is what vLLM counts in each layer, whatever one recording takes."""
    attention = {**ENCODER["attention"], "encoder": False}
    plain = model_from({**ENCODER, "task": "transcribe", "attention": attention})
    whisper = model_from({**ENCODER, "task": "transcribe", "attention": {**attention, "cross": 1500}})
    settings = defaults_for(A10, 448)
    more = memory.kv_bytes(whisper, settings, 448) - memory.kv_bytes(plain, settings, 448)
    assert more == settings.batched_tokens * 24 * 2 * 16 * 64 * 2


def counted(model: Model) -> int:
    """Parameters, from the shape of the layers."""
    if model.name in FORMS:
        return decoder(model, FORMS[model.name]) + TOWERS.get(model.name, 0)
    if model.name in HYBRIDS:
        return hybrid(model, HYBRIDS[model.name])[0]
    if model.name in ENCODERS:
        return bert(model, *ENCODERS[model.name])
    if model.task is Task.TRANSCRIBE:
        return whisper(model)
    return deepseek(model, layers=61)[0] if model.attention.latent else mxfp4(model)[0]


@MODELS
def test_the_parameters_are_those_of_the_layers(model: Model) -> None:
    """What is published, to the last one, where config.json is read rightly."""
    assert counted(model) == model.parameters


@MODELS
def test_the_bytes_are_those_of_the_format(model: Model) -> None:
    match model.quantization:
        case Quantization.NONE if model.name in HYBRIDS:
            expected = 2 * sum(hybrid(model, HYBRIDS[model.name])) + 2 * HYBRIDS[model.name].wide
        case Quantization.NONE:
            expected = STORED.get(model.name, 2 * model.parameters)
        case Quantization.AWQ:
            expected = awq_bytes(model, FORMS[model.name])
        case Quantization.MXFP4:
            expected = mxfp4(model)[1]
        case _ if model.attention.latent:
            expected = deepseek_files(model)
        case _:
            expected = fp8_bytes(model, FORMS[model.name])
    assert model.weights_bytes == expected


def deepseek_files(model: Model) -> int:
    """With a 62nd layer, which has an embedding, a head, three more norms and a projection from twice the width."""
    more = 2 * 129_280 * 7168 + 2 * 7168 * 7168 + 3 * 7168
    return deepseek(model, layers=62)[1] + 2 * more


@pytest.mark.parametrize("name", ["deepseek-v3", "deepseek-r1", "deepseek-r1-0528"])
def test_what_deepseek_loads(name: str) -> None:
    """Not the layer for multi-token prediction; kv_b_proj a second time, in 16 bits, as vLLM's MLA keeps it."""
    model = catalogue()[name]
    assert model.loaded_bytes == deepseek(model, layers=61)[1] + 61 * 2 * 512 * 128 * (128 + 128)


@pytest.mark.parametrize("name", TOWERS)
def test_a_tower_is_what_its_layers_are(name: str) -> None:
    vision = catalogue()[name].vision
    assert vision
    assert vision.bytes == 2 * TOWERS[name]


@pytest.mark.parametrize(
    ("name", "total"),
    # metadata.total_size, or the sum of all tensors, as public repositories quote it.
    [
        ("qwen2.5-7b-instruct", 15_231_233_024),
        ("qwen2.5-14b-instruct", 29_540_067_328),
        ("qwen2.5-32b-instruct", 65_527_752_704),
        ("qwen2.5-72b-instruct", 145_412_407_296),
        ("mistral-7b-instruct-v0.3", 14_496_047_104),
        ("mistral-nemo-instruct-2407", 24_495_564_800),
        ("mixtral-8x7b-instruct-v0.1", 93_405_585_408),
        ("gemma-2-9b-it", 18_483_411_968),
        ("qwen3-30b-a3b-instruct-2507", 61_064_245_248),
        ("qwen3-32b-fp8", 34_322_434_048),
        ("llama-3.3-70b-instruct-fp8", 72_669_806_592),
        ("qwen3.6-35b-a3b", 71_903_645_408),
        ("qwen3.8-27b", 55_562_855_904),
        ("gpt-oss-20b", 13_761_264_768),
        ("gpt-oss-120b", 65_248_815_744),
    ],
)
def test_the_bytes_are_those_that_are_published(name: str, total: int) -> None:
    assert catalogue()[name].weights_bytes == total


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("deepseek-v3", 70_272),  # its authors' own paper on hardware (ISCA 2025) has both
        ("qwen2.5-72b-instruct", 327_680),
        ("gpt-oss-120b", 73_728),  # vLLM log: 130,960 tokens in 8.99 GiB, windows not used
        ("qwen3-30b-a3b-instruct-2507", 98_304),
        ("qwen2.5-7b-instruct", 57_344),
        ("mistral-7b-instruct-v0.3", 131_072),
    ],
)
def test_a_token_takes_what_is_published(name: str, size: int) -> None:
    """Bytes of a token in the KV cache, all layers together."""
    model = catalogue()[name]
    plain = replace(model, attention=replace(model.attention, window=None))
    assert memory.kv_bytes(plain, Settings(16, 1, 16, 0.9), 16) == 16 * size


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("gemma-2-2b-it", 26 / 2),  # every other one
        ("gemma-2-9b-it", 42 / 2),
        ("gemma-2-27b-it", 46 / 2),
        ("gemma-3-1b-it", 26 - 26 // 6),  # all but each sixth
        ("gemma-3-4b-it", 34 - 34 // 6),
        ("gemma-3-12b-it", 48 - 48 // 6),
        ("gemma-3-27b-it", 62 - 62 // 6),
        ("gpt-oss-20b", 24 / 2),
        ("gpt-oss-120b", 36 / 2),
        ("llama-4-scout-17b-16e-instruct", 48 - 48 // 4),
    ],
)
def test_layers_with_a_window_are_counted(name: str, layers: int) -> None:
    window = catalogue()[name].attention.window
    assert window
    assert window.layers == layers


@pytest.mark.parametrize("name", HYBRIDS)
def test_a_state_is_as_vllm_keeps_it(name: str) -> None:
    state = catalogue()[name].attention.state
    assert state
    assert (state.layers, state.bytes) == (catalogue()[name].attention.layers * 3 / 4, delta_state(HYBRIDS[name]))


def test_the_states_of_a_sequence_take_what_is_published() -> None:
    state = catalogue()["qwen3.5-4b"].attention.state
    assert state
    assert state.layers * state.bytes == 51_511_296


@MODELS
def test_a_model_fits_somewhere(model: Model) -> None:
    """With a short context, on an OCI shape that we know or with eight larger GPUs (H200): its facts make sense."""
    nodes = [node for shape in shapes().values() for node in shape.nodes.values()]
    if model.attention.latent:
        nodes = [replace(nodes[-1], name="BM.GPU.H200.8", usable_gib=139.0)]
    found = choose(model, nodes, context=min(4096, model.max_context))
    assert isinstance(found, Choice), found.reason
