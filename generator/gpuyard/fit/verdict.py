"""Does a model fit a node: the verdict and the numbers behind it."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from gpuyard.catalogue.models import Model, Quantization
from gpuyard.catalogue.shapes import Node
from gpuyard.doors.quantities import GIB
from gpuyard.fit import memory
from gpuyard.fit.accounting import accounting
from gpuyard.fit.impossible import impossible
from gpuyard.fit.lora import adapters
from gpuyard.fit.settings import Settings

__all__ = ["MARGIN_GIB", "TYPICAL_TOKENS", "Fit", "Verdict", "defaults_for", "fit"]

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
    draft: float
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
    impossible: bool = False
    """vLLM refuses it whatever memory there is, and however short the context."""
    flag: str = ""
    """The one without which vLLM would start, where it is one."""

    @property
    def largest_context(self) -> int:
        """The longest request that the KV cache holds; bisection, because windows make it uneven."""
        block = self.settings.block
        low, high = 0, self.model.attention.max_context // block
        while low < high:
            middle = (low + high + 1) // 2
            if memory.kv_bytes(self.model, self.settings, middle * block) <= self.kv * GIB:
                low = middle
            else:
                high = middle - 1
        return low * block

    @property
    def other(self) -> float:
        """Everything beside weights and KV cache, GiB."""
        return self.draft + self.activation + self.buffers + self.graphs + self.adapters

    @property
    def left(self) -> float:
        """GiB that nothing else takes; less than nothing, where there is too little."""
        return self.budget - self.weights - self.other


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


def fit(model: Model, node: Node, settings: Settings, *, concurrency: int = 1) -> Fit:
    """Whether a replica serves requests of `settings.context` on a node, and how many at once."""
    graphs = memory.graphs(model, node, settings)
    on_top = 0.0 if accounting(settings.version).graphs_inside else graphs
    most = node.usable_gib - on_top - _DRIVER_GIB
    needed = memory.kv_bytes(model, settings, settings.context)
    result = Fit(
        verdict=Verdict.FITS,
        reason="",
        node=node.name,
        settings=settings,
        usable=node.usable_gib,
        budget=min(settings.utilization * node.usable_gib, most) if settings.kv_gib is None else most,
        weights=memory.weights(model, settings),
        draft=memory.draft(settings),
        activation=memory.activation(model, settings),
        buffers=memory.buffers(node, settings),
        graphs=graphs - on_top,
        adapters=adapters(model, settings),
        kv=0.0,
        kv_token_bytes=needed // settings.context,
        kv_tokens=0,
        full_length=0.0,
        typical=0.0,
        model=model,
        assumptions=_assumptions(model, node, settings),
    )
    result = _with_cache(result, needed)
    if refused := impossible(model, node, settings):
        for_good = impossible(model, node, replace(settings, context=1)) is not None
        return replace(result, verdict=Verdict.NO, reason=refused.reason, impossible=for_good, flag=refused.flag)
    verdict, reason = _judge(result, needed / GIB, concurrency)
    return replace(result, verdict=verdict, reason=reason)


def _with_cache(found: Fit, needed: int) -> Fit:
    """What is left for the KV cache, or what the author wants of it, and how many requests that holds."""
    settings = found.settings
    typical = memory.kv_bytes(found.model, settings, min(settings.context, TYPICAL_TOKENS))
    wanted = found.left if settings.kv_gib is None else min(found.left, settings.kv_gib)
    kv = max(0.0, wanted)
    return replace(
        found,
        kv=kv,
        kv_tokens=int(kv * GIB / needed * settings.context) // settings.block * settings.block if needed else 0,
        full_length=_at_once(kv, needed, settings, settings.context),
        typical=min(_at_once(kv, typical, settings, TYPICAL_TOKENS), float(settings.active or settings.max_num_seqs)),
    )


def _at_once(kv: float, needed: int, settings: Settings, tokens: int) -> float:
    """Requests of so many tokens that the KV cache holds, or one batch of an encoder, which has none."""
    return kv * GIB / needed if needed else settings.batched_tokens / min(tokens, settings.context)


def _judge(found: Fit, needed: float, concurrency: int) -> tuple[Verdict, str]:
    """The verdict, and why it is no better."""
    left, wanted = found.left, found.settings.kv_gib
    rest = f"{left:.2f} GiB are left" if left > 0 else "nothing is left"
    if wanted is not None and left < wanted:
        return Verdict.NO, f"kv-cache-memory-bytes is {wanted:.2f} GiB, {rest}"
    if found.model.attention.encoder:
        return _judge_encoder(found)
    if found.kv < needed:
        asked = f"a request of {found.settings.context} tokens needs {needed:.2f} GiB of KV cache on each GPU"
        return Verdict.NO, f"{asked}, {rest if wanted is None else f'kv-cache-memory-bytes is {wanted:.2f}'}"
    if left - MARGIN_GIB < (needed if wanted is None else wanted):
        return Verdict.TIGHT, f"less than {MARGIN_GIB:g} GiB to spare, the margin of error of the estimate"
    if found.full_length < _FULL_LENGTH:
        return Verdict.TIGHT, f"{found.full_length:.1f} full-length requests at once, not {_FULL_LENGTH}"
    if found.typical < concurrency:
        return Verdict.TIGHT, f"{found.typical:.0f} requests of {TYPICAL_TOKENS} tokens, not {concurrency}"
    return Verdict.FITS, ""


def _judge_encoder(found: Fit) -> tuple[Verdict, str]:
    """What doesn't go into a batch waits for the next one, not for an answer."""
    if found.left <= 0:
        return Verdict.NO, f"{found.weights + found.other:.2f} GiB do not fit into {found.budget:.2f} GiB"
    if found.left < MARGIN_GIB:
        return Verdict.TIGHT, f"less than {MARGIN_GIB:g} GiB to spare, the margin of error of the estimate"
    return Verdict.FITS, ""


