from typing import Any

import pytest

from gpuyard.catalogue.models import Model, Quantization, catalogue, impossible, model_from, variants

FACTS: dict[str, Any] = {
    "name": "mine",
    "parameters": 8_000_000_000,
    "weightsBytes": 16_000_000_000,
    "attention": {
        "layers": 32,
        "hidden": 4096,
        "heads": 32,
        "kvHeads": 8,
        "headDim": 128,
        "vocabulary": 128256,
        "maxContext": 8192,
    },
}


def changed(**attention: object) -> dict[str, Any]:
    return FACTS | {"attention": FACTS["attention"] | attention}


@pytest.mark.parametrize("name", ["llama-3.1-8b-instruct", "qwen2.5-vl-7b-instruct", "llama-3.3-70b-instruct"])
def test_the_blueprints_find_their_models(name: str) -> None:
    assert catalogue()[name].repository


@pytest.mark.parametrize("model", catalogue().values(), ids=list(catalogue()))
def test_an_entry_is_plausible(model: Model) -> None:
    assert model.revision
    assert len(model.revision) == 40
    assert model.licence
    bytes_per_parameter = model.loaded_bytes / model.parameters
    if model.quantization is Quantization.NONE:
        assert 2 <= bytes_per_parameter < 2.02, "16-bit weights are two bytes each, where no kernel pads them"
    else:
        assert 0.5 < bytes_per_parameter < 1.2
    assert model.variant_of is None or model.variant_of in catalogue()


def test_smaller_forms_of_the_large_model_are_offered_the_smallest_last() -> None:
    assert [variant.name for variant in variants(catalogue()["llama-3.3-70b-instruct"])] == [
        "llama-3.3-70b-instruct-fp8",
        "llama-3.3-70b-instruct-awq",
    ]


def test_inline_facts_make_a_model() -> None:
    model = model_from(changed(window={"layers": 16, "tokens": 1024}, latent={"rank": 512, "ropeDim": 64}))
    assert model.loaded_bytes == 16_000_000_000
    assert model.weights_gib == pytest.approx(14.9, abs=0.01)
    assert model.attention.window
    assert model.attention.window.tokens == 1024
    assert model.attention.latent
    assert model.attention.latent.rope_dim == 64
    assert not model.multimodal


@pytest.mark.parametrize(
    ("facts", "place", "message"),
    [
        (changed(heads=30), "attention.heads", "must be a multiple of kvHeads: 30 of 8"),
        (
            changed(window={"layers": 33, "tokens": 16}),
            "attention.layers",
            "must be at least 33, the layers of window and state together",
        ),
        (changed(encoder=True), "task", "must be embed or score: an encoder writes nothing"),
        (
            FACTS | {"weightsBytes": 16},
            "weightsBytes",
            "must be at least two bits a parameter; give bytes, not GB or GiB",
        ),
        (
            FACTS | {"vision": {"bytes": 16_000_000_000}},
            "vision.bytes",
            "must be less than weightsBytes, which includes it",
        ),
    ],
)
def test_impossible_facts_are_explained(facts: dict[str, Any], place: str, message: str) -> None:
    assert [(".".join(map(str, path)), text) for path, text in impossible(facts)] == [(place, message)]


def test_facts_may_be_possible() -> None:
    assert not list(impossible(FACTS))
