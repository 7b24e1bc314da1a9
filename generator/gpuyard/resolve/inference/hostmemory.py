"""What flags and variables of vLLM take of a node's memory, as vLLM 0.32 counts it.

kv-offloading-size and cpu_bytes_to_use are for all GPUs of a server together (vllm/config/cache.py and
vllm/v1/kv_offload/cpu/spec.py), cpu-offload-gb is for each of them (vllm/config/offload.py), LMCache's size, too.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.catalogue.flagvalues import mapping
from gpuyard.catalogue.models import Model
from gpuyard.doors.quantities import GIB

__all__ = ["Use", "uncounted", "uses"]

_SUFFIXED = re.compile(r"\b([0-9]+(?:\.[0-9]+)?)([kKmMgGtT])\b")
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
    found = (*_kv_cache(args, env, gpus), *_weights(args, model, gpus), *_media(args, model))
    return tuple(use for use in found if use.gib > 0)


def uncounted(args: Mapping[str, Any]) -> tuple[str, ...]:
    """Connectors of which nobody here knows how much they take."""
    if "kv-offloading-size" in args:
        return ()
    return tuple(name for name, _ in _connectors(args.get(_CONNECTOR)) if name not in (*_COUNTED, *_ELSEWHERE))


def _kv_cache(args: Mapping[str, Any], env: Mapping[str, Any], gpus: int) -> Iterator[Use]:
    """KV cache that is kept when the GPU's is full; the size as a flag takes the place of any connector."""
    if "kv-offloading-size" in args:
        if args.get("kv-offloading-backend", "native") == "native":
            simple = env.get("VLLM_USE_SIMPLE_KV_OFFLOAD", "0") not in ("", "0")
            yield Use("kv-offloading-size", _number(args["kv-offloading-size"]), shared=not simple)
        return
    for name, extra in _connectors(args.get(_CONNECTOR)):
        if name == "OffloadingConnector":
            yield Use(_CONNECTOR, _number(extra.get("cpu_bytes_to_use")) / GIB, shared=True)
        elif name == "SimpleCPUOffloadConnector":
            each = extra.get("cpu_bytes_to_use_per_rank")
            total = _number(extra.get("cpu_bytes_to_use", 8 * GIB)) if each is None else gpus * _number(each)
            yield Use(_CONNECTOR, total / GIB)
        elif name == "LMCacheConnectorV1":
            each = extra.get("lmcache.max_local_cpu_size", env.get("LMCACHE_MAX_LOCAL_CPU_SIZE", 5))
            yield Use("LMCACHE_MAX_LOCAL_CPU_SIZE", gpus * _number(each))


def _weights(args: Mapping[str, Any], model: Model, gpus: int) -> Iterator[Use]:
    """Weights that stay outside of the GPUs: some of the layers, or so much of each GPU's part."""
    group, backend = _number(args.get("offload-group-size")), args.get("offload-backend", "auto")
    if group and backend in ("auto", "prefetch"):
        part = min(1, _number(args.get("offload-num-in-group", 1)) / group)
        yield Use("offload-group-size", part * model.weights_gib)
    elif backend in ("auto", "uva"):
        yield Use("cpu-offload-gb", min(gpus * _number(args.get("cpu-offload-gb")), model.weights_gib))


def _media(args: Mapping[str, Any], model: Model) -> Iterator[Use]:
    """Images as the model takes them: once in shared memory, or in each process of the API and of the engine."""
    if not model.multimodal:
        return
    size, processes = _number(args.get("mm-processor-cache-gb", 4)), _number(args.get("api-server-count", 1))
    shared = args.get("mm-processor-cache-type") == "shm" and processes <= 1
    yield Use("mm-processor-cache-gb", size if shared else size * (processes + 1), shared=shared)
    if args.get("mm-tensor-ipc") == "torch_shm":
        yield Use("mm-tensor-ipc", 4, shared=True)  # requests on their way; vLLM sets no bound


def _connectors(config: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and settings of the connector, and of those that it is made of."""
    if (read := mapping(config)) is None:
        return
    extra = read.get("kv_connector_extra_config")
    settings = extra if isinstance(extra, Mapping) else {}
    if isinstance(name := read.get("kv_connector"), str):
        yield name, settings
    inside = settings.get("connectors")
    for each in inside if isinstance(inside, list) else ():
        yield from _connectors(each)


def _number(value: object) -> float:
    """0 where it is none."""
    if isinstance(value, str) and (found := _SUFFIXED.fullmatch(value.strip())):
        base = 1024 if found[2].isupper() else 1000
        return float(found[1]) * float(base) ** ("kmgt".index(found[2].lower()) + 1)
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0
