"""GPU memory, term by term: weights, activations, buffers, CUDA graphs, and the KV cache of one request.

Everything is for the fullest GPU of one replica. Constants are measured: they come from start-up logs of
vLLM 0.9 to 0.28 on L4, L40S, H100 and H200 that their authors published; tests/test_fit.py has some.
"""

from math import ceil

from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import Node
from gpuyard.doors.quantities import GIB
from gpuyard.fit.accounting import accounting
from gpuyard.fit.settings import Settings

__all__ = ["BLOCK", "activation", "buffers", "graphs", "kv_bytes", "weights"]

BLOCK = 16
"""Tokens of one block of the KV cache."""
_VISION_GIB = 2.3
"""Peak of profiling one image of the largest size with Qwen's vision towers; others need less."""
_EXPERTS_GIB = 0.6
"""What a mixture of experts adds to the peak at 8192 batched tokens."""
_PIPELINE_GIB = 1.3
"""What pipeline parallelism takes more of each GPU than tensor parallelism."""


def weights(model: Model, settings: Settings) -> float:
    """GiB of weights; the first and the last pipeline stage hold the embedding beside their layers."""
    whole = model.vision.bytes if model.vision and model.vision.replicated else 0
    edge = model.attention.vocabulary * model.attention.hidden * 2 if settings.pipeline > 1 else 0
    edge = min(edge, model.loaded_bytes - whole)
    layers = (model.loaded_bytes - whole - edge) / settings.gpus
    return (layers + edge / settings.tensor + whole) / GIB + 0.05  # norms, tables and routers are never divided


def activation(model: Model, settings: Settings) -> float:
    """GiB at the peak of vLLM's profiling run: the sampler, a full batch, or an image, whichever is most."""
    facts, attention = accounting(settings.version), model.attention
    rows = min(settings.max_num_seqs, settings.batched_tokens)
    batch = settings.batched_tokens * attention.hidden
    sampler = facts.sampler_bytes * attention.vocabulary * rows + 2 * batch
    forward = batch * (24 / settings.tensor + 8)
    scale = settings.batched_tokens / 8192
    image = _VISION_GIB * max(1.0, scale) if model.multimodal else 0.0
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
    largest = min(512, 2 * settings.max_num_seqs)
    sizes = 3 + min(largest, 256) // 8 + max(0, largest - 256) // 16
    layers = ceil(model.attention.layers / settings.pipeline)
    joined = 1.0 if settings.tensor == 1 or node.gpu.nvlink else 1.7
    kinds = 2 if settings.adapters else 1  # with and without an adapter: --cudagraph-specialize-lora
    return max(0.2, 0.018 * layers * joined * sizes / 51 + (0.4 if model.experts else 0.0)) * kinds


def kv_bytes(model: Model, settings: Settings, tokens: int) -> int:
    """KV cache in bytes on one GPU that vLLM counts for a request of so many tokens."""
    attention = model.attention
    if attention.encoder:
        return 0
    windowed = attention.window.layers if attention.window else 0
    constant = attention.state.layers if attention.state else 0
    full = _stage(attention.layers - windowed - constant, settings)
    blocks = ceil(tokens / BLOCK) * full
    if attention.window:
        # Out-of-window blocks are freed once their batch is done, and two batches are under way.
        held = min(attention.window.tokens - 1 + 2 * settings.batched_tokens, tokens)
        groups = _group_size(full, _stage(windowed, settings))
        blocks = ceil(tokens / BLOCK) * ceil(full / groups) * groups
        blocks += (ceil(held / BLOCK) + 1) * ceil(_stage(windowed, settings) / groups) * groups
    if attention.cross:
        # Of the encoder's output, vLLM counts as much as a batch takes, whatever one input can have.
        blocks += ceil(max(attention.cross, settings.batched_tokens) / BLOCK) * full
    state = attention.state.bytes * _stage(constant, settings) // settings.tensor if attention.state else 0
    return blocks * BLOCK * _token_bytes(model, settings) + state


def _stage(layers: int, settings: Settings) -> int:
    return ceil(layers / settings.pipeline)


def _group_size(full: int, windowed: int) -> int:
    """Layers in a group: vLLM pads to the smaller kind's number, or the larger's when they are near."""
    small, large = sorted((max(full, 1), max(windowed, 1)))
    return large if large < small * 1.5 else small


def _token_bytes(model: Model, settings: Settings) -> int:
    """Bytes of one token in one layer; latent attention is whole on every GPU, KV heads are at least one."""
    attention = model.attention
    size = 1 if settings.kv_dtype.startswith("fp8") else 2
    if attention.latent:
        return (attention.latent.rank + attention.latent.rope_dim) * size
    return 2 * max(1, attention.kv_heads // settings.tensor) * attention.head_dim * size
