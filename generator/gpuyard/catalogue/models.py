"""The model catalogue: facts about models that decide where they fit, read from catalogue/models/."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import Breach, read
from gpuyard.catalogue.plausible import contradictions
from gpuyard.doors.quantities import GIB

__all__ = ["Attention", "Experts", "Latent", "Model", "Quantization", "State", "Vision", "Window"]
__all__ += ["catalogue", "impossible", "model_from", "variants"]


class Quantization(StrEnum):
    """How weights are quantised; the words of Hugging Face repositories."""

    NONE = "none"
    FP8 = "fp8"
    AWQ = "awq"
    GPTQ = "gptq"
    W4A16 = "w4a16"
    W8A8 = "w8a8"
    MXFP4 = "mxfp4"
    NVFP4 = "nvfp4"
    BITSANDBYTES = "bitsandbytes"


@dataclass(frozen=True, slots=True)
class Window:
    """Layers that look back only so many tokens."""

    layers: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention: one compressed vector a token, whole on every GPU."""

    rank: int
    rope_dim: int


@dataclass(frozen=True, slots=True)
class State:
    """Layers with a constant state a sequence; bytes of one sequence in one layer."""

    layers: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Attention:
    """The language model's attention, as config.json has it."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    max_context: int
    window: Window | None = None
    latent: Latent | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Experts:
    """Mixture of experts: how many in a layer."""

    total: int


@dataclass(frozen=True, slots=True)
class Vision:
    """The vision tower and its projector; bytes are part of the model's."""

    bytes: int
    heads: int | None = None
    replicated: bool = False
    """Every tensor-parallel GPU holds all of it."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model, as far as its size and its shape decide."""

    name: str
    parameters: int
    weights_bytes: int
    """Of all safetensors files: what is downloaded and read."""
    loaded_bytes: int
    """Of the same in GPU memory; more where kernels pad."""
    attention: Attention
    quantization: Quantization = Quantization.NONE
    repository: str | None = None
    revision: str | None = None
    variant_of: str | None = None
    experts: Experts | None = None
    vision: Vision | None = None
    gated: bool = False
    licence: str | None = None

    @property
    def weights_gib(self) -> float:
        """Weights in GPU memory, all GPUs together."""
        return self.loaded_bytes / GIB

    @property
    def max_context(self) -> int:
        """Tokens of the longest request."""
        return self.attention.max_context

    @property
    def multimodal(self) -> bool:
        """Takes images."""
        return self.vision is not None


def model_from(data: Mapping[str, Any]) -> Model:
    """A model from facts that the schema and `impossible` have nothing against."""
    experts, vision = data.get("experts"), data.get("vision")
    return Model(
        name=data["name"],
        parameters=data["parameters"],
        weights_bytes=data["weightsBytes"],
        loaded_bytes=data.get("loadedBytes", data["weightsBytes"]),
        attention=_attention(data["attention"]),
        quantization=Quantization(data.get("quantization", "none")),
        repository=data.get("repository"),
        revision=data.get("revision"),
        variant_of=data.get("variantOf"),
        experts=Experts(**experts) if experts else None,
        vision=Vision(**vision) if vision else None,
        gated=data.get("gated", False),
        licence=data.get("licence"),
    )


def _attention(data: Mapping[str, Any]) -> Attention:
    window, latent, state = data.get("window"), data.get("latent"), data.get("state")
    return Attention(
        layers=data["layers"],
        hidden=data["hidden"],
        heads=data["heads"],
        kv_heads=data["kvHeads"],
        head_dim=data["headDim"],
        vocabulary=data["vocabulary"],
        max_context=data["maxContext"],
        window=Window(**window) if window else None,
        latent=Latent(latent["rank"], latent["ropeDim"]) if latent else None,
        state=State(**state) if state else None,
    )


def impossible(data: Mapping[str, Any]) -> Iterator[Breach]:
    """What a schema can't say."""
    attention = data["attention"]
    if attention["heads"] % attention["kvHeads"]:
        yield ("attention", "heads"), f"must be a multiple of kvHeads: {attention['heads']} of {attention['kvHeads']}"
    special = sum(attention[key]["layers"] for key in ("window", "state") if key in attention)
    if special > attention["layers"]:
        yield ("attention", "layers"), f"must be at least {special}, the layers of window and state together"
    if "vision" in data and data["vision"]["bytes"] >= data["weightsBytes"]:
        yield ("vision", "bytes"), "must be less than weightsBytes, which includes it"
    if data["weightsBytes"] * 4 < data["parameters"]:
        yield ("weightsBytes",), "must be at least two bits a parameter; give bytes, not GB or GiB"
    yield from contradictions(data)


@cache
def catalogue() -> Mapping[str, Model]:
    """The shipped models, by name."""
    folder = resources.files("gpuyard") / "catalogue" / "models"
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    models = (model_from(read(file, "model", partial(_rules, file.name))) for file in files)
    return {model.name: model for model in sorted(models, key=lambda model: model.name)}


def _rules(file: str, data: Mapping[str, Any]) -> Iterator[Breach]:
    if file != f"{data['name']}.yaml":
        yield ("name",), f"must be the file's: {file.removesuffix('.yaml')}"
    yield from impossible(data)


def variants(model: Model) -> tuple[Model, ...]:
    """Smaller versions of a model in the catalogue, the smallest last."""
    found = [entry for entry in catalogue().values() if entry.variant_of == model.name]
    return tuple(sorted(found, key=lambda entry: -entry.weights_bytes))
