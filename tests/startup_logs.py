"""Start-up logs of vLLM that others published: what the estimate of GPU memory is held against."""

from dataclasses import replace
from typing import NamedTuple

from gpuyard.catalogue.models import Attention, Experts, Model, Window, catalogue
from gpuyard.catalogue.shapes import Gpu, Node
from gpuyard.catalogue.shapes import catalogue as shapes
from gpuyard.fit import Settings

__all__ = ["LOGS", "Log"]

H100 = shapes()["h100"].nodes["BM.GPU.H100.8"]
LLAMA_70B, GPT_OSS = catalogue()["llama-3.3-70b-instruct"], catalogue()["gpt-oss-20b"]


def card(usable: float, architecture: str, *, nvlink: bool) -> Node:
    """A GPU that Oracle may not have, for logs that others wrote."""
    gpu = Gpu("some", architecture, fp8=True, nvlink=nvlink)
    return replace(H100, name="some", gpu=gpu, usable_gib=usable)


def model(parameters: int, weights: int, attention: tuple[int, ...], **more: object) -> Model:
    layers, hidden, heads, kv_heads, head_dim, vocabulary = attention
    facts = Attention(layers, hidden, heads, kv_heads, head_dim, vocabulary, 2**20, more.pop("window", None))  # type: ignore[arg-type]
    return Model("some", parameters, weights, weights, facts, **more)  # type: ignore[arg-type]


QWEN_7B = model(7_615_616_512, 15_231_233_024, (28, 3584, 28, 4, 128, 152064))
QWEN_72B = model(72_706_203_648, 145_412_407_296, (80, 8192, 64, 8, 128, 152064))
QWEN_30B = model(30_532_122_624, 61_064_245_248, (48, 2048, 32, 4, 128, 151936), experts=Experts(128))
GEMMA_9B = model(9_241_705_984, 18_483_411_968, (42, 3584, 16, 8, 256, 256000), window=Window(21, 4096))
GRANITE_8B = model(8_170_848_256, 16_341_696_512, (40, 4096, 32, 8, 128, 49155))
MIXTRAL = model(46_702_792_704, 93_405_585_408, (32, 4096, 32, 8, 128, 32000), experts=Experts(8))
LLAMA_70B_FP8 = model(70_553_706_496, 72_672_083_968, (80, 8192, 64, 8, 128, 128256))
H100_LOG = card(79.19, "sm_90", nvlink=True)
H200_LOG = card(139.81, "sm_90", nvlink=True)
L40S_LOG = card(44.4, "sm_89", nvlink=False)
PLANNER = "github.com/jgchn/llm-d-planner, accuracy results, H100 80GB"
EKS = "github.com/gnosia93/eks-agentic-ai, L40S"
REDHAT = "github.com/ashishkamra/vllm-memory-estimator, H200"


class Log(NamedTuple):
    """What vLLM printed: GiB available for the KV cache of one GPU, requests of `context` at once."""

    source: str
    version: str
    model: Model
    node: Node
    tensor: int
    utilization: float
    context: int
    seqs: int
    batched: int
    kv_dtype: str
    kv: float
    concurrency: float

    @property
    def settings(self) -> Settings:
        return Settings(
            context=self.context,
            max_num_seqs=self.seqs,
            batched_tokens=self.batched,
            utilization=self.utilization,
            tensor=self.tensor,
            kv_dtype=self.kv_dtype,
            version=self.version,
        )


MISTRAL, GEMMA_27B = catalogue()["mistral-small-3.2-24b-instruct"], catalogue()["gemma-3-27b-it"]
LOGS = [
    Log(PLANNER, "0.19.0", QWEN_7B, H100_LOG, 1, 0.95, 8192, 1024, 8192, "auto", 58.53, 133.79),
    Log(PLANNER, "0.19.0", QWEN_7B, H100_LOG, 1, 0.95, 32768, 1024, 8192, "auto", 58.53, 33.45),
    Log(PLANNER, "0.19.0", QWEN_7B, H100_LOG, 1, 0.95, 8192, 1024, 8192, "fp8", 58.53, 267.58),
    Log(PLANNER, "0.19.0", QWEN_7B, H100_LOG, 2, 0.95, 8192, 1024, 8192, "auto", 63.84, 291.82),
    Log(PLANNER, "0.19.0", QWEN_7B, H100_LOG, 4, 0.95, 8192, 1024, 8192, "auto", 67.34, 615.63),
    Log(PLANNER, "0.19.0", GEMMA_9B, H100_LOG, 1, 0.95, 8192, 1024, 8192, "auto", 54.12, 20.6),
    Log(PLANNER, "0.19.0", GEMMA_27B, H100_LOG, 1, 0.95, 8192, 1024, 8192, "auto", 19.53, 4.46),
    Log(PLANNER, "0.19.0", GRANITE_8B, H100_LOG, 1, 0.95, 8192, 1024, 8192, "auto", 58.66, 46.93),
    Log(PLANNER, "0.19.0", MIXTRAL, H100_LOG, 2, 0.95, 8192, 1024, 8192, "auto", 28.44, 56.88),
    Log(PLANNER, "0.19.0", QWEN_30B, H100_LOG, 1, 0.95, 8192, 1024, 8192, "auto", 15.41, 20.54),
    Log(PLANNER, "0.19.0", GPT_OSS, H100_LOG, 1, 0.95, 8192, 1024, 8192, "auto", 58.47, 155.75),
    Log(PLANNER, "0.19.0", GPT_OSS, H100_LOG, 2, 0.90, 8192, 1024, 8192, "auto", 59.32, 316.07),
    Log(PLANNER, "0.19.0", MISTRAL, H100_LOG, 1, 0.95, 8192, 1024, 8192, "auto", 28.19, 22.55),
    Log(PLANNER, "0.19.0", MISTRAL, H100_LOG, 4, 0.95, 8192, 1024, 8192, "auto", 59.18, 189.37),
    Log(REDHAT, "0.14.1", LLAMA_70B, H200_LOG, 4, 0.92, 8192, 1024, 8192, "auto", 90.30, 144.48),
    Log(REDHAT, "0.18.0", LLAMA_70B_FP8, H200_LOG, 4, 0.92, 8192, 1024, 8192, "fp8", 107.52, 344.05),
    Log(REDHAT, "0.19.0", LLAMA_70B, H200_LOG, 4, 0.92, 8192, 1024, 8192, "auto", 91.57, 146.51),
    Log(REDHAT, "0.20.0", LLAMA_70B, H200_LOG, 4, 0.92, 131072, 1024, 8192, "auto", 90.66, 9.07),
    Log(EKS, "0.19.0", QWEN_72B, L40S_LOG, 4, 0.90, 8192, 256, 2048, "auto", 5.11, 8.18),
]  # fmt: skip
