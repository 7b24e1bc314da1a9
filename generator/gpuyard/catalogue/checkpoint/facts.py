"""The facts of a model file from a model's own files, with what is missing, contradictory or unbelievable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gpuyard.catalogue import architectures
from gpuyard.catalogue.checkpoint import config
from gpuyard.catalogue.checkpoint.attention import attention
from gpuyard.catalogue.checkpoint.config import Config
from gpuyard.catalogue.checkpoint.files import Checkpoint
from gpuyard.catalogue.checkpoint.parameters import of_layers, of_vision
from gpuyard.catalogue.checkpoint.quantised import Format, format_of
from gpuyard.catalogue.checkpoint.sizes import Given, sizes
from gpuyard.catalogue.checkpoint.vocabulary import names
from gpuyard.catalogue.models import Quantization, impossible
from gpuyard.errors import InputError, Location, Problem

__all__ = ["Given", "Read", "read_facts"]

_VISION = ("vision_config", "visual", "vision_encoder", "mm_vision_tower", "vit_config")


@dataclass(slots=True)
class Read:
    """Facts, in the order in which a model file has them; and what is worth saying."""

    facts: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def read_facts(checkpoint: Checkpoint, given: Given) -> Read:
    """Parameters, bytes, attention and the rest, without a name; InputError with everything that is wrong."""
    top = config.whole(checkpoint.file, checkpoint.text, checkpoint.config)
    text = _language(top)
    served, notes = _supported(top, given)
    form, found = format_of(top, text, checkpoint.quantization), attention(text)
    if top.problems or form is None:
        raise InputError(top.problems)
    task = _task(text, checkpoint, given, served)
    vision = _vision(checkpoint, top, given)
    counts = sizes(checkpoint, top, text, form, None if top.problems else of_layers(text, found), vision, given)
    facts = {
        **({"task": task} if task != "generate" else {}),
        **counts,
        **({"quantization": form.kind.value} if form.kind is not Quantization.NONE else {}),
        **_optional(text, form),
        "attention": {**found},
        **_experts(text),
        **({"vision": vision} if vision else {}),
    }
    if not top.problems:
        _check(top, facts)
    if top.problems:
        raise InputError(top.problems)
    return Read(facts, [*notes, *_notes(text, found)])


def _language(top: Config) -> Config:
    """The section of the language model, under the names that all families have."""
    text = next((each for path in names()["sections"] if (each := top.below(*path)).data), top)
    kind = text.model_type or top.model_type
    decoder = {key: text.data.get(own) for key, own in names()["decoders"].get(kind, {}).items()}
    return replace(text, data={**text.data, "model_type": kind, **decoder})


def _supported(top: Config, given: Given) -> tuple[str, list[str]]:
    """The task, and what is worth saying: an architecture that vLLM has no code of its own for may still run."""
    listed = top.get("architectures")
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
        top.wrong("architectures", "is missing; vLLM chooses its code by it")
        return "", []
    verdict = architectures.verdict(listed, given.version)
    if verdict.refused:
        top.wrong("architectures", verdict.refused)
    elif verdict.note and top.get("auto_map"):
        code = "its code comes with its weights (auto_map), and gpuyard cannot count what that needs"
        top.wrong("architectures", f"{verdict.note}; {code}")
    elif verdict.note:
        return verdict.task, [verdict.note]
    return verdict.task, []


def _task(text: Config, checkpoint: Checkpoint, given: Given, served: str) -> str:
    """What the user says; else what the architecture is for, or what the repository was made for."""
    if given.task:
        return given.task
    if text.model_type in names()["decoders"]:
        return "transcribe"
    return "embed" if served == "generate" and checkpoint.sentences else served


def _optional(text: Config, form: Format) -> dict[str, Any]:
    """What the fit refuses by: groups of quantised weights, and how wide a layer is outside of experts."""
    width = None if _experts(text) and text.number("expertWidth") is None else text.number("intermediate")
    return {
        **({"groupSize": form.group} if form.group else {}),
        **({"intermediate": width} if width else {}),
    }


def _experts(text: Config) -> dict[str, Any]:
    total = text.number("experts")
    if not total or total < 2:
        return {}
    width = text.number("expertWidth") or text.number("intermediate")
    return {"experts": {"total": total, **({"intermediate": width} if width else {})}}


def _vision(checkpoint: Checkpoint, top: Config, given: Given) -> dict[str, int]:
    """The tower; empty where there is none, or a problem was noted."""
    key = next((key for key in _VISION if top.get(key)), None)
    if key is None:
        return {}
    size = given.vision_bytes or of_vision(checkpoint.tensors)
    if not size:
        top.wrong(
            key,
            "the bytes of the vision tower are not here: give the folder with the safetensors files, whose headers "
            "have them, or --vision-bytes (tower and projector together)",
        )
        return {}
    tower = top.below(key)
    heads = next((tower.whole(name, 4096) for name in ("num_heads", "num_attention_heads") if tower.get(name)), None)
    return {"bytes": size, **({"heads": heads} if heads else {})}


def _check(top: Config, facts: Mapping[str, Any]) -> None:
    for path, message in impossible(facts):
        top.problems.append(Problem(Location(top.file), f"{'.'.join(map(str, path))}: {message}"))


def _notes(text: Config, found: Mapping[str, Any]) -> Iterator[str]:
    if text.get("index_topk") is not None:
        yield "its sparse attention keeps an index of tokens, which the KV cache does not count"
    if "maxContext" in found and (rope := text.get("rope_scaling") or text.get("rope_parameters")):
        rope = rope if isinstance(rope, Mapping) else {}
        original, factor = rope.get("original_max_position_embeddings"), rope.get("factor")
        if original == found["maxContext"] and isinstance(factor, int | float) and factor > 1:
            yield (
                f"its config scales positions {factor:g} times, but max_position_embeddings, which vLLM takes "
                f"as the limit, is {original}"
            )
