"""The facts of a model file from a model's own files, with what is missing, contradictory or unbelievable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gpuyard.catalogue import architectures, datafiles
from gpuyard.catalogue.checkpoint import config
from gpuyard.catalogue.checkpoint.attention import attention
from gpuyard.catalogue.checkpoint.config import Config
from gpuyard.catalogue.checkpoint.files import Checkpoint
from gpuyard.catalogue.checkpoint.formats import Format, format_of
from gpuyard.catalogue.checkpoint.names import names
from gpuyard.catalogue.checkpoint.parameters import bytes_per_parameter, counted, of_layers, of_vision
from gpuyard.catalogue.models import Quantization, impossible
from gpuyard.errors import InputError, Location, Problem

__all__ = ["Given", "Read", "read_facts"]

_VISION = ("vision_config", "visual", "vision_encoder", "mm_vision_tower", "vit_config")
_DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says himself, in the place of what files say."""

    weights_bytes: int | None = None
    parameters: int | None = None
    vision_bytes: int | None = None
    version: str | None = None
    """Of vLLM; None: the oldest that we know."""


@dataclass(slots=True)
class Read:
    """Facts, in the order in which a model file has them; and what is worth saying."""

    facts: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def read_facts(checkpoint: Checkpoint, given: Given) -> Read:
    """Parameters, bytes, attention and the rest, without a name; InputError with everything that is wrong."""
    top = config.whole(checkpoint.file, checkpoint.text, checkpoint.config)
    text = next((each for path in names()["sections"] if (each := top.below(*path)).data), top)
    text = (
        text
        if text.model_type
        else Config(text.file, {**text.data, "model_type": top.model_type}, text.places, text.section, text.problems)
    )
    notes = list(_supported(top, given))
    form, found = format_of(top, text, checkpoint.quantization), attention(text)
    if top.problems or form is None:
        raise InputError(top.problems)
    sizes = _sizes(checkpoint, top, text, form, found, given)
    facts = {
        **sizes,
        **({"quantization": form.kind.value} if form.kind is not Quantization.NONE else {}),
        **_optional(text, form),
        "attention": {**found},
        **_experts(text),
        **_vision(checkpoint, top, given),
    }
    if not top.problems:
        _check(top, facts)
    if top.problems:
        raise InputError(top.problems)
    return Read(facts, [*notes, *_notes(text, found)])


def _supported(top: Config, given: Given) -> Iterator[str]:
    """Whether vLLM serves the architecture; one that it has no code of its own for may still run."""
    listed = top.get("architectures")
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
        top.wrong("architectures", "is missing; vLLM chooses its code by it")
        return
    verdict = architectures.verdict(listed, given.version)
    if verdict.refused:
        top.wrong("architectures", verdict.refused)
    elif verdict.note and top.get("auto_map"):
        top.wrong(
            "architectures", f"{verdict.note}; its code comes with its weights (auto_map), which gpuyard cannot count"
        )
    elif verdict.note:
        yield verdict.note


def _optional(text: Config, form: Format) -> dict[str, Any]:
    """Facts that not every schema of ours has had."""
    known = datafiles.schema("model")["properties"]
    width = text.number("intermediate")
    dense = width if width and not (_experts(text) and text.number("expertWidth") is None) else None
    return {key: value for key, value in (("groupSize", form.group), ("intermediate", dense)) if value and key in known}


def _experts(text: Config) -> dict[str, Any]:
    total = text.number("experts")
    if not total or total < 2:
        return {}
    known = datafiles.schema("model")["properties"]["experts"]["properties"]
    width = text.number("expertWidth") or text.number("intermediate")
    return {"experts": {"total": total, **({"intermediate": width} if width and "intermediate" in known else {})}}


