"""Bytes and parameters of a model: from the headers of its tensors, the index, the user, or its layers."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gpuyard.catalogue.checkpoint.config import Config
from gpuyard.catalogue.checkpoint.files import Checkpoint
from gpuyard.catalogue.checkpoint.parameters import bytes_per_parameter, counted
from gpuyard.catalogue.checkpoint.quantised import Format
from gpuyard.catalogue.models import Quantization
from gpuyard.errors import Location, Problem

__all__ = ["Given", "sizes"]

_DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
_NEAR = 0.1
"""By which parameters may differ from those of the layers: heads for training, extra tokens."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the user says himself, in the place of what files say."""

    weights_bytes: int | None = None
    parameters: int | None = None
    vision_bytes: int | None = None
    task: str | None = None
    version: str | None = None
    """Of vLLM; None: the oldest that we know."""


def sizes(
    checkpoint: Checkpoint,
    top: Config,
    text: Config,
    form: Format,
    layers: int | None,
    vision: Mapping[str, int],
    given: Given,
) -> dict[str, int]:
    """The keys of a model file; `layers` are the parameters of the language model, if they can be counted."""
    tensors, plain = checkpoint.tensors, form.kind is Quantization.NONE
    dtype = _dtype(checkpoint, top, text)
    size = 4 if dtype == "float32" else 2
    whole = None if layers is None or (vision and not plain) else layers + vision.get("bytes", 0) // size
    weights = given.weights_bytes or sum(each.bytes for each in tensors) or _number(checkpoint, "total_size")
    parameters = given.parameters or _number(checkpoint, "total_parameters") or counted(tensors, form) or whole
    about = size * whole if whole and plain else None
    top.problems += [Problem(Location(checkpoint.file), message) for message in _missing(weights, parameters, about)]
    if not weights or not parameters:
        return {}
    for message in _wrong(form, weights, parameters, dtype, whole):
        top.problems.append(Problem(Location(checkpoint.file), message))
    halved = plain and dtype == "float32"  # vLLM loads it in 16 bits
    return {"parameters": parameters, "weightsBytes": weights, **({"loadedBytes": weights // 2} if halved else {})}


def _number(checkpoint: Checkpoint, key: str) -> int | None:
    value = checkpoint.metadata.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if 0 < value < 10**15 else None


def _dtype(checkpoint: Checkpoint, top: Config, text: Config) -> str:
    """Of the weights; the tensors know better than config.json."""
    held: dict[str, int] = {}
    for tensor in checkpoint.tensors:
        held[tensor.dtype] = held.get(tensor.dtype, 0) + tensor.bytes
    if held:
        most = max(held, key=lambda dtype: held[dtype])
        return _DTYPES.get(most, most)
    found = (config.get(key) for config in (top, text) for key in ("dtype", "torch_dtype"))
    return next((each for each in found if isinstance(each, str)), "").removeprefix("torch.")


def _missing(weights: int | None, parameters: int | None, about: int | None) -> Iterator[str]:
    if not weights:
        yield (
            "the bytes of the weights are not here: give the folder with model.safetensors.index.json or the "
            "safetensors files, or --weights-bytes, the bytes of all safetensors files of the repository"
            + (f" (its layers have about {about})" if about else "")
        )
    if not parameters:
        yield (
            "the number of parameters is not here, and gpuyard cannot count those of this family: give the folder "
            "with the safetensors files, or --parameters"
        )


def _wrong(form: Format, weights: int, parameters: int, dtype: str, whole: int | None) -> Iterator[str]:
    """Numbers from two places that can't both be right."""
    low, high = bytes_per_parameter(form.kind, dtype)
    if not low <= weights / parameters <= high:
        kind = form.kind.value if form.kind is not Quantization.NONE else dtype or "16 bits"
        yield (
            f"{weights} bytes of weights are {weights / parameters:.2f} bytes for each of {parameters} parameters, but "
            f"{kind} takes {low:g} to {high:g}; one of them is wrong (--weights-bytes, --parameters)"
        )
    elif whole and abs(parameters / whole - 1) > _NEAR:
        yield (
            f"{parameters} parameters do not go with its layers, which have {whole}; the weights may be those of "
            "another model"
        )
