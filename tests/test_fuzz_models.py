"""Facts of a model that are missing, contradictory or absurd: each an error in words, none of them a fit."""

import copy
import random
from collections.abc import Mapping
from typing import Any, Final

import pytest

from gpuyard.catalogue.models import catalogue, impossible
from gpuyard.doors.quantities import GIB
from tests.fuzzing import ODD, compiled, faults_of, in_batches
from tests.projects import BLUEPRINT, Values, merged, problems
from tests.test_blueprint_fields import FACTS, HERE
from tests.test_fuzz_flags import SITE

CHANCE: Final = 20261129
MUTATIONS: Final = 500
LATENT: Final = {
    "name": "latent", "parameters": 15_706_484_224, "weightsBytes": 31_412_968_448, "experts": {"total": 64},
    "attention": {"layers": 27, "hidden": 2048, "heads": 16, "kvHeads": 16, "headDim": 192, "vocabulary": 102400,
                  "maxContext": 163840, "latent": {"rank": 512, "ropeDim": 64}},
}  # fmt: skip
STATE: Final = {
    "name": "state", "parameters": 79_674_391_296, "weightsBytes": 159_348_782_592, "experts": {"total": 512},
    "attention": {"layers": 48, "hidden": 2048, "heads": 16, "kvHeads": 2, "headDim": 256, "vocabulary": 151936,
                  "maxContext": 262144, "state": {"layers": 36, "bytes": 1_097_728}},
}  # fmt: skip
WINDOW: Final = {
    "name": "window", "parameters": 12_187_325_040, "weightsBytes": 24_374_650_080,
    "loadedBytes": 24_374_650_080, "vision": {"bytes": 842_581_728, "heads": 16},
    "attention": {"layers": 48, "hidden": 3840, "heads": 16, "kvHeads": 8, "headDim": 256, "vocabulary": 262208,
                  "maxContext": 131072, "window": {"layers": 40, "tokens": 1024}},
}  # fmt: skip
MODELS: Final = (FACTS, LATENT, STATE, WINDOW)

