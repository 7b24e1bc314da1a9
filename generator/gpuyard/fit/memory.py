"""GPU memory, term by term: weights, activations, buffers, CUDA graphs, and the KV cache of one request.

Everything is for the fullest GPU of one replica. Constants are measured: they come from start-up logs of
vLLM 0.9 to 0.28 on L4, L40S, H100 and H200 that their authors published; tests/test_fit.py has some.
"""

from dataclasses import replace
from math import ceil

from gpuyard.catalogue.models import Attention, Model, State
from gpuyard.catalogue.shapes import Node
from gpuyard.doors.quantities import GIB
from gpuyard.fit.accounting import accounting
from gpuyard.fit.cachetypes import token_bytes
from gpuyard.fit.settings import Settings

__all__ = ["activation", "buffers", "captured", "draft", "graphs", "kv_bytes", "weights"]

_VISION_GIB = 2.3
"""Peak of profiling one image of the largest size with Qwen's vision towers; others need less."""
_EXPERTS_GIB = 0.6
"""What a mixture of experts adds to the peak at 8192 batched tokens."""
_PIPELINE_GIB = 1.3
"""What pipeline parallelism takes more of each GPU than tensor parallelism."""
_MOST_CAPTURED = 512
"""Tokens of the largest batch with a CUDA graph, where nobody asks for more (1024 on Blackwell)."""
_STATE_BLOCK = 16
"""Tokens that a block of a model with states is a multiple of."""


def weights(model: Model, settings: Settings) -> float:
    """GiB of weights; the first and the last pipeline stage hold the embedding beside their layers."""
    vision, wider = model.vision, settings.value_bytes / 2
    loaded = model.loaded_bytes - (vision.bytes if vision and not settings.images else 0)
    everywhere = vision and settings.images and (vision.replicated or settings.tower_everywhere)
    whole = vision.bytes if vision and everywhere else 0
    table = model.attention.vocabulary * model.attention.hidden * 2
    edge = min(table if settings.pipeline > 1 else 0, loaded - whole)
    layers = (loaded - whole - edge) / settings.gpus
    kept = layers - _outside(max(0.0, layers - 2 * table / settings.gpus), model, settings)
    return (kept + edge / settings.tensor + whole) * wider / GIB + 0.05  # norms, tables and routers are never divided


def _outside(layers: float, model: Model, settings: Settings) -> float:
    """Bytes of a GPU's layers that stay in the node's memory; embeddings never do, in either way of offloading."""
    offload = settings.offload
    if offload.share:
        return max(0.0, layers * offload.share - offload.ahead * layers / model.attention.layers)
    return min(offload.gib * GIB, layers)


def draft(settings: Settings) -> float:
    """GiB of the weights of what proposes tokens."""
    found = settings.draft
    return found.weights / (found.tensor or settings.tensor) / GIB if found else 0.0


def activation(model: Model, settings: Settings) -> float:
    """GiB at the peak of vLLM's profiling run: the sampler, a full batch, or an image, whichever is most."""
    facts, attention = accounting(settings.version), model.attention
    rows = min(settings.max_num_seqs, settings.batched_tokens)
    batch = settings.batched_tokens * attention.hidden * settings.value_bytes // 2
    sampler = facts.sampler_bytes * attention.vocabulary * rows + 2 * batch
    forward = batch * (24 / settings.tensor + 8)
    scale = settings.batched_tokens / 8192
    image = _VISION_GIB * max(1.0, scale) if model.multimodal and settings.images else 0.0
    experts = _EXPERTS_GIB * scale if model.experts else 0.0
    return max(sampler / GIB, forward / GIB, image) + experts + facts.compile_gib


def buffers(node: Node, settings: Settings) -> float:
    """GiB that neither torch nor the model owns: CUDA context, NCCL, fused all-reduce."""
    if settings.gpus == 1:
        return 0.25
    fused = settings.tensor > 1 and node.gpu.nvlink and node.gpu.hopper
    between = accounting(settings.version).hopper_comm_gib if fused else 0.6
    return between + (_PIPELINE_GIB if settings.pipeline > 1 else 0.0)


