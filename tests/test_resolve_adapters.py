"""LoRA adapters: flags of vLLM, or the reason why not."""

from typing import Any

import pytest

from gpuyard.catalogue import vllm
from tests.projects import chart_values, flags, problems, resolved

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLAIM = {"model": {"source": "pvc://weights/llama"}}


def serving(*adapters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"serving": {"adapters": list(adapters), **more}}


def adapter(name: str = "sql", source: str = "pvc://weights/lora/sql", rank: int = 8) -> dict[str, Any]:
    return {"name": name, "source": source, "rank": rank}


def test_flags() -> None:
    found = flags(chart_values({**CLAIM, **serving(adapter(), adapter("law", "pvc://weights/lora/law", 24))}))
    assert {name: found[name] for name in found if "lora" in name} == {
        "enable-lora": True,
        "max-loras": "2",
        "max-lora-rank": "32",
        "lora-modules": ["sql=/models/lora/sql", "law=/models/lora/law"],
    }
    assert set(found) <= set(vllm.catalogue("0.32.0").flags)  # type: ignore[union-attr]


@pytest.mark.parametrize(("rank", "largest"), [(1, 1), (8, 8), (9, 16), (257, 320), (321, 512), (512, 512)])
def test_the_smallest_rank_that_holds_all(rank: int, largest: int) -> None:
    assert flags(chart_values({**CLAIM, **serving(adapter(rank=rank))}))["max-lora-rank"] == str(largest)


def test_on_the_claim_of_the_cache() -> None:
    spec = {"storage": {"cache": {"claim": "mine"}}, **serving(adapter(source="pvc://mine/lora/sql"))}
    assert flags(chart_values(spec))["lora-modules"] == ["sql=/cache/lora/sql"]


def test_from_hugging_face_where_the_server_reaches_it() -> None:
    spec = {
        "storage": {"download": False},
        "clientNamespaces": ["apps"],
        **serving(adapter(source="hf://acme/sql-lora")),
    }
    assert flags(chart_values(spec))["lora-modules"] == ["sql=acme/sql-lora"]
    assert resolved(spec).notes[3:] == (
        "blueprints/chat.yaml: adapter sql is not pinned: each server loads what hf://acme/sql-lora has when it starts",
    )


def test_of_a_commit_copied_with_the_weights() -> None:
    found = chart_values(serving(adapter(source=f"hf://acme/sql-lora@{COMMIT}")))
    assert found["download"]["adapters"] == [{"id": "acme/sql-lora", "revision": COMMIT}]
    assert flags(found)["lora-modules"] == [f"sql=/cache/hf/hub/models--acme--sql-lora/snapshots/{COMMIT}"]
    assert resolved(serving(adapter(source=f"hf://acme/sql-lora@{COMMIT}"))).notes == resolved({}).notes


def test_each_shape_loads_them_from_where_its_own_weights_are() -> None:
    """A form of the model on a claim has no download Job, so nobody would copy the adapter."""
    shapes = {"a10": {"model": {"name": "llama-3.1-8b-instruct-awq", "source": "pvc://weights/llama"}}}
    spec = {"shapes": shapes, **serving(adapter(source=f"hf://acme/sql@{COMMIT}"))}
    assert any("the server has no access to Hugging Face" in found for found in problems(spec))


def test_none_no_flags() -> None:
    assert not [name for name in flags(chart_values({})) if "lora" in name]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({**CLAIM, **serving(adapter(), adapter())}, "adapters[1].name: sql is another adapter's name already"),
        ({**CLAIM, **serving(adapter("chat"))}, "adapters[0].name: chat is the model's own name already"),
        (
            {**CLAIM, **serving(adapter(), args={"max-loras": 4})},
            "spec.serving.args.max-loras: follows from serving.adapters; remove it here",
        ),
        (
            {**CLAIM, **serving(adapter(), args={"no-enable-lora": True})},
            "spec.serving.args.no-enable-lora: follows from serving.adapters",
        ),
        ({**CLAIM, **serving(adapter(rank=513))}, "must be at most 512"),
        (serving(adapter()), "its claim is not mounted; put it on the claim of the weights or the cache (none)"),
        (serving(adapter(source="hf://acme/sql")), "copies only pinned adapters; add @<40-digit commit>"),
        ({**CLAIM, **serving(adapter(source="hf://acme/sql"))}, "the server has no access to Hugging Face"),
        ({**CLAIM, **serving(adapter(source=f"hf://acme/sql@{COMMIT}"))}, "the server has no access to Hugging Face"),
        (
            {"storage": {"download": False}, **serving(adapter(source=f"hf://acme/sql@{COMMIT}"))},
            "loads an adapter by name only, so a commit cannot be pinned",
        ),
        ({**CLAIM, **serving(adapter("a=b"))}, "must be letters, digits"),
        ({**CLAIM, **serving(adapter(source="pvc://weights/../etc"))}, "or pvc://claim/folder"),
    ],
)
def test_refused(spec: dict[str, Any], message: str) -> None:
    assert any(message in found for found in problems(spec)), problems(spec)
