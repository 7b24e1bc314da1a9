"""Parameters and bytes: of the tensors where their headers are there, else of the layers that config.json describes."""

import re
from collections.abc import Mapping
from math import prod
from typing import Any

from gpuyard.catalogue.checkpoint.config import Config
from gpuyard.catalogue.checkpoint.files import Tensor
from gpuyard.catalogue.checkpoint.quantised import Format
from gpuyard.catalogue.models import Quantization

__all__ = ["bytes_per_parameter", "counted", "of_layers", "of_vision"]

_SCALES = re.compile(
    r"\.(qzeros|scales|g_idx|weight_shape|(\w*_)?(scale|scales|zero_point|scale_inv|scale_2|amax))$|_scales$|\.rotary_emb\.inv_freq$"
)
"""Tensors of a quantisation that hold no parameters."""
_VISION = re.compile(
    r"^(model\.|thinker\.)?(visual|vision_tower|vision_model|vision_encoder|vision|multi_modal_projector|mm_projector|"
    r"vision_language_adapter|patch_merger|pre_mm_projector_norm|vpm|resampler|mlp1|embed_vision|image_newline)\b"
)
_EXPECTED: Mapping[Quantization, tuple[float, float]] = {
    Quantization.FP8: (0.95, 1.7),
    Quantization.W8A8: (0.95, 1.7),
    Quantization.MXFP4: (0.5, 1.3),
    Quantization.NVFP4: (0.5, 1.6),
    Quantization.AWQ: (0.5, 1.6),
    Quantization.W4A16: (0.5, 1.6),
    Quantization.GPTQ: (0.3, 1.7),
}
"""Bytes of a parameter; the embedding stays in 16 bits, which is a large part of a small model."""


def bytes_per_parameter(kind: Quantization, dtype: str) -> tuple[float, float]:
    """The least and the most that are believable."""
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    return (3.8, 4.2) if dtype == "float32" else (1.9, 2.1)


def counted(tensors: tuple[Tensor, ...], form: Format, bits: int = 4) -> int:
    """Parameters of tensors; packed ones hold several in a number."""
    return sum(_of_tensor(tensor, form, bits) for tensor in tensors)


def _of_tensor(tensor: Tensor, form: Format, bits: int) -> int:
    if _SCALES.search(tensor.name):
        return 0
    number = prod(tensor.shape)
    if form.kind is Quantization.NONE:
        return number
    if tensor.dtype in ("I32", "U32"):
        return number * 32 // bits
    return (
        number * 2 if tensor.dtype in ("U8", "I8") and form.kind in (Quantization.MXFP4, Quantization.NVFP4) else number
    )


def of_vision(tensors: tuple[Tensor, ...]) -> int:
    """Bytes of the vision tower and its projector."""
    return sum(tensor.bytes for tensor in tensors if _VISION.match(tensor.name))


def of_layers(text: Config, found: Mapping[str, Any]) -> int | None:
    """Parameters of a language model whose family is known, to the last one; `found` are the facts of its attention."""
    if not text.family and text.model_type != "llama" and text.model_type not in ("mixtral", "phi3", "ministral"):
        return None
    if "state" in found or "latent" in found:
        return None
    hidden, heads, kv_heads, dim = (found[key] for key in ("hidden", "heads", "kvHeads", "headDim"))
    mlp = _mlp(text, hidden)
    if mlp is None:
        return None
    biased = text.family.get("bias") == "qkv" or text.get("attention_bias") is True
    attention = hidden * dim * (heads + 2 * kv_heads) + heads * dim * hidden
    attention += dim * (heads + 2 * kv_heads) if biased else 0
    attention += hidden if text.get("attention_bias") is True and text.family.get("bias") != "qkv" else 0
    norms = text.family.get("norms", 2) * hidden + (2 * dim if text.family.get("headNorms") else 0)
    tied = text.get("tie_word_embeddings")
    tied = text.family.get("tied", False) if tied is None else tied
    embedding = found["vocabulary"] * hidden * (1 if tied else 2)
    total: int = embedding + found["layers"] * (attention + mlp + norms) + hidden
    return total


def _mlp(text: Config, hidden: int) -> int | None:
    """Of one layer: three matrices, of every expert where there are several, and their router."""
    experts, width = text.number("experts"), text.number("intermediate")
    if experts and experts > 1:
        if text.get("mlp_only_layers") or text.get("shared_expert_intermediate_size") or text.get("n_shared_experts"):
            return None
        width = text.number("expertWidth") or width
        return None if width is None else hidden * experts + experts * 3 * hidden * width
    return None if width is None else 3 * hidden * width