def graphs(model: Model, node: Node, settings: Settings) -> float:
    """GiB of CUDA graphs: about 19 MB a layer for the 51 batch sizes up to 512, more over PCIe."""
    sizes = settings.graph_sizes
    if sizes is None:
        sizes = captured(min(_MOST_CAPTURED, 2 * settings.max_num_seqs * (settings.proposed + 1)))
    if sizes == 0:
        return 0.0
    layers = ceil(model.attention.layers / settings.pipeline)
    joined = 1.0 if settings.tensor == 1 or node.gpu.nvlink else 1.7
    kinds = settings.adapter_graphs if settings.adapters else 1  # --cudagraph-specialize-lora
    return max(0.2, 0.018 * layers * joined * sizes / 51 + (0.4 if model.experts else 0.0)) * kinds


def captured(largest: int) -> int:
    """How many batch sizes have a CUDA graph, where the largest is given (VllmConfig._set_cudagraph_sizes)."""
    return 3 + min(largest, 256) // 8 + max(0, largest - 256) // 16 if largest > 0 else 0


def kv_bytes(model: Model, settings: Settings, tokens: int) -> int:
    """KV cache in bytes on one GPU that vLLM counts for a request of so many tokens."""
    own = _kv_bytes(model.attention, settings, tokens)
    if settings.draft and settings.draft.attention:
        divided = replace(settings, tensor=settings.draft.tensor or settings.tensor)
        return own + _kv_bytes(settings.draft.attention, divided, tokens)
    return own


def _kv_bytes(attention: Attention, settings: Settings, tokens: int) -> int:
    if attention.encoder:
        return 0
    if attention.state:
        return _with_states(attention, attention.state, settings, tokens)
    here = ceil(tokens / settings.context_parallel)
    windowed = attention.window.layers if attention.window and settings.windows else 0
    full = _stage(attention.layers - windowed, settings)
    blocks = ceil(here / settings.block) * full
    if attention.window and windowed:
        # Out-of-window blocks are freed once their batch is done, and two batches are under way.
        held = min(attention.window.tokens - 1 + 2 * settings.batched_tokens, tokens)
        groups = _group_size(full, _stage(windowed, settings))
        blocks = ceil(here / settings.block) * ceil(full / groups) * groups
        blocks += (ceil(held / settings.block) + 1) * ceil(_stage(windowed, settings) / groups) * groups
    if attention.cross:
        # Of the encoder's output, vLLM counts as much as a batch takes, whatever one input can have.
        blocks += ceil(max(attention.cross, settings.batched_tokens) / settings.block) * full
    return blocks * settings.block * token_bytes(attention, settings)


def _with_states(attention: Attention, state: State, settings: Settings, tokens: int) -> int:
    """A state fills a block of its own, as large as one of the KV cache, which grows until it holds a state."""
    one = token_bytes(attention, settings)
    size = ceil(state.bytes * settings.state_scale / settings.tensor)
    constant = _stage(state.layers, settings)
    copies = settings.state_copies + settings.proposed
    full = _stage(attention.layers - state.layers, settings)
    if full == 0:
        return constant * copies * size
    block = max(settings.block, _STATE_BLOCK * ceil(size / one / _STATE_BLOCK))
    groups = _group_size(full, constant)
    blocks = ceil(ceil(tokens / settings.context_parallel) / block) * ceil(full / groups) * groups
    return (blocks + copies * ceil(constant / groups) * groups) * block * one


def _stage(layers: int, settings: Settings) -> int:
    return ceil(layers / settings.pipeline)


def _group_size(full: int, windowed: int) -> int:
    """Layers in a group: vLLM pads to the smaller kind's number, or the larger's when they are near."""
    small, large = sorted((max(full, 1), max(windowed, 1)))
    return large if large < small * 1.5 else small
