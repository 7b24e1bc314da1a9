"""What kind of model an entry of the catalogue is, and that its numbers agree with each other."""

from typing import Any

import pytest

from gpuyard.catalogue.models import Task, model_from
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.fit import Verdict, defaults_for, explain, fit, memory
from tests.projects import workload

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


def test_an_encoder_needs_no_kv_cache() -> None:
    """It fits wherever its weights and one batch do, and what is said of it has no tokens of a cache."""
    model = model_from(ENCODER)
    settings = defaults_for(A10, 512)
    assert memory.kv_bytes(model, settings, 512) == 0
    found = fit(model, A10, settings, concurrency=100)
    assert found.verdict is Verdict.FITS
    assert (found.kv_tokens, found.full_length) == (0, settings.batched_tokens / 512)
    assert "no KV cache" in "\n".join(explain(found))
    server = workload({"model": {"name": None, "architecture": ENCODER}, "shapes": {"a10": {}}}, shape="a10")
    assert server.facts["kvTokens"].text == "no KV cache"


def test_the_output_of_an_encoder_is_kept_beside_the_answer() -> None:
    """A batch of it is what vLLM counts in each layer, whatever one recording takes."""
    attention = {**ENCODER["attention"], "encoder": False}
    plain = model_from({**ENCODER, "task": "transcribe", "attention": attention})
    whisper = model_from({**ENCODER, "task": "transcribe", "attention": {**attention, "cross": 1500}})
    settings = defaults_for(A10, 448)
    more = memory.kv_bytes(whisper, settings, 448) - memory.kv_bytes(plain, settings, 448)
    assert more == settings.batched_tokens * 24 * 2 * 16 * 64 * 2
