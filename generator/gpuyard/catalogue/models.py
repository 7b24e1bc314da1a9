"""The model catalogue: facts about models that decide where they fit, read from catalogue/models/."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import Breach, read
from gpuyard.catalogue.plausible import contradictions
from gpuyard.doors.quantities import GIB

__all__ = ["Attention", "Experts", "Latent", "Model", "Quantization", "State", "Task", "Vision", "Window"]
__all__ += ["Extension", "Rope", "catalogue", "impossible", "model_from", "variants"]


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


class Task(StrEnum):
    """What a model answers with."""

    GENERATE = "generate"
    EMBED = "embed"
    SCORE = "score"
    TRANSCRIBE = "transcribe"


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
class Rope:
    """Rotary positions that YaRN can extend."""

    theta: float
    partial: float | None = None
    """Of a head; None: all of it."""
    original_context: int | None = None
    """That the authors extend; None: the longest."""
    factor: float | None = None
    """The largest that they recommend."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A context that YaRN makes longer: so many times the original one."""

    factor: float
    original_context: int

    @property
    def context(self) -> int:
        """Tokens of the longest request."""
        return int(self.factor * self.original_context)


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
    encoder: bool = field(default=False, kw_only=True)
    """An input is one batch; nothing of it stays in a KV cache."""
    cross: int | None = field(default=None, kw_only=True)
    """Tokens of the encoder's output, kept beside those of the answer."""
    window: Window | None = None
    latent: Latent | None = None
    state: State | None = None
    sinks: bool = False
    """Attention sinks, which few kernels take."""
    rope: Rope | None = None


@dataclass(frozen=True, slots=True)
class Experts:
    """Mixture of experts: how many in a layer, and how wide one is, where known."""

    total: int
    intermediate: int | None = None


@dataclass(frozen=True, slots=True)
class Vision:
    """The vision tower and its projector; bytes are part of the model's."""

    bytes: int
    heads: int | None = None
    replicated: bool = False
    """Every tensor-parallel GPU holds all of it."""
    tokens: int | None = None
    """Of the largest image, where known."""
    bidirectional: bool = False
    """Tokens of an image attend to each other in both directions."""


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
    task: Task = Task.GENERATE
    flags: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Of vLLM, without which it doesn't do its task; a blueprint's own win."""
    repository: str | None = None
    revision: str | None = None
    variant_of: str | None = None
    experts: Experts | None = None
    vision: Vision | None = None
    gated: bool = False
    licence: str | None = None
    intermediate: int | None = None
    """Width of an MLP that isn't an expert's; None: not known."""
    group_size: int | None = None
    """Quantised weights that share a scale; None: as usual for the quantisation."""
    refused_dtypes: tuple[str, ...] = ()
    """Types that vLLM refuses for this architecture."""
    extension: Extension | None = None
    """By which attention.max_context is what it is; None: the context is the model's own."""
    source: str | None = None
    """Where the facts are from."""
    date: str | None = None
    """The day on which they were looked up."""

    @property
    def weights_gib(self) -> float:
        """Weights in GPU memory, all GPUs together."""
        return self.loaded_bytes / GIB

    @property
    def max_context(self) -> int:
        """Tokens of the longest request."""
        return self.attention.max_context

    @property
    def pooling(self) -> bool:
        """Answers with numbers about its input, so that vLLM runs it as --runner=pooling."""
        return self.task in (Task.EMBED, Task.SCORE)

    @property
    def multimodal(self) -> bool:
        """Takes images, or recordings."""
        return self.vision is not None or self.task is Task.TRANSCRIBE


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
        task=Task(data.get("task", "generate")),
        flags=data.get("flags", {}),
        repository=data.get("repository"),
        revision=data.get("revision"),
        variant_of=data.get("variantOf"),
        experts=Experts(**experts) if experts else None,
        vision=Vision(**vision) if vision else None,
        gated=data.get("gated", False),
        licence=data.get("licence"),
        intermediate=data.get("intermediate"),
        group_size=data.get("groupSize"),
        refused_dtypes=tuple(data.get("refusedDtypes", ())),
        source=data.get("source"),
        date=data.get("date"),
    )


def _attention(data: Mapping[str, Any]) -> Attention:
    window, latent, state, rope = (data.get(key) for key in ("window", "latent", "state", "rope"))
    return Attention(
        layers=data["layers"],
        hidden=data["hidden"],
        heads=data["heads"],
        kv_heads=data["kvHeads"],
        head_dim=data["headDim"],
        vocabulary=data["vocabulary"],
        max_context=data["maxContext"],
        encoder=data.get("encoder", False),
        cross=data.get("cross"),
        window=Window(**window) if window else None,
        latent=Latent(latent["rank"], latent["ropeDim"]) if latent else None,
        state=State(**state) if state else None,
        sinks=data.get("sinks", False),
        rope=_rope(rope) if rope else None,
    )


def _rope(data: Mapping[str, Any]) -> Rope:
    return Rope(data["theta"], data.get("partial"), data.get("originalContext"), data.get("factor"))


def impossible(data: Mapping[str, Any]) -> Iterator[Breach]:
    """What a schema can't say."""
    attention = data["attention"]
    if attention["heads"] % attention["kvHeads"]:
        yield ("attention", "heads"), f"must be a multiple of kvHeads: {attention['heads']} of {attention['kvHeads']}"
    if attention.get("encoder") and data.get("task", "generate") not in ("embed", "score"):
        yield ("task",), "must be embed or score: an encoder writes nothing"
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
    return _Shipped()


class _Shipped(Mapping[str, Model]):
    """Each is read when it is asked for: a stack names a few of a hundred."""

    def __init__(self) -> None:
        folder = resources.files("gpuyard") / "catalogue" / "models"
        named = sorted((file.name, file) for file in folder.iterdir() if file.name.endswith(".yaml"))
        self._files = {name.removesuffix(".yaml"): file for name, file in named}
        self._models: dict[str, Model] = {}

    def __getitem__(self, name: str) -> Model:
        if name not in self._models:
            file = self._files[name]
            self._models[name] = model_from(read(file, "model", partial(_rules, file.name)))
        return self._models[name]

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def _rules(file: str, data: Mapping[str, Any]) -> Iterator[Breach]:
    if file != f"{data['name']}.yaml":
        yield ("name",), f"must be the file's: {file.removesuffix('.yaml')}"
    yield from impossible(data)


def variants(model: Model) -> tuple[Model, ...]:
    """Smaller versions of a model in the catalogue, the smallest last."""
    found = [entry for entry in catalogue().values() if entry.variant_of == model.name]
    return tuple(sorted(found, key=lambda entry: -entry.weights_bytes))