def _assumptions(model: Model, node: Node, settings: Settings) -> tuple[str, ...]:
    """What the numbers rest on, for people who doubt them."""
    found = [
        f"{node.usable_gib:g} of {node.gpu_memory_gib:g} GiB are usable, and nothing else uses the GPU",
        f"vLLM {settings.version}: {settings.max_num_seqs} sequences, batches of {settings.batched_tokens}",
        "sampling counted as vLLM 0.19 measured it; newer ones may log a larger KV cache than this",
    ]
    if model.attention.window and settings.windows:
        found.append(f"{model.attention.window.layers} layers keep {model.attention.window.tokens} tokens only")
    if model.attention.state:
        found.append(f"linear attention: {settings.state_copies} copies of a sequence's state, each a block")
    if settings.adapters:
        found.append(f"{settings.adapters} adapters of rank {settings.adapter_rank}, on every layer")
    if model.attention.encoder:
        found.append("an encoder keeps no KV cache: what is left of the GPU stays free")
    if model.vision and settings.images:
        found.append("one image of the largest size is encoded at a time")
    if settings.draft:
        found.append(
            settings.draft.assumed or f"{settings.draft.name} proposes {settings.draft.tokens} tokens at a time"
        )
    if model.quantization in {Quantization.FP8, Quantization.NVFP4} and not node.gpu.fp8:
        found.append(f"{node.gpu.product} has no FP8: the weights stay small, the arithmetic is 16-bit (Marlin)")
    if settings.kv_dtype.startswith("fp8") and not node.gpu.fp8:
        found.append(f"{node.gpu.product} has no FP8: FlashInfer reads the KV cache and computes in 16 bits")
    if settings.tensor > 1 and not node.gpu.nvlink:
        found.append(f"{settings.tensor} GPUs talk over PCIe: it fits, but each token waits for it")
    return tuple(found)
