"""What vLLM is told, as far as it decides about GPU memory."""

from dataclasses import dataclass, field

from gpuyard.catalogue.models import Attention
from gpuyard.catalogue.vllm import oldest

__all__ = ["Draft", "Offload", "Settings", "least_batched"]


@dataclass(frozen=True, slots=True)
class Offload:
    """Weights that stay in the node's memory."""

    gib: float = 0.0
    """Of each GPU's part (cpu-offload-gb)."""
    share: float = 0.0
    """Of the layers (offload-num-in-group of offload-group-size)."""
    ahead: int = 0
    """Layers that have a place on the GPU before they are needed (offload-prefetch-step)."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What proposes tokens for the model to verify."""

    name: str
    tokens: int
    """That it proposes at a time."""
    weights: int = 0
    """Bytes beside those of the model, all GPUs together."""
    attention: Attention | None = None
    """Of the layers that have a KV cache of their own."""
    tensor: int | None = None
    """GPUs that it is divided over; None: as the model."""
    assumed: str = ""
    """What its size rests on, where nobody gave it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What vLLM is told, as far as it decides about memory."""

    context: int
    """max-model-len, tokens."""
    max_num_seqs: int
    batched_tokens: int
    utilization: float
    tensor: int = 1
    pipeline: int = 1
    kv_dtype: str = "auto"
    adapters: int = 0
    """Slots for LoRA adapters (max-loras)."""
    adapter_rank: int = 0
    """max-lora-rank."""
    version: str = field(default_factory=oldest)
    """Of vLLM; left out, the oldest that we know."""
    active: int | None = None
    """Requests that are served at once, where that is fewer than max_num_seqs (max-num-active-seqs)."""
    sharded_adapters: bool = False
    """Both matrices of an adapter are divided over the GPUs (fully-sharded-loras)."""
    adapter_graphs: int = 2
    """Sets of CUDA graphs that adapters need: with and without one."""
    dtype: str = "auto"
    quantize: str = ""
    """What makes 16-bit weights smaller while they are loaded (quantization)."""
    backend: str = "auto"
    """attention-backend."""
    block: int = 16
    """Tokens of one block of the KV cache."""
    windows: bool = True
    """Layers with a window keep no more than that (the hybrid KV cache manager)."""
    unquantized_layers: bool = False
    """Some layers keep their KV cache in 16 bits (kv-cache-dtype-skip-layers)."""
    kv_gib: float | None = None
    """Of the KV cache on each GPU, whatever is free (kv-cache-memory-bytes)."""
    context_parallel: int = 1
    """GPUs that the tokens of a request are divided over (decode-context-parallel-size)."""
    graph_sizes: int | None = None
    """Batch sizes with a CUDA graph; None: as vLLM chooses, 0: none."""
    state_copies: int = 2
    """Of a constant state: one is kept where a prefix may be taken up again."""
    state_scale: int = 1
    """Twice its bytes, where a wider type is asked for."""
    whole_prompts: bool = False
    """A prompt is one batch, as without chunked prefill."""
    whole_images: bool = False
    """An image is never divided over batches (disable-chunked-mm-input)."""
    images: bool = True
    """Images are taken, so that the tower is loaded and tried out."""
    tower_everywhere: bool = False
    """Every GPU holds the whole vision tower (mm-encoder-tp-mode data)."""
    offload: Offload = Offload()
    draft: Draft | None = None

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.tensor * self.pipeline

    @property
    def value_bytes(self) -> int:
        """Of a number that isn't quantised."""
        return 4 if self.dtype in ("float", "float32") else 2

    @property
    def proposed(self) -> int:
        """Tokens that a draft proposes at a time."""
        return self.draft.tokens if self.draft else 0


def least_batched(settings: Settings, image_tokens: int = 0) -> int:
    """The smallest max-num-batched-tokens that vLLM takes with the rest."""
    with_draft = settings.max_num_seqs * (settings.proposed + 1)
    return max(
        settings.max_num_seqs,
        settings.context if settings.whole_prompts else 0,
        with_draft if settings.adapters else 0,  # EngineArgs.create_engine_config
        image_tokens if settings.whole_images else 0,  # encoder_cache_manager.py
    )