ABSURD: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], str]]] = {
    # what a slip does to the facts, and what is said of it
    "bytes in GB": (FACTS, {"weightsBytes": 16}, "give bytes, not GB"),
    "bytes in MB": (FACTS, {"weightsBytes": 16_381}, "give bytes, not GB"),
    "half of the bytes": (FACTS, {"weightsBytes": 8_190_735_360}, "16 bits a parameter without quantization"),
    "bytes of four bits for FP8": (
        FACTS,
        {"weightsBytes": 4_600_000_000, "quantization": "fp8"},
        "8 bits a parameter of fp8 weights",
    ),
    "parameters in billions": (FACTS, {"parameters": 8}, "more than 32 bits a parameter"),
    "a digit of the parameters": (FACTS, {"parameters": 819_073_536}, "more than 32 bits a parameter"),
    "parameters of another model": (FACTS, {"parameters": 1, "weightsBytes": 2}, "must be at least"),
    "nothing is loaded": (FACTS, {"loadedBytes": 1}, "16 bits a parameter"),
    "loaded in GiB": (WINDOW, {"loadedBytes": 23}, "16 bits a parameter"),
    "one layer": (FACTS, {"attention": {"layers": 1}}, "too many for 1 layers"),
    "layers of another model": (FACTS, {"attention": {"layers": 360}}, "must be at least"),
    "hidden is one": (FACTS, {"attention": {"hidden": 1}}, "near hidden / heads"),
    "a head of one": (FACTS, {"attention": {"headDim": 1}}, "near hidden / heads"),
    "a head as wide as the model": (FACTS, {"attention": {"headDim": 4096}}, "near hidden / heads"),
    "one head": (FACTS, {"attention": {"heads": 1, "kvHeads": 1}}, "near hidden / heads"),
    "more KV heads than heads": (FACTS, {"attention": {"kvHeads": 64}}, "must be a multiple of kvHeads"),
    "KV heads that do not divide": (FACTS, {"attention": {"kvHeads": 5}}, "must be a multiple of kvHeads"),
    "a huge vocabulary": (FACTS, {"attention": {"vocabulary": 10**9}}, "must be at least"),
    "more windows than layers": (WINDOW, {"attention": {"window": {"layers": 60}}}, "at least 60"),
    "a window of one token": (WINDOW, {"attention": {"window": {"tokens": 1}}}, "one block of the KV cache"),
    "a tower larger than the model": (WINDOW, {"vision": {"bytes": 10**12}}, "must be less than weightsBytes"),
    "a latent of one": (LATENT, {"attention": {"latent": {"rank": 1}}}, "at least headDim"),
    "a state of one byte": (STATE, {"attention": {"state": {"bytes": 1}}}, "2 bytes for each of hidden"),
    "more states than layers": (STATE, {"attention": {"state": {"layers": 49}}}, "at least 49"),
    "no layers at all": (FACTS, {"attention": {"layers": 0}}, "must be at least 1"),
    "less than nothing": (FACTS, {"weightsBytes": -16_381_470_720}, "must be at least 1"),
    "a fraction": (FACTS, {"attention": {"layers": 36.5}}, "must be a whole number"),
    "a number in words": (FACTS, {"parameters": "8B"}, "must be a whole number"),
    "a quantisation of its own": (FACTS, {"quantization": "q4_k_m"}, "q4_k_m"),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_facts_are_refused_in_words(name: str) -> None:
    facts, slip, says = ABSURD[name]
    found = problems(_spec(merged(dict(facts), slip)))
    assert any(says in message for message in found), found
    assert all("spec.model.architecture" in message for message in found), found


TWICE: Final = {**FACTS, "weightsBytes": 3 * FACTS["weightsBytes"], "loadedBytes": FACTS["weightsBytes"]}  # type: ignore[operator]  # numbers


@pytest.mark.parametrize(
    "facts", [*MODELS, TWICE], ids=["whole", "latent", "state", "window", "weights in two formats"]
)
def test_facts_that_are_right_are_taken(facts: Mapping[str, Any]) -> None:
    assert problems(_spec(dict(facts))) == []


@pytest.mark.parametrize("name", catalogue())
def test_no_entry_of_the_catalogue_contradicts_itself(name: str) -> None:
    """The bounds hold for each, with room: half or twice the layers would be no slip of ten."""
    model = catalogue()[name]
    attention = model.attention
    facts = {
        "parameters": model.parameters,
        "weightsBytes": model.weights_bytes,
        "quantization": model.quantization.value,
        "attention": {
            "layers": attention.layers, "hidden": attention.hidden, "heads": attention.heads,
            "kvHeads": attention.kv_heads, "headDim": attention.head_dim, "vocabulary": attention.vocabulary,
            **({"cross": attention.cross} if attention.cross else {}),
        },
        **({"experts": {"total": model.experts.total}} if model.experts else {}),
        **({"vision": {"bytes": model.vision.bytes}} if model.vision else {}),
        "loadedBytes": model.loaded_bytes,
    }  # fmt: skip
    if attention.latent:
        facts["attention"]["latent"] = {"rank": attention.latent.rank}  # type: ignore[index]  # a mapping, see above
    assert list(impossible(facts)) == []


def test_mutations_of_facts() -> None:
    """Anything in the place of any fact, and facts that are left out: a verdict, and whatever fits has room for it."""
    chance = random.Random(CHANCE)  # noqa: S311 - the same mutations every time
    inputs = {f"m{number}": _mutated(chance, MODELS[number % len(MODELS)]) for number in range(MUTATIONS)}
    blueprints = {name: _blueprint(name, facts) for name, facts in inputs.items()}
    verdicts = dict(in_batches(blueprints, SITE))
    wrong = [f"{inputs[name]}: {fault}" for name, verdict in verdicts.items() for fault in faults_of(verdict)]
    assert wrong == [], "\n".join(wrong[:20])
    taken = {name: verdict for name, verdict in verdicts.items() if verdict.workloads}
    assert MUTATIONS / 50 < len(taken) < MUTATIONS / 2
    for name, verdict in taken.items():
        for workload in verdict.workloads:
            bytes_of_each = inputs[name].get("loadedBytes", inputs[name]["weightsBytes"]) / workload.gpus
            assert bytes_of_each < 80 * GIB, inputs[name]
    assert list(compiled({name: blueprints[name] for name in list(taken)[:40]}, SITE)) == []


def _mutated(chance: random.Random, facts: Mapping[str, Any]) -> Values:
    """One or two facts changed: left out, odd, or wrong by some powers of ten."""
    result = copy.deepcopy(dict(facts))
    for _ in range(chance.choice((1, 1, 2))):
        above: Values = result
        key = chance.choice(list(above))
        while isinstance(above[key], dict) and above[key] and chance.random() < 0.9:
            above, key = above[key], chance.choice(list(above[key]))
        value = above[key]
        kind = chance.choice(("gone", "odd", "scaled", "scaled", "near"))
        if kind == "gone" and len(above) > 1:
            del above[key]
        elif kind == "odd" or not isinstance(value, int):
            above[key] = chance.choice(ODD)
        else:
            above[key] = (
                int(value * 10.0 ** chance.randint(-6, 6)) if kind == "scaled" else value + chance.randint(-1, 1)
            )
    return result


def _spec(facts: Values) -> Values:
    return {"model": {"name": None, "architecture": facts, "source": HERE}, "shapes": {"h100": {}}}


def _blueprint(name: str, facts: Values) -> Values:
    spec = merged({"scaling": {"min": 1, "max": 1}}, _spec(facts))
    return {
        **merged(BLUEPRINT, {"metadata": {"name": name}}),
        "spec": {**spec, "model": {"architecture": facts, "source": HERE}},
    }
