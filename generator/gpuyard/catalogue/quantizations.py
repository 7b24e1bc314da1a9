"""Formats of weights: which `--quantization` goes with which checkpoint, and what it makes of 16-bit ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.models import Model, Quantization

__all__ = ["Backend", "OnLoad", "attention_backend", "instead", "loaded", "methods", "on_load"]

_FILE = resources.files("gpuyard") / "catalogue" / "vllm" / "formats.yaml"


@dataclass(frozen=True, slots=True)
class OnLoad:
    """What 16-bit weights become."""

    bytes: float
    """Of a number, scales included."""
    capability: int
    """The oldest GPU."""
    experts: bool = False
    """Only the experts."""


@cache
def _formats() -> Mapping[str, Any]:
    return read(_FILE, "vllm-formats")


def methods(quantization: Quantization) -> tuple[str, ...]:
    """Values of --quantization that a checkpoint goes with; a 16-bit one with those that make it smaller."""
    if quantization is Quantization.NONE:
        return tuple(_formats()["onLoad"])
    return tuple(_formats()["checkpoints"].get(quantization, ()))


def instead(checkpoint: str) -> str | None:
    """What to use in place of a format that vLLM doesn't load."""
    found: str | None = _formats()["instead"].get(checkpoint)
    return found


@dataclass(frozen=True, slots=True)
class Backend:
    """What an attention backend is for."""

    latent: bool = False
    gpus: tuple[int, ...] = ()
    """Compute capabilities without their last digit; empty: any."""
    reason: str = ""
    """Why nobody needs to name it."""


def attention_backend(name: str) -> Backend:
    """By its name in any case; of one that isn't listed nothing is known but that it is for plain attention."""
    rows = _formats()["backends"]
    row: Mapping[str, Any] = next((row for each, row in rows.items() if fnmatchcase(name.upper(), each)), {})
    return Backend(row.get("latent", False), tuple(row.get("gpus", ())), row.get("reason", ""))


def on_load(method: object) -> OnLoad | None:
    """What a value of --quantization makes of 16-bit weights."""
    row = _formats()["onLoad"].get(method) if isinstance(method, str) else None
    return OnLoad(**row) if row else None


def loaded(model: Model, method: object) -> Model:
    """The model as it is in GPU memory once it is quantised; as it was, where the method isn't for its weights."""
    smaller = on_load(method)
    if smaller is None or model.quantization is not Quantization.NONE:
        return model
    kept = 2 * 2 * model.attention.vocabulary * model.attention.hidden + (model.vision.bytes if model.vision else 0)
    if smaller.experts:
        kept = model.loaded_bytes - _experts(model)
    whole = min(model.loaded_bytes, int(kept))
    return replace(model, loaded_bytes=whole + int((model.loaded_bytes - whole) * smaller.bytes / 2))


def _experts(model: Model) -> int:
    """Bytes of all experts in 16 bits; none where their width isn't known."""
    found, attention = model.experts, model.attention
    if found is None or found.intermediate is None:
        return 0
    return 2 * 3 * found.total * found.intermediate * attention.hidden * attention.layers