def _sizes(
    checkpoint: Checkpoint, top: Config, text: Config, form: Format, found: Mapping[str, Any], given: Given
) -> dict[str, int]:
    """Bytes from headers, else the index, else what the user says; parameters likewise, else of the layers."""
    whole, tensors = of_layers(text, found), checkpoint.tensors
    alone = not any(top.get(key) for key in _VISION)
    listed = checkpoint.metadata.get("total_size")
    weights = given.weights_bytes or sum(each.bytes for each in tensors) or _number(listed)
    parameters = given.parameters or _number(checkpoint.metadata.get("total_parameters"))
    parameters = parameters or counted(tensors, form) or (whole if alone else None)
    if weights is None:
        about = f"; in 16 bits it would be about {2 * whole}" if whole and form.kind is Quantization.NONE else ""
        message = (
            "the bytes of the weights are not here: give the folder with model.safetensors.index.json or the "
            f"safetensors files, or --weights-bytes (all safetensors files of the repository together){about}"
        )
        top.problems.append(Problem(Location(checkpoint.file), message))
    if parameters is None:
        message = (
            "the number of parameters is not here, and gpuyard cannot count those of this family: give the folder "
            "with the safetensors files, or --parameters"
        )
        top.problems.append(Problem(Location(checkpoint.file), message))
    if weights is None or parameters is None:
        return {}
    dtype = _dtype(checkpoint, top, text)
    _believable(checkpoint, top, form, weights, parameters, dtype, whole if alone else None)
    halved = form.kind is Quantization.NONE and dtype == "float32"  # vLLM loads it in 16 bits
    return {"parameters": parameters, "weightsBytes": weights, **({"loadedBytes": weights // 2} if halved else {})}


def _number(value: object) -> int | None:
    whole = int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0
    return whole if 0 < whole < 10**15 else None


def _dtype(checkpoint: Checkpoint, top: Config, text: Config) -> str:
    """Of the weights; the tensors know better than config.json."""
    sizes: dict[str, int] = {}
    for tensor in checkpoint.tensors:
        sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.bytes
    if sizes:
        most = max(sizes, key=lambda dtype: sizes[dtype])
        return _DTYPES.get(most, most)
    found = (config.get(key) for config in (top, text) for key in ("dtype", "torch_dtype"))
    return next((each for each in found if isinstance(each, str)), "").removeprefix("torch.")


def _believable(
    checkpoint: Checkpoint, top: Config, form: Format, weights: int, parameters: int, dtype: str, whole: int | None
) -> None:
    """Numbers from two places that can't both be right."""
    low, high = bytes_per_parameter(form.kind, dtype)
    each = weights / parameters
    if not low <= each <= high:
        kind = form.kind.value if form.kind is not Quantization.NONE else dtype or "16 bits"
        message = (
            f"{weights} bytes of weights are {each:.2f} bytes for each of {parameters} parameters, but {kind} takes "
            f"{low:g} to {high:g}; one of them is wrong (--weights-bytes, --parameters)"
        )
        top.problems.append(Problem(Location(checkpoint.file), message))
    elif whole and not 0.9 <= parameters / whole <= 1.1:
        message = (
            f"{parameters} parameters do not go with its layers, which have {whole}; the weights may be those of "
            "another model"
        )
        top.problems.append(Problem(Location(checkpoint.file), message))


def _vision(checkpoint: Checkpoint, top: Config, given: Given) -> dict[str, Any]:
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
    return {"vision": {"bytes": size, **({"heads": heads} if heads else {})}}


def _check(top: Config, facts: Mapping[str, Any]) -> None:
    for path, message in impossible(facts):
        top.problems.append(Problem(Location(top.file), f"{'.'.join(map(str, path))}: {message}"))


def _notes(text: Config, found: Mapping[str, Any]) -> Iterator[str]:
    if text.get("index_topk") is not None:
        yield "its sparse attention keeps an index of tokens, which the KV cache does not count"
    if "maxContext" in found and (rope := text.get("rope_scaling") or text.get("rope_parameters")):
        original = rope.get("original_max_position_embeddings") if isinstance(rope, Mapping) else None
        if original == found["maxContext"] and rope.get("factor", 1) != 1:
            yield (
                f"its config scales positions {rope['factor']:g} times, but max_position_embeddings, which vLLM takes "
                f"as the limit, is {original}"
            )
