"""What one pod asks for: processor, memory, disk, and the server's flags."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import Node
from gpuyard.doors.quantities import gib
from gpuyard.fit import Choice
from gpuyard.fit.budget import Origin
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference.server import Resources, Source

__all__ = ["args", "cache_gib", "resources"]

# A GPU node runs little else: the rest is for the kubelet, the device plugin and the exporters.
_SHARE = 0.8
_VCPUS_PER_OCPU = 2
_SCRATCH_GIB = 12
"""Temporary files, home folder with what is compiled, and logs."""


def resources(model: Model, nodes: Sequence[Node], *, gpus: int, cache: str | None, cache_size: int) -> Resources:
    """Limits are the pod's part of the smallest node, requests what the server needs to load and run."""
    cpu_limit = max(4, int(min(_VCPUS_PER_OCPU * node.ocpus * gpus / node.gpus for node in nodes) * _SHARE))
    memory_limit = int(min(node.memory_gib * gpus / node.gpus for node in nodes) * _SHARE)
    shared = _shared_memory(model, gpus)
    # vLLM reads weights through the page cache, shard by shard; the largest shard and the interpreter per GPU count.
    memory_need = math.ceil(8 + 4 * gpus + shared + min(model.weights_gib, 16))
    disk = _SCRATCH_GIB + (cache_size if cache == "ephemeral" else 0)
    return Resources(
        cpu_request=min(2 + 2 * gpus, cpu_limit),
        cpu_limit=cpu_limit,
        memory_request=min(memory_need, memory_limit),
        memory_limit=memory_limit,
        disk_request=disk,
        disk_limit=2 * _SCRATCH_GIB + disk,
        shared_memory=shared,
    )


def _shared_memory(model: Model, gpus: int) -> int:
    """GiB of /dev/shm: NCCL and the workers' queues by the number of GPUs, and the cache of images."""
    by_gpus = 2 if gpus == 1 else 8 if gpus <= 4 else 16
    return by_gpus + (4 if model.multimodal else 0)


def cache_gib(blueprint: Blueprint[Inference], model: Model, source: Source) -> int:
    """GiB of the cache: the author's size, or room for two versions of what is downloaded and for adapters, by 50."""
    if blueprint.spec.storage.cache.size is not None:
        return gib(blueprint.spec.storage.cache.size)
    downloaded = 2 * model.weights_gib if source.kind is Origin.HF else 0
    return 50 * math.ceil((downloaded + 20) / 50)


def args(choice: Choice, context: int, blueprint: Blueprint[Inference]) -> Mapping[str, Any]:
    """Every flag of the server but those that the chart sets; nothing is left to the GPU's own defaults."""
    return {
        "tensor-parallel-size": choice.settings.tensor,
        "max-model-len": context,
        "gpu-memory-utilization": choice.settings.utilization,
        "max-num-seqs": choice.settings.max_num_seqs,
        "max-num-batched-tokens": choice.settings.batched_tokens,
        "disable-access-log-for-endpoints": "/health,/metrics,/ping",
        **blueprint.spec.serving.args,
    }
