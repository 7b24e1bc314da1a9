"""What flags of vLLM say about GPU memory, as settings of the fit; what is not a number is vLLM's to refuse."""

from collections.abc import Mapping
from math import floor, log2
from typing import Any

from gpuyard.catalogue.flagvalues import amount, mapping
from gpuyard.catalogue.models import Model, Quantization
from gpuyard.doors.quantities import GIB
from gpuyard.fit import Offload, memory

__all__ = ["batched", "integer", "on", "pooling", "sequences", "settings", "takes_images"]

Args = Mapping[str, Any]

_WHOLE_PROMPTS = ("MEAN", "CLS", "STEP")
"""Ways of pooling that see a prompt as a whole (ModelConfig.is_chunked_prefill_supported)."""
_KEEP_WINDOWS = {
    *("OffloadingConnector", "SimpleCPUOffloadConnector", "MooncakeConnector", "MooncakeStoreConnector"),
    *("MoRIIOConnector", "NixlConnector", "NixlPullConnector", "NixlPushConnector", "DecodeBenchConnector"),
    *("HiSparseConnector", "MultiConnector"),
}
"""Connectors that go with the hybrid KV cache manager (SupportsHMA of vllm/distributed/kv_transfer)."""
_NO_GRAPHS = ("none", "0")


def settings(args: Args, model: Model) -> Mapping[str, Any]:
    """Those that differ from what vLLM does by itself."""
    found: dict[str, Any] = {
        **_cache(args, model),
        **_adapters(args),
        **_batches(args),
        **_images(args, model),
        "graph_sizes": _graph_sizes(args),
        "offload": _offload(args),
    }
    if isinstance(dtype := args.get("dtype"), str):
        found["dtype"] = dtype
    if isinstance(method := args.get("quantization"), str) and model.quantization is Quantization.NONE:
        found["quantize"] = method.lower()
    return {name: value for name, value in found.items() if value is not None}


def on(args: Args, name: str) -> bool | None:
    """A switch, in both of its spellings; None: nobody set it."""
    if isinstance(value := args.get(f"no-{name}"), bool):
        return not value
    value = args.get(name)
    return value if isinstance(value, bool) else None


def integer(args: Args, name: str) -> int | None:
    """A number; None: nobody gave one."""
    found = int(amount(args.get(name)))
    return found if found > 0 else None


def sequences(args: Args) -> int | None:
    """The author's max-num-seqs."""
    return integer(args, "max-num-seqs")


def batched(args: Args) -> int | None:
    """The author's max-num-batched-tokens."""
    return integer(args, "max-num-batched-tokens")


def pooling(args: Args) -> bool:
    """It makes vectors or scores, and no text."""
    convert = args.get("convert")
    return args.get("runner") == "pooling" or convert in ("embed", "classify", "reward", "mm_encoder_only")


def takes_images(args: Args, model: Model) -> bool:
    """A model that can, unless flags forbid every image and video."""
    limits = mapping(args.get("limit-mm-per-prompt")) or {}
    none = all(_limit(limits.get(each)) == 0 for each in ("image", "video"))
    return model.multimodal and not none and on(args, "language-model-only") is not True


def _limit(value: object) -> object:
    return value.get("count") if isinstance(value, Mapping) else value


def _cache(args: Args, model: Model) -> dict[str, Any]:
    """Of the KV cache, and of constant states, which are as wide as the widest type that is asked for."""
    wide = "float32" in (args.get("mamba-cache-dtype"), args.get("mamba-ssm-cache-dtype"))
    wanted = amount(args.get("kv-cache-memory-bytes"))
    dtype, backend = args.get("kv-cache-dtype"), args.get("attention-backend")
    attention = mapping(args.get("attention-config")) or {}
    return {
        "kv_dtype": dtype if isinstance(dtype, str) else None,
        "backend": str(backend or attention.get("backend") or "auto"),
        "unquantized_layers": bool(args.get("kv-cache-dtype-skip-layers")) or None,
        "kv_gib": wanted / GIB if wanted else None,
        "block": integer(args, "block-size"),
        "windows": False if _without_windows(args) else None,
        "context_parallel": integer(args, "decode-context-parallel-size"),
        "state_copies": 1 if on(args, "enable-prefix-caching") is False else None,
        "state_scale": 2 if model.attention.state and wide else None,
    }


