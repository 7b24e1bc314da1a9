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
from gpuyard.resolve.inference.hostmemory import Use
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.inference.server import Resources, Source

__all__ = ["args", "cache_gib", "resources", "with_memory"]

# A GPU node runs little else: the rest is for the kubelet, the device plugin and the exporters.
_SHARE = 0.8
_VCPUS_PER_OCPU = 2
_SCRATCH_GIB = 12
"""Temporary files, home folder with what is compiled, and logs."""


def resources(
    model: Model, nodes: Sequence[Node], uses: Sequence[Use], *, gpus: int, cache: str | None, cache_size: int
) -> Resources:
    """Requests are what the server needs to load and run, limits the pod's part of the smallest node; none for CPU."""
    cpus = min(_VCPUS_PER_OCPU * node.ocpus * gpus / node.gpus for node in nodes)
    memory_limit = min(_memory_of(node, gpus) for node in nodes)
    disk = _SCRATCH_GIB + (cache_size if cache == "ephemeral" else 0)
    return Resources(
        cpu_request=min(2 + 2 * gpus, max(4, int(cpus * _SHARE))),
        memory_request=min(_memory(model, uses, gpus), memory_limit),
        memory_limit=memory_limit,
        disk_request=disk,
        disk_limit=2 * _SCRATCH_GIB + disk,
        shared_memory=_shared_memory(uses, gpus),
    )


def with_memory(
    nodes: Sequence[Node], named: Sequence[str], model: Model, uses: Sequence[Use], *, gpus: int
) -> tuple[Node, ...] | str:
    """The nodes whose memory is enough for what flags take of it, or why there are none; `named` by the author."""
    need = _memory(model, uses, gpus)
    without = [node for node in nodes if uses and _memory_of(node, gpus) < need]
    if len(without) < len(nodes) and not {node.name for node in without} & set(named):
        return tuple(node for node in nodes if node not in without)
    flags = ", ".join(f"{use.flag} {use.gib:.4g} GiB" for use in uses)
    rooms = ", ".join(
        f"{each.name} {_memory_of(each, gpus)} GiB for {gpus} of its {each.gpus} GPUs" for each in without
    )
    more = "" if all(node.gpus == gpus for node in without) else ", or raise tensorParallel, which brings a larger part"
    return f"flags take too much of the node's memory ({flags}): a pod needs {need} GiB, {rooms}; lower them{more}"


def _memory(model: Model, uses: Sequence[Use], gpus: int) -> int:
    """GiB that a pod needs, its /dev/shm included."""
    private = sum(use.gib for use in uses if not use.shared)
    # vLLM reads weights through the page cache, shard by shard; the largest shard and the interpreter per GPU count.
    return math.ceil(8 + 4 * gpus + _shared_memory(uses, gpus) + private + min(model.weights_gib, 16))


def _memory_of(node: Node, gpus: int) -> int:
    """GiB of a node for a pod with so many of its GPUs."""
    return int(node.memory_gib * gpus / node.gpus * _SHARE)


def _shared_memory(uses: Sequence[Use], gpus: int) -> int:
    """GiB of /dev/shm: NCCL and the workers' queues by the number of GPUs, and what flags keep there."""
    by_gpus = 2 if gpus == 1 else 8 if gpus <= 4 else 16
    return by_gpus + math.ceil(sum(use.gib for use in uses if use.shared))


def cache_gib(blueprint: Blueprint[Inference], model: Model, source: Source) -> int:
    """GiB of the cache: the author's size, or room for two versions of what is downloaded and for adapters, by 50."""
    if blueprint.spec.storage.cache.size is not None:
        return gib(blueprint.spec.storage.cache.size)
    downloaded = 2 * model.weights_gib if source.kind is Origin.HF else 0
    return 50 * math.ceil((downloaded + 20) / 50)


def args(choice: Choice, context: int, options: Options, source: Source) -> Mapping[str, Any]:
    """Every flag of the server but those that the chart sets; nothing is left to the GPU's own defaults."""
    return {
        **({"load-format": "runai_streamer"} if source.kind is Origin.OCI else {}),
        **({"runner": "pooling"} if choice.fit.model.pooling else {}),
        "tensor-parallel-size": choice.settings.tensor,
        "max-model-len": context,
        "gpu-memory-utilization": choice.settings.utilization,
        "max-num-seqs": choice.settings.max_num_seqs,
        "max-num-batched-tokens": choice.settings.batched_tokens,
        "disable-access-log-for-endpoints": "/health,/metrics,/ping",
        **options.args,
    }
