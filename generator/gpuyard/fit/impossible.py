"""What vLLM refuses whatever memory there is: it would end at its start."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from gpuyard.catalogue.models import Model, Quantization
from gpuyard.catalogue.quantizations import attention_backend, on_load
from gpuyard.catalogue.shapes import Node
from gpuyard.fit.cachetypes import unreadable
from gpuyard.fit.settings import Settings

__all__ = ["Refused", "group_of", "impossible"]

_PARTS = "decode-context-parallel-size"
_GROUPED = {Quantization.AWQ: 128, Quantization.GPTQ: 128, Quantization.W4A16: 128}
"""Weights that share a scale, where the facts don't say; other formats have none, or vLLM fills the last one up."""


class Refused(NamedTuple):
    """Why vLLM wouldn't start, and the flag without which it would, where it is one."""

    reason: str
    flag: str = ""


def impossible(model: Model, node: Node, settings: Settings) -> Refused | None:
    """Why vLLM would refuse to start, or None."""
    if settings.gpus > node.gpus:
        return Refused(f"needs {settings.gpus} GPUs, the node has {node.gpus}")
    if settings.context > model.attention.max_context:
        return Refused(f"context {settings.context} is more than the model's {model.attention.max_context}")
    if model.attention.encoder and settings.context > settings.batched_tokens:
        longest, most = settings.context, settings.batched_tokens
        return Refused(f"an encoder reads an input in one batch: {longest} tokens are more than {most}")
    divided, types = chain(_divided(model, settings), _groups(model, settings)), _types(model, node, settings)
    return next(chain(divided, _backend(model, node, settings), types, _context_parallel(model, settings)), None)


def _backend(model: Model, node: Node, settings: Settings) -> Iterator[Refused]:
    """The attention backend that the author names, which vLLM takes or ends."""
    name, gpu = settings.backend, node.gpu
    if name == "auto" or name.upper() == "CUSTOM":
        return
    found, flag = attention_backend(name), "attention-backend"
    if found.reason:
        yield Refused(f"{flag} {name} cannot be named: {found.reason}", flag)
    elif found.latent and not model.attention.latent:
        yield Refused(f"{flag} {name} is for latent attention, which {model.name} does not have", flag)
    elif model.attention.latent and not found.latent:
        yield Refused(f"{flag} {name} is not for latent attention, which {model.name} has", flag)
    elif found.gpus and gpu.capability // 10 not in found.gpus:
        needed = " or ".join(f"sm_{each}x" for each in found.gpus)
        yield Refused(f"{flag} {name} needs {needed}, {gpu.product} is {gpu.architecture}", flag)


def _divided(model: Model, settings: Settings) -> Iterator[Refused]:
    """Heads that tensor parallelism has to divide."""
    heads, kv_heads, tensor = model.attention.heads, model.attention.kv_heads, settings.tensor
    if heads % tensor:
        yield Refused(f"tensor parallelism {tensor} does not divide {heads} attention heads")
    if not model.attention.latent and kv_heads % tensor and tensor % kv_heads:
        yield Refused(f"tensor parallelism {tensor} neither divides {kv_heads} KV heads nor is a multiple of them")
    if model.vision and model.vision.heads and settings.images:
        whole = model.vision.replicated or settings.tower_everywhere
        if not whole and model.vision.heads % tensor:
            yield Refused(f"tensor parallelism {tensor} does not divide {model.vision.heads} heads of the vision tower")
    if settings.draft and settings.draft.attention:
        drafting, parts = settings.draft.attention.heads, settings.draft.tensor or tensor
        if drafting % parts:
            yield Refused(f"tensor parallelism {parts} does not divide {drafting} attention heads of the draft")


def _groups(model: Model, settings: Settings) -> Iterator[Refused]:
    """Quantised weights that share a scale and would be on two GPUs; vLLM cuts experts' groups smaller by itself."""
    group, tensor = group_of(model), settings.tensor
    if group is None or tensor == 1:
        return
    projected = model.attention.heads * model.attention.head_dim
    for what, width in (("the MLP", model.intermediate), ("the attention's output", projected)):
        if width and (width % tensor or width // tensor % group):
            yield Refused(
                f"tensor parallelism {tensor} gives each GPU {width / tensor:g} of {width} inputs of {what}, "
                f"which cuts a group of {group} {model.quantization} weights"
            )


def group_of(model: Model) -> int | None:
    """Quantised weights that share a scale and must be on one GPU; None: there are none, as far as known."""
    if model.quantization is Quantization.FP8:
        return model.group_size
    known = _GROUPED.get(model.quantization)
    return known and (model.group_size or known)


def _types(model: Model, node: Node, settings: Settings) -> Iterator[Refused]:
    """Types that the model, the quantisation or the GPU doesn't go with."""
    gpu, dtype = node.gpu, {"half": "float16", "float": "float32"}.get(settings.dtype, settings.dtype)
    if dtype in model.refused_dtypes:
        yield Refused(f"vLLM refuses {dtype} for {model.name}, which is unstable in it; use bfloat16", "dtype")
    smaller = on_load(settings.quantize)
    if smaller and 0 < gpu.capability < smaller.capability:
        oldest = f"sm_{smaller.capability}"
        why = f"quantization {settings.quantize} needs {oldest} or newer, {gpu.product} is {gpu.architecture}"
        yield Refused(why, "quantization")
    if smaller and dtype == "float32":
        yield Refused(f"weights in {settings.quantize} are computed in 16 bits, not in {dtype}; use auto", "dtype")
    if dtype == "float32" and model.quantization is not Quantization.NONE:
        yield Refused(f"weights in {model.quantization} are computed in 16 bits, not in {dtype}; use auto", "dtype")
    if dtype == "float16" and model.quantization is Quantization.MXFP4:
        yield Refused(f"weights in {model.quantization} are computed in bfloat16, not in {dtype}; use auto", "dtype")
    if dtype == "bfloat16" and 0 < gpu.capability < 80:
        yield Refused(f"bfloat16 needs sm_80 or newer, {gpu.product} is {gpu.architecture}; use float16", "dtype")
    if reason := unreadable(model, gpu, settings):
        yield Refused(reason, "kv-cache-dtype")


def _context_parallel(model: Model, settings: Settings) -> Iterator[Refused]:
    """ParallelConfig and ModelConfig.verify_with_parallel_config."""
    attention, parts, tensor = model.attention, settings.context_parallel, settings.tensor
    if parts == 1:
        return
    if tensor % parts:
        yield Refused(f"{_PARTS} {parts} does not divide tensor parallelism {tensor}", _PARTS)
    if attention.window and settings.windows:
        yield Refused(f"{_PARTS} {parts} is not for models with a sliding window", _PARTS)
    if attention.latent:
        return
    if tensor <= attention.kv_heads or parts > tensor // attention.kv_heads:
        yield Refused(
            f"{_PARTS} {parts} needs tensor parallelism {parts * attention.kv_heads} or more, "
            f"as the model has {attention.kv_heads} KV heads; it has {tensor}",
            _PARTS,
        )
    if attention.heads // attention.kv_heads % parts:
        each = attention.heads // attention.kv_heads
        yield Refused(f"{_PARTS} {parts} does not divide {each} query heads of each KV head", _PARTS)
