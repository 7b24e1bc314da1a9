"""Does a model fit a node: the verdict and the numbers behind it."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from gpuyard.catalogue.models import Model, Quantization
from gpuyard.catalogue.shapes import Node
from gpuyard.doors.quantities import GIB
from gpuyard.fit import memory
from gpuyard.fit.accounting import accounting
from gpuyard.fit.lora import adapters
from gpuyard.fit.memory import BLOCK
from gpuyard.fit.settings import Settings

__all__ = ["MARGIN_GIB", "TYPICAL_TOKENS", "Fit", "Verdict", "defaults_for", "fit", "impossible"]

MARGIN_GIB = 1.0
"""What the estimate may be wrong by on one GPU: spread over public logs, cold or warm compile cache."""
TYPICAL_TOKENS = 2048
"""Prompt and answer of the request that concurrency is stated for; nobody sends full-length ones only."""
_FULL_LENGTH = 4
_DRIVER_GIB = 0.2
"""What the driver holds before vLLM starts; vLLM refuses to take more than is free."""


class Verdict(StrEnum):
    """The answer in one word."""

    FITS = "fits"
    TIGHT = "tight"
    """It runs, but hardly for anyone, or only if the estimate is right."""
    NO = "no"


@dataclass(frozen=True, slots=True)
class Fit:
    """The answer with its numbers: GiB on the fullest GPU, tokens and requests of one replica."""

    verdict: Verdict
    reason: str
    """Why not more than this verdict; empty when it fits."""
    node: str
    settings: Settings
    usable: float
    budget: float
    weights: float
    activation: float
    buffers: float
    graphs: float
    adapters: float
    kv: float
    kv_token_bytes: int
    kv_tokens: int
    full_length: float
    """Requests of the whole context at once."""
    typical: float
    """Requests of TYPICAL_TOKENS at once, at most max_num_seqs."""
    model: Model = field(repr=False)
    assumptions: tuple[str, ...]

    @property
    def largest_context(self) -> int:
        """The longest request that the KV cache holds; bisection, because windows make it uneven."""
        low, high = 0, self.model.attention.max_context // BLOCK
        while low < high:
            middle = (low + high + 1) // 2
            if memory.kv_bytes(self.model, self.settings, middle * BLOCK) <= self.kv * GIB:
                low = middle
            else:
                high = middle - 1
        return low * BLOCK

    @property
    def other(self) -> float:
        """Everything beside weights and KV cache, GiB."""
        return self.activation + self.buffers + self.graphs + self.adapters


def defaults_for(node: Node, context: int, *, concurrency: int = 1) -> Settings:
    """What to tell vLLM on a class of GPU, so that it doesn't choose by itself.

    By itself vLLM gives A100 2048 batched tokens, and H100 8192 with 1024 sequences: GiB for the sampler.
    """
    if node.usable_gib < 30:
        seqs, tokens, utilization = 64, 2048, 0.90
    elif not node.gpu.hopper:
        seqs, tokens, utilization = 256, 2048, 0.92
    else:
        seqs, tokens, utilization = 512, 8192, 0.92
    return Settings(context, max(seqs, concurrency), max(tokens, concurrency), utilization)


def impossible(model: Model, node: Node, settings: Settings) -> str | None:
    """Why vLLM would refuse to start, whatever memory there is."""
    heads, kv_heads, tensor = model.attention.heads, model.attention.kv_heads, settings.tensor
    if settings.gpus > node.gpus:
        return f"needs {settings.gpus} GPUs, the node has {node.gpus}"
    if heads % tensor:
        return f"tensor parallelism {tensor} does not divide {heads} attention heads"
    if not model.attention.latent and kv_heads % tensor and tensor % kv_heads:
        return f"tensor parallelism {tensor} neither divides {kv_heads} KV heads nor is a multiple of them"
    if model.vision and model.vision.heads and not model.vision.replicated and model.vision.heads % tensor:
        return f"tensor parallelism {tensor} does not divide {model.vision.heads} heads of the vision tower"
    if settings.context > model.attention.max_context:
        return f"context {settings.context} is more than the model's {model.attention.max_context}"
    if settings.kv_dtype.startswith("fp8") and not node.gpu.fp8:
        return f"an FP8 KV cache needs sm_89 or newer, {node.gpu.product} is {node.gpu.architecture}"
    return None


def fit(model: Model, node: Node, settings: Settings, *, concurrency: int = 1) -> Fit:
    """Whether a replica serves requests of `settings.context` on a node, and how many at once."""
    weights = memory.weights(model, settings)
    activation = memory.activation(model, settings)
    buffers = memory.buffers(node, settings)
    graphs = memory.graphs(model, node, settings)
    slots = adapters(model, settings)
    on_top = 0.0 if accounting(settings.version).graphs_inside else graphs
    budget = min(settings.utilization * node.usable_gib, node.usable_gib - on_top - _DRIVER_GIB)
    kv = max(0.0, budget - weights - activation - buffers - slots - graphs + on_top)
    needed = memory.kv_bytes(model, settings, settings.context)
    typical = memory.kv_bytes(model, settings, min(settings.context, TYPICAL_TOKENS))
    result = Fit(
        verdict=Verdict.FITS,
        reason="",
        node=node.name,
        settings=settings,
        usable=node.usable_gib,
        budget=budget,
        weights=weights,
        activation=activation,
        buffers=buffers,
        graphs=graphs - on_top,
        adapters=slots,
        kv=kv,
        kv_token_bytes=needed // settings.context,
        kv_tokens=int(kv * GIB / needed * settings.context) // BLOCK * BLOCK if needed else 0,
        full_length=_at_once(kv, needed, settings, settings.context),
        typical=min(_at_once(kv, typical, settings, TYPICAL_TOKENS), float(settings.max_num_seqs)),
        model=model,
        assumptions=_assumptions(model, node, settings),
    )
    verdict, reason = _judge(model, node, result, needed / GIB, concurrency)
    return replace(result, verdict=verdict, reason=reason)


def _at_once(kv: float, needed: int, settings: Settings, tokens: int) -> float:
    """Requests of so many tokens that the KV cache holds, or one batch of an encoder, which has none."""
    return kv * GIB / needed if needed else settings.batched_tokens / min(tokens, settings.context)


def _judge(model: Model, node: Node, found: Fit, needed: float, concurrency: int) -> tuple[Verdict, str]:
    """The verdict, and why it is no better."""
    refused = impossible(model, node, found.settings)
    if refused:
        return Verdict.NO, refused
    if found.kv < needed:
        left = found.budget - found.weights - found.other
        rest = f"{left:.2f} GiB are left" if left > 0 else "nothing is left"
        asked = f"a request of {found.settings.context} tokens needs {needed:.2f} GiB of KV cache on each GPU"
        return Verdict.NO, f"{asked}, {rest}"
    if found.kv - MARGIN_GIB < needed:
        return Verdict.TIGHT, f"less than {MARGIN_GIB:g} GiB to spare, the margin of error of the estimate"
    if model.attention.encoder:
        return Verdict.FITS, ""  # what doesn't go into a batch waits for the next one, not for an answer
    if found.full_length < _FULL_LENGTH:
        return Verdict.TIGHT, f"{found.full_length:.1f} full-length requests at once, not {_FULL_LENGTH}"
    if found.typical < concurrency:
        return Verdict.TIGHT, f"{found.typical:.0f} requests of {TYPICAL_TOKENS} tokens, not {concurrency}"
    return Verdict.FITS, ""


def _assumptions(model: Model, node: Node, settings: Settings) -> tuple[str, ...]:
    """What the numbers rest on, for people who doubt them."""
    found = [
        f"{node.usable_gib:g} of {node.gpu_memory_gib:g} GiB are usable, and nothing else uses the GPU",
        f"vLLM {settings.version}: {settings.max_num_seqs} sequences, batches of {settings.batched_tokens}",
        "sampling counted as vLLM 0.19 measured it; newer ones may log a larger KV cache than this",
    ]
    if model.attention.window:
        found.append(f"{model.attention.window.layers} layers keep {model.attention.window.tokens} tokens only")
    if model.attention.state:
        found.append("linear attention: the state of a sequence is counted, its alignment to blocks is not")
    if settings.adapters:
        found.append(f"{settings.adapters} adapters of rank {settings.adapter_rank}, on every layer")
    if model.attention.encoder:
        found.append("an encoder keeps no KV cache: what is left of the GPU stays free")
    if model.vision:
        found.append("one image of the largest size is encoded at a time")
    if model.quantization in {Quantization.FP8, Quantization.NVFP4} and not node.gpu.fp8:
        found.append(f"{node.gpu.product} has no FP8: the weights stay small, the arithmetic is 16-bit (Marlin)")
    if settings.tensor > 1 and not node.gpu.nvlink:
        found.append(f"{settings.tensor} GPUs talk over PCIe: it fits, but each token waits for it")
    return tuple(found)
