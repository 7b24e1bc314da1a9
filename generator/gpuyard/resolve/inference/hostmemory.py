"""What flags and variables of vLLM take of a node's memory, as vLLM 0.32 counts it.

kv-offloading-size and cpu_bytes_to_use are for all GPUs of a server together (vllm/config/cache.py and
vllm/v1/kv_offload/cpu/spec.py), cpu-offload-gb is for each of them (vllm/config/offload.py), LMCache's size, too.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.catalogue.flagvalues import amount, mapping
from gpuyard.catalogue.models import Model
from gpuyard.doors.quantities import GIB
from gpuyard.fit import Settings, lora

__all__ = ["Use", "configured_elsewhere", "uncounted", "uses"]

_CONNECTOR = "kv-transfer-config"
_COUNTED = ("OffloadingConnector", "SimpleCPUOffloadConnector", "LMCacheConnectorV1")
_ELSEWHERE = ("LMCacheMPConnector", "MultiConnector", "NixlConnector", "NixlPullConnector", "NixlPushConnector")
"""Connectors whose memory is the GPU's, another server's, or that of those that they are made of."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a flag takes for one pod, and whether in /dev/shm."""

    flag: str
    gib: float
    shared: bool = False


def uses(args: Mapping[str, Any], env: Mapping[str, Any], model: Model, gpus: int) -> tuple[Use, ...]:
    """Every flag that takes some; what can't be read as a number is vLLM's to refuse."""
    found = (
        *_kv_cache(args, env, gpus),
        *_weights(args, model, gpus),
        *_media(args, model),
        *_adapters(args, model, gpus),
    )
    return tuple(use for use in found if use.gib > 0)


def uncounted(args: Mapping[str, Any]) -> tuple[str, ...]:
    """Connectors of which nobody here knows how much they take."""
    if "kv-offloading-size" in args:
        return ()
    return tuple(name for name, _ in _connectors(args.get(_CONNECTOR)) if name not in (*_COUNTED, *_ELSEWHERE))


def configured_elsewhere(args: Mapping[str, Any], env: Collection[str]) -> bool:
    """Whether LMCache reads its sizes from a file that nobody here sees."""
    used = any(name == "LMCacheConnectorV1" for name, _ in _connectors(args.get(_CONNECTOR)))
    return used and "LMCACHE_CONFIG_FILE" in env


def _kv_cache(args: Mapping[str, Any], env: Mapping[str, Any], gpus: int) -> Iterator[Use]:
    """KV cache that is kept when the GPU's is full; the size as a flag takes the place of any connector."""
    if "kv-offloading-size" in args:
        if args.get("kv-offloading-backend", "native") == "native":
            simple = env.get("VLLM_USE_SIMPLE_KV_OFFLOAD", "0") not in ("", "0")
            yield Use("kv-offloading-size", amount(args["kv-offloading-size"]), shared=not simple)
        return
    for name, extra in _connectors(args.get(_CONNECTOR)):
        if name == "OffloadingConnector":
            yield Use(_CONNECTOR, amount(extra.get("cpu_bytes_to_use")) / GIB, shared=True)
        elif name == "SimpleCPUOffloadConnector":
            each = extra.get("cpu_bytes_to_use_per_rank")
            total = amount(extra.get("cpu_bytes_to_use", 8 * GIB)) if each is None else gpus * amount(each)
            yield Use(_CONNECTOR, total / GIB)
        elif name == "LMCacheConnectorV1" and _in_memory(extra, env):
            each = extra.get("lmcache.max_local_cpu_size", env.get("LMCACHE_MAX_LOCAL_CPU_SIZE", 5))
            yield Use("LMCACHE_MAX_LOCAL_CPU_SIZE", gpus * amount(each))


def _weights(args: Mapping[str, Any], model: Model, gpus: int) -> Iterator[Use]:
    """Weights that stay outside of the GPUs: some of the layers, or so much of each GPU's part."""
    group, backend = amount(args.get("offload-group-size")), args.get("offload-backend", "auto")
    if group and backend in ("auto", "prefetch"):
        part = min(1, amount(args.get("offload-num-in-group", 1)) / group)
        yield Use("offload-group-size", part * model.weights_gib)
    elif backend in ("auto", "uva"):
        yield Use("cpu-offload-gb", min(gpus * amount(args.get("cpu-offload-gb")), model.weights_gib))


def _adapters(args: Mapping[str, Any], model: Model, gpus: int) -> Iterator[Use]:
    """Adapters that wait for a slot on the GPU: each process holds all of them, undivided (lora/model_manager.py)."""
    kept = int(amount(args.get("max-cpu-loras")))
    if kept and args.get("enable-lora") is True:
        rank = int(amount(args.get("max-lora-rank", 16)))
        alone = Settings(1, 1, 1, 1.0, adapters=kept, adapter_rank=rank)
        yield Use("max-cpu-loras", gpus * lora.adapters(model, alone))


def _media(args: Mapping[str, Any], model: Model) -> Iterator[Use]:
    """Images as the model takes them: once in shared memory, or in each process of the API and of the engine."""
    if not model.multimodal:
        return
    size, processes = amount(args.get("mm-processor-cache-gb", 4)), amount(args.get("api-server-count", 1))
    shared = args.get("mm-processor-cache-type") == "shm" and processes <= 1
    yield Use("mm-processor-cache-gb", size if shared else size * (processes + 1), shared=shared)
    if args.get("mm-tensor-ipc") == "torch_shm":
        yield Use("mm-tensor-ipc", 4, shared=True)  # requests on their way; vLLM sets no bound


def _in_memory(extra: Mapping[str, Any], env: Mapping[str, Any]) -> bool:
    """Whether LMCache uses the node's memory: it does, unless told otherwise."""
    told = extra.get("lmcache.local_cpu", env.get("LMCACHE_LOCAL_CPU", True))
    return str(told).lower() not in ("false", "0", "no")


def _connectors(config: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and settings of the connector, and of those that it is made of."""
    read = mapping(config)
    if read is None:
        return
    extra = read.get("kv_connector_extra_config")
    settings = extra if isinstance(extra, Mapping) else {}
    if isinstance(name := read.get("kv_connector"), str):
        yield name, settings
    inside = settings.get("connectors")
    for each in inside if isinstance(inside, list) else ():
        yield from _connectors(each)
