"""Bytes that one token takes of the KV cache in one layer, for each kv-cache-dtype, and what can read them.

From vLLM 0.32 and 0.33: vllm/v1/kv_cache_interface.py (page sizes), customize_spec of the attention backends
(scales beside the numbers), mla_attention.py (packed latent vectors).
"""

from collections.abc import Mapping

from gpuyard.catalogue.models import Attention, Latent, Model
from gpuyard.catalogue.shapes import Gpu
from gpuyard.fit.settings import Settings

__all__ = ["token_bytes", "unreadable"]

_PACKED_LATENT: Mapping[str, int] = {"fp8_ds_mla": 656, "nvfp4_ds_mla": 352}
"""512 quantised numbers with their scales, and 64 in 16 bits, as one record."""
_SCALE = 4
"""Of a key or a value of one head: float32."""
_FLASHINFER_HEADS = (64, 128, 256, 512)
_NOT_NVIDIA = {"fp8_inc": "Gaudi", "ultraquant_4bit": "AMD"}
_BELOW_16_BITS = ("fp8", "int", "nvfp4", "turboquant_", "octave_")


def token_bytes(attention: Attention, settings: Settings) -> int:
    """On one GPU; latent attention is whole on every GPU, KV heads are at least one."""
    dtype = "auto" if settings.unquantized_layers else settings.kv_dtype
    if attention.latent:
        return _latent(attention.latent, dtype, settings)
    return max(1, attention.kv_heads // settings.tensor) * _head(attention.head_dim, dtype, settings)


def _latent(latent: Latent, dtype: str, settings: Settings) -> int:
    if dtype in _PACKED_LATENT:
        return _PACKED_LATENT[dtype]
    return (latent.rank + latent.rope_dim) * (1 if dtype.startswith("fp8") else settings.value_bytes)


def _head(width: int, dtype: str, settings: Settings) -> int:
    """Key and value of one head."""
    match dtype:
        case "int4_per_token_head":
            return 2 * (width // 2 + _SCALE)
        case "int8_per_token_head" | "fp8_per_token_head":
            return 2 * (width + _SCALE)
        case "nvfp4" | "nvfp4_4over6":
            return 2 * (width // 2 + width // 16)
        case _:
            # TurboQuant leaves the first and the last layers in 16 bits; what is counted here is never too little.
            return 2 * width * (1 if dtype.startswith(_BELOW_16_BITS) else settings.value_bytes)


def unreadable(model: Model, gpu: Gpu, settings: Settings) -> str | None:
    """Why no attention backend takes this type of KV cache, with this model on this GPU."""
    dtype, attention = settings.kv_dtype, model.attention
    if dtype in _NOT_NVIDIA:
        return f"a KV cache in {dtype} is for {_NOT_NVIDIA[dtype]}, not for {gpu.product}"
    if dtype in _PACKED_LATENT and not attention.latent:
        return f"a KV cache in {dtype} is for models with latent attention, and {model.name} has none"
    if dtype in _PACKED_LATENT and not gpu.hopper:
        return f"a KV cache in {dtype} needs sm_90 or newer, {gpu.product} is {gpu.architecture}"
    if attention.latent and dtype.startswith(("int", "nvfp4_4", "turboquant_", "fp8_per_token")):
        return f"latent attention takes no KV cache in {dtype}"
    if dtype == "nvfp4_4over6" and gpu.capability < 100:
        return f"a KV cache in {dtype} needs sm_100, {gpu.product} is {gpu.architecture}"
    if dtype == "nvfp4" and not attention.latent and gpu.capability < 100:
        return _without_flashinfer(model, dtype, settings, heads=(128, 256, 512))
    if dtype.startswith("fp8") and not gpu.fp8:
        return _older(model, gpu, settings)
    return None


def _older(model: Model, gpu: Gpu, settings: Settings) -> str | None:
    """FP8 without FP8 arithmetic: FlashInfer reads it (from sm_80), Triton and FlashAttention don't.

    vLLM takes FlashInfer by itself where FlashAttention declines. Nobody has tried that for us, and where it isn't
    taken the server ends at its start: the author has to ask for it.
    """
    dtype = settings.kv_dtype
    if model.attention.latent or dtype == "fp8_per_token_head":
        why = "only Triton's kernels read it there"
    elif why := _without_flashinfer(model, dtype, settings, heads=_FLASHINFER_HEADS) or "":
        pass
    elif settings.backend.upper() == "AUTO":
        why = "only FlashInfer reads it there; ask for that by attention-backend: FLASHINFER"
    else:
        return None
    return f"an FP8 KV cache needs sm_89 or newer here, {gpu.product} is {gpu.architecture}: {why}"


def _without_flashinfer(model: Model, dtype: str, settings: Settings, heads: tuple[int, ...]) -> str | None:
    """Why FlashInfer isn't the backend, which alone reads the type on this GPU."""
    attention = model.attention
    if settings.backend.upper() not in ("AUTO", "FLASHINFER"):
        return f"attention-backend {settings.backend} does not read {dtype}, only FLASHINFER does"
    if attention.head_dim not in heads:
        return f"FlashInfer, which could read {dtype}, has no kernel for heads of {attention.head_dim}"
    if attention.sinks:
        return f"FlashInfer, which could read {dtype}, does not take the attention sinks of {model.name}"
    if model.vision and model.vision.bidirectional and settings.images:
        return f"FlashInfer, which could read {dtype}, does not attend in both directions within images of {model.name}"
    return None
