"""Flags that contradict each other, the blueprint or the model, so that vLLM ends at its start.

From the validators of vLLM 0.32.0 and 0.33.0: SchedulerConfig, LoRAConfig, OffloadConfig, ParallelConfig,
ModelConfig, VllmConfig and EngineArgs.create_engine_config. What depends on the GPUs is in gpuyard.fit.impossible, and
what depends on flags alone in rules.yaml.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.flagvalues import amount, mapping
from gpuyard.catalogue.models import Model
from gpuyard.catalogue.vllm import minor
from gpuyard.fit import Settings, least_batched
from gpuyard.resolve.inference import drafts
from gpuyard.resolve.inference.gpumemory import batched, integer, on, sequences

__all__ = ["find"]

Args = Mapping[str, Any]
Finding = tuple[str, str]
"""A flag, and what is wrong with it."""

_WORKERS = "VLLM_WORKER_MULTIPROC_METHOD"
_ASYNC = ("eagle", "eagle3", "mtp", "ngram_gpu", "draft_model", "dspark", "dflash", "")
"""Ways to propose tokens that go with async scheduling (0.32)."""


def find(
    args: Args, env: Mapping[str, str], model: Model, wanted: Settings, concurrency: int, version: str
) -> Iterator[Finding]:
    """`wanted` is what the flags say, with the author's context; computed values don't matter, as they follow."""
    yield from _sequences(args, concurrency)
    yield from _batches(args, model, wanted)
    yield from _parallel(args, model)
    yield from _graphs(args)
    yield from _offloading(args)
    yield from _drafts(args, version)
    yield from _cache(args, version)
    yield from _task(args, env, model)


def _task(args: Args, env: Mapping[str, str], model: Model) -> Iterator[Finding]:
    """What the model doesn't do, or takes."""
    if args.get("runner") == "generate" and model.attention.encoder:
        yield "runner", f"{model.name} is an encoder and generates nothing; remove it"
    if args.get("default-mm-loras") and not model.multimodal:
        yield "default-mm-loras", f"{model.name} takes only texts; use lora-modules or serving.adapters"
    if args.get("mm-tensor-ipc") == "torch_shm" and model.multimodal and env.get(_WORKERS) != "spawn":
        yield "mm-tensor-ipc", f"torch_shm needs {_WORKERS}: spawn in serving.env"


def _sequences(args: Args, concurrency: int) -> Iterator[Finding]:
    """Fewer at once than scaling aims at would let requests wait for ever."""
    most = sequences(args)
    for flag in ("max-num-seqs", "max-num-active-seqs"):
        count = integer(args, flag)
        if count is not None and count < concurrency:
            yield (
                flag,
                f"{count} is less than serving.concurrency, {concurrency}; lower that, or raise it here",
            )
    active = integer(args, "max-num-active-seqs")
    if active and most and active > most:
        yield "max-num-active-seqs", f"{active} is more than max-num-seqs, {most}"


def _batches(args: Args, model: Model, wanted: Settings) -> Iterator[Finding]:
    tokens, context = batched(args), wanted.context
    threshold = integer(args, "long-prefill-token-threshold")
    if threshold and threshold > context:
        yield "long-prefill-token-threshold", f"{threshold} is more than the context length, {context}"
    if tokens is None:
        return
    flag, whole = "max-num-batched-tokens", "a prompt has to fit into one batch"
    image = model.vision.tokens or 0 if model.vision else 0
    if wanted.whole_prompts and tokens < context:
        yield flag, f"{tokens} is less than the context length, {context}: without chunked prefill {whole}"
    elif wanted.whole_images and tokens < image:
        yield (
            flag,
            f"{tokens} is less than the largest image, {image}, which disable-chunked-mm-input keeps whole",
        )
    elif tokens < (least := least_batched(wanted)):
        yield flag, f"{tokens} is less than {least}, which {wanted.max_num_seqs} sequences need"


def _parallel(args: Args, model: Model) -> Iterator[Finding]:
    """Experts, which only some models have."""
    if on(args, "enable-expert-parallel") and model.experts is None:
        yield "enable-expert-parallel", f"{model.name} has no experts; remove it"
    if on(args, "enable-eplb") and not on(args, "enable-expert-parallel"):
        yield "enable-eplb", "needs enable-expert-parallel"
    redundant = (mapping(args.get("eplb-config")) or {}).get("num_redundant_experts")
    if amount(redundant) and not on(args, "enable-eplb"):
        yield "eplb-config", "num_redundant_experts needs enable-eplb"


def _graphs(args: Args) -> Iterator[Finding]:
    compiled = mapping(args.get("compilation-config")) or {}
    sizes = args.get("cudagraph-capture-sizes", compiled.get("cudagraph_capture_sizes"))
    largest = integer(args, "max-cudagraph-capture-size") or integer(compiled, "max_cudagraph_capture_size")
    if isinstance(sizes, list) and sizes and largest and largest != (own := max(map(amount, sizes))):
        flag = "max-cudagraph-capture-size" if "max-cudagraph-capture-size" in args else "compilation-config"
        yield flag, f"{largest} is not the largest of cudagraph-capture-sizes, {own:.0f}"


def _offloading(args: Args) -> Iterator[Finding]:
    group, part = integer(args, "offload-group-size") or 0, integer(args, "offload-num-in-group") or 1
    if not group and args.get("offload-backend") != "prefetch":
        return
    if part > group:
        yield "offload-num-in-group", f"{part} is more than offload-group-size, {group}"
    if "offload-prefetch-step" in args and integer(args, "offload-prefetch-step") is None:
        yield "offload-prefetch-step", "must be at least 1"


def _drafts(args: Args, version: str) -> Iterator[Finding]:
    given = drafts.config(args)
    method = str((given or {}).get("method") or "")
    if given is None or on(args, "async-scheduling") is not True or minor(version) > (0, 32):
        return
    if method not in _ASYNC and not method.endswith("mtp"):
        yield "async-scheduling", f"does not go with speculative decoding by {method}; remove it"
    elif given.get("disable_padded_drafter_batch") is True:
        yield "async-scheduling", "does not go with disable_padded_drafter_batch of speculative-config; keep one"


def _cache(args: Args, version: str) -> Iterator[Finding]:
    block = integer(args, "block-size")
    if block and block % 16:
        yield "block-size", f"must be a multiple of 16, as attention kernels want it: {block}"
    cache, dtype = str(args.get("kv-cache-dtype")), str(args.get("dtype", "auto"))
    own = {"half": "float16", "float": "float32"}.get(dtype, dtype)
    if minor(version) > (0, 32) and cache in ("float16", "bfloat16") and own not in ("auto", cache):
        yield "kv-cache-dtype", f"{cache} does not go with dtype {own} in vLLM {version}; use auto"
    if "mamba-block-size" in args and on(args, "enable-prefix-caching") is False:
        yield "mamba-block-size", "is for prefix caching, which is off; remove it"
