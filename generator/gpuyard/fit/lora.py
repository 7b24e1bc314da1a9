"""GPU memory that vLLM sets aside for LoRA adapters: a slot for each, as large as the largest rank, in every layer."""

from gpuyard.catalogue.models import Model
from gpuyard.doors.quantities import GIB
from gpuyard.fit.settings import Settings

__all__ = ["adapters"]

_BYTES = 2
"""Adapters are held in the model's 16-bit type, whatever the weights are quantised to."""
_UNSEEN = 1.1
"""The one public log (64 slots of rank 16, Qwen3-4B) took 8% more than its matrices' sum."""


def adapters(model: Model, settings: Settings) -> float:
    """GiB on one GPU; each layer has a matrix from its input to the rank and one from the rank to its output."""
    if not settings.adapters:
        return 0.0
    attention, tensor = model.attention, settings.tensor
    queries, keys = attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim
    experts = model.experts.total if model.experts else 1
    width = _mlp_width(model, queries + keys)
    # vLLM divides the outputs of the first layer of a pair over the GPUs, and the inputs of the second.
    whole = (3 + 1 + 2 * experts + experts) * attention.hidden
    divided = queries + 2 * keys + queries + 3 * width
    layers = attention.layers / settings.pipeline
    edges = 2 * (attention.hidden + attention.vocabulary)
    numbers = layers * ((whole / tensor if settings.sharded_adapters else whole) + divided / tensor) + edges
    return settings.adapters * settings.adapter_rank * numbers * _BYTES * _UNSEEN / GIB


def _mlp_width(model: Model, projected: int) -> float:
    """Of one layer's MLP, all experts together: what the parameters leave beside attention and the embedding."""
    attention, vision = model.attention, model.vision.bytes / 2 if model.vision else 0
    rest = model.parameters - vision - attention.vocabulary * attention.hidden
    per_layer = rest / attention.layers - 2 * projected * attention.hidden
    return max(float(attention.hidden), per_layer / (3 * attention.hidden))
