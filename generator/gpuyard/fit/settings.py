"""What vLLM is told, as far as it decides about GPU memory."""

from dataclasses import dataclass, field

from gpuyard.catalogue.vllm import versions

__all__ = ["Settings"]


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
    version: str = field(default_factory=lambda: versions()[0])
    """Of vLLM; left out, the oldest that we know."""

    @property
    def gpus(self) -> int:
        """GPUs of one replica."""
        return self.tensor * self.pipeline