def _without_windows(args: Args) -> bool:
    """Every layer keeps everything: by the author's wish, or because a connector doesn't know better."""
    if (asked := on(args, "disable-hybrid-kv-cache-manager")) is not None:
        return asked
    if "kv-offloading-size" in args:
        return args.get("kv-offloading-backend") == "lmcache"
    config = mapping(args.get("kv-transfer-config")) or {}
    return "kv_connector" in config and config["kv_connector"] not in _KEEP_WINDOWS


def _adapters(args: Args) -> dict[str, Any]:
    """The slots of LoRA adapters; without a number one, of rank 16."""
    if on(args, "enable-lora") is not True:
        return {}
    slots = integer(args, "max-loras") or 1
    compiled = mapping(args.get("compilation-config")) or {}
    counts = 1 + floor(log2(slots)) + 1 if on(args, "specialize-active-lora") else 2
    apart = compiled.get("cudagraph_specialize_lora", True) is not False
    return {
        "adapters": slots,
        "adapter_rank": integer(args, "max-lora-rank") or 16,
        "sharded_adapters": on(args, "fully-sharded-loras") is True,
        "adapter_graphs": counts if apart else 1,
    }


def _batches(args: Args) -> dict[str, Any]:
    """What has to be in one batch."""
    pooler = mapping(args.get("pooler-config")) or {}
    ways = [str(pooler.get(key, "")).upper() for key in ("pooling_type", "seq_pooling_type", "tok_pooling_type")]
    chunked = on(args, "enable-chunked-prefill")
    whole = pooling(args) or bool(set(ways) & set(_WHOLE_PROMPTS)) if chunked is None else not chunked
    active = integer(args, "max-num-active-seqs")
    return {"active": active, "whole_prompts": whole, "whole_images": on(args, "disable-chunked-mm-input") is True}


def _images(args: Args, model: Model) -> dict[str, Any]:
    if not model.multimodal:
        return {}
    return {"images": takes_images(args, model), "tower_everywhere": args.get("mm-encoder-tp-mode") == "data"}


def _graph_sizes(args: Args) -> int | None:
    """Batch sizes with a CUDA graph: none in eager mode, those of a list, or those up to a largest."""
    compiled = mapping(args.get("compilation-config")) or {}
    mode = compiled.get("cudagraph_mode")
    level = args.get("optimization-level")
    if on(args, "enforce-eager") or (
        (mode.lower() if isinstance(mode, str) else mode) in _NO_GRAPHS and mode is not None
    ):
        return 0
    if level is not None and str(level).removeprefix("O") == "0" and mode is None:
        return 0
    sizes = args.get("cudagraph-capture-sizes", compiled.get("cudagraph_capture_sizes"))
    if isinstance(sizes, list):
        return len(sizes)
    largest = integer(args, "max-cudagraph-capture-size") or integer(compiled, "max_cudagraph_capture_size")
    return memory.captured(largest) if largest else None


def _offload(args: Args) -> Offload | None:
    """Prefetching goes before the other way, where both are asked for."""
    group, way = integer(args, "offload-group-size"), args.get("offload-backend", "auto")
    if group and way in ("auto", "prefetch"):
        share = min(1.0, (integer(args, "offload-num-in-group") or 1) / group)
        return Offload(share=share, ahead=integer(args, "offload-prefetch-step") or 1)
    if way in ("auto", "uva") and (gib := amount(args.get("cpu-offload-gb"))):
        # Only some weights are offloaded, where the author names them: how much that is, nobody here knows.
        return None if args.get("cpu-offload-params") else Offload(gib=gib)
    return None
