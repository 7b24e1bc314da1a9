"""A longer context by YaRN: what is computed, written and refused."""

import json
from typing import Any

import pytest

from tests.projects import Values, chart_values, flags, problems, resolved, workload
from tests.test_blueprint_fields import FACTS, HERE

QWEN: Values = {"model": {"name": "qwen3-32b", "ropeScaling": {"factor": 4}}, "serving": {"contextLength": 131072}}
WHERE = "blueprints/chat.yaml"


def own(**attention: Any) -> Values:
    facts = {**FACTS, "attention": {**FACTS["attention"], **attention}}
    return {"model": {"name": None, "architecture": facts, "source": HERE}}


def overrides(spec: Values) -> Any:
    return json.loads(flags(chart_values(spec))["hf-overrides"])


def test_vllm_is_told_of_all_that_it_needs() -> None:
    assert overrides(QWEN) == {
        # YaRN's factor doesn't count for vLLM's own limit, and rope_parameters are replaced as a whole.
        "max_position_embeddings": 131072,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 1000000,
            "factor": 4.0,
            "original_max_position_embeddings": 32768,
        },
    }
    assert flags(chart_values(QWEN))["max-model-len"] == "131072"


@pytest.mark.parametrize(
    ("scaling", "original", "context"),
    [
        ({"factor": 2}, 32768, 65536),
        ({"factor": 2.5}, 32768, 81920),
        ({"factor": 2, "originalContext": 40960}, 40960, 81920),
    ],
)
def test_the_context_is_the_factor_times_the_original(scaling: Values, original: int, context: int) -> None:
    spec = {"model": {"name": "qwen3-8b", "ropeScaling": scaling}, "serving": {"contextLength": context}}
    found = overrides(spec)
    assert found["max_position_embeddings"] == context
    assert found["rope_parameters"]["original_max_position_embeddings"] == original
    more = {**spec, "serving": {"contextLength": context + 1}}
    assert problems(more) == [
        f"spec.serving.contextLength: {context + 1} tokens are more than the {context} of qwen3-8b; lower it, or raise "
        "spec.model.ropeScaling.factor"
    ]


def test_without_a_length_the_default_context_stays() -> None:
    assert workload({"model": QWEN["model"]}).facts["context"].value == 16384


def test_a_model_of_ones_own_is_extended_from_its_longest_context() -> None:
    spec = own(rope={"theta": 500000, "partial": 0.5})
    spec["model"]["ropeScaling"] = {"factor": 2}
    assert overrides(spec) == {
        "max_position_embeddings": 81920,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 500000,
            "factor": 2.0,
            "original_max_position_embeddings": 40960,
            "partial_rotary_factor": 0.5,
        },
    }


def test_of_a_model_with_a_tower_the_language_model_is_told() -> None:
    spec = own(rope={"theta": 500000})
    spec["model"] |= {"ropeScaling": {"factor": 2}}
    spec["model"]["architecture"] |= {"vision": {"bytes": 1000000000}}
    assert set(overrides(spec)) == {"text_config"}
    assert overrides(spec)["text_config"]["max_position_embeddings"] == 81920


def test_a_shape_s_own_model_is_extended_alone() -> None:
    spec = {"shapes": {"h100": {"model": {"name": "qwen3-8b", "ropeScaling": {"factor": 4}}, "contextLength": 100000}}}
    assert overrides({"model": {"name": "qwen3-14b"}, **spec})["max_position_embeddings"] == 131072


@pytest.mark.parametrize("given", [{"foo": {"bar": 1}}, '{"foo": {"bar": 1}}'])
def test_overrides_of_the_author_s_stay(given: object) -> None:
    spec = {**QWEN, "serving": {"contextLength": 131072, "args": {"hf-overrides": given}, "unsafe": ["hf-overrides"]}}
    assert overrides(spec)["foo"] == {"bar": 1}
    assert overrides(spec)["max_position_embeddings"] == 131072


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rope_parameters": {}}, ".rope_parameters: rope_parameters follows from model.ropeScaling; remove it"),
        ({"max_position_embeddings": 1}, ".max_position_embeddings: max_position_embeddings follows from"),
        ('{"rope_scaling": {}}', ": rope_scaling follows from model.ropeScaling; remove it"),
        ("nonsense", ": must be an object: a mapping such as {key: value}, or the same as JSON text"),
        ("[1]", ": must be an object: a mapping such as {key: value}, or the same as JSON text"),
    ],
)
def test_overrides_of_the_author_s_that_are_ours(given: object, said: str) -> None:
    spec = {**QWEN, "serving": {"contextLength": 131072, "args": {"hf-overrides": given}, "unsafe": ["hf-overrides"]}}
    assert any(each.startswith(f"spec.serving.args.hf-overrides{said}") for each in problems(spec)), problems(spec)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(
            {"model": {"name": "qwen3-32b"}, "serving": {"contextLength": 131072}},
            "spec.serving.contextLength: 131072 tokens are more than the 40960 of qwen3-32b; lower it, or set "
            "spec.model.ropeScaling: {factor: 4}, which extends the context by YaRN",
            id="the key is named where it helps",
        ),
        pytest.param(
            {"model": {"name": "phi-4"}, "serving": {"contextLength": 32768}},
            "spec.serving.contextLength: 32768 tokens are more than the 16384 of phi-4; lower it",
            id="and only there",
        ),
        pytest.param(
            {"shapes": {"h100": {"contextLength": 65536, "model": {"name": "qwen3-8b"}}}},
            "spec.shapes.h100.contextLength: 65536 tokens are more than the 40960 of qwen3-8b; lower it, or set "
            "spec.shapes.h100.model.ropeScaling: {factor: 2}, which extends the context by YaRN",
            id="of a shape",
        ),
        pytest.param(
            {"model": {"name": "phi-4", "ropeScaling": {"factor": 2}}},
            "spec.model.ropeScaling: the positions of phi-4 cannot be scaled, or nobody has said how; for a model of "
            "your own, add rope: {theta: …} (rope_theta of its config.json) to attention",
            id="nothing is known of its positions",
        ),
        pytest.param(
            {"model": {"name": "qwen3-8b", "ropeScaling": {"factor": 1.25}}},
            "spec.model.ropeScaling.factor: 1.25 times 32768 tokens are no more than the 40960 of qwen3-8b; raise "
            "factor or remove ropeScaling",
            id="no longer than before",
        ),
        pytest.param(
            {"model": {"name": "qwen3-8b", "architecture": FACTS}},
            "spec.model.name: conflicts with architecture: keep name for the facts of that model, whose context "
            "ropeScaling extends, or architecture for facts of your own",
            id="facts beside a name",
        ),
        pytest.param(
            {"model": {"name": "qwen3-8b"}, "serving": {"args": {"rope-scaling": {"factor": 4}}}},
            "spec.serving.args.rope-scaling: --rope-scaling was removed in 0.11; set model.ropeScaling of "
            "the blueprint, such as {factor: 4}",
            id="the flag of former versions",
        ),
    ],
)
def test_what_is_refused(spec: Values, said: str) -> None:
    assert problems(spec) == [said]


def test_a_factor_beyond_what_the_authors_recommend_is_noted() -> None:
    def said(factor: int) -> list[str]:
        model = {"name": "qwen3-8b", "ropeScaling": {"factor": factor}}
        return [note for note in resolved({"model": model}).notes if "ropeScaling" in note]

    assert said(8) == [
        f"{WHERE}: ropeScaling of 8 is more than the 4 that the authors of qwen3-8b recommend; answers may get worse"
    ]
    assert not said(4)
