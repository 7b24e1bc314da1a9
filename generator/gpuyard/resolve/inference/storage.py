"""Caches, and the Job that fills a shared one."""

import json
import math
from collections.abc import Iterator, Sequence

from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import Node
from gpuyard.doors.quantities import GIB, gib
from gpuyard.fit.budget import Origin, read_seconds
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.project.stack import Stack
from gpuyard.resolve.inference.scaling import bounds
from gpuyard.resolve.inference.server import Server, Source
from gpuyard.resolve.problems import Problems

__all__ = ["CLAIMED", "beyond_boot_volume", "check", "check_size", "check_source", "download_seconds", "downloads"]
__all__ += ["load_kind", "notes", "with_drives"]

_GIB_PER_TB = 10**12 / GIB
_OF_BOOT_VOLUME = 0.8
"""The system and images have their part, and the kubelet evicts pods when a tenth is left."""
CLAIMED = ("fss", "block")
_BOUNDED = ("block", "nvme", "ephemeral")
_WITH_FILE_SYSTEM = 1.05
"""ext4 keeps a twentieth for root."""
_LEAST_DOWNLOAD_SECONDS, _MOST_DOWNLOAD_SECONDS = 1800, 86400


def check(blueprint: Blueprint[Inference], stack: Stack, problems: Problems) -> None:
    """What is wrong wherever it runs."""
    cache, path = blueprint.spec.storage.cache, ("spec", "storage", "cache")
    if cache.claim:
        for key, given in (("kind", cache.kind is not None), ("size", cache.size is not None)):
            if given:
                problems.add(blueprint.file, (*path, key), f"is set by the claim {cache.claim}; remove it", key=True)
        return
    if cache.kind == "block":
        _check_block(blueprint, problems)
    if cache.kind == "nvme" and "nvme" not in stack.storage:
        message = "nvme needs the StorageClass of the nodes' local drives; name it in stack.yaml as spec.storage.nvme"
        problems.add(blueprint.file, (*path, "kind"), message)
    if blueprint.spec.storage.download and cache.kind != "fss":
        problems.add(
            blueprint.file,
            ("spec", "storage", "download"),
            f"one copy for all replicas needs a shared cache, which {cache.kind} is not; use cache.kind fss",
        )


def _check_block(blueprint: Blueprint[Inference], problems: Problems) -> None:
    """One volume, one replica, on every shape."""
    for _, high in bounds(blueprint):
        if high.value > 1 and high.of_shape:
            message = f"{high.value} replicas cannot share a block volume, which attaches to one node; use max: 1, or "
            problems.add(blueprint.file, high.path, f"{message}storage.cache.kind fss")
        elif high.value > 1:
            message = "block: a block volume attaches to one node, and scaling.max is more than 1; use fss, or max: 1"
            problems.add(blueprint.file, ("spec", "storage", "cache", "kind"), message)


def check_source(blueprint: Blueprint[Inference], source: Source, path: tuple[str, ...], problems: Problems) -> None:
    """A Job that copies what isn't on Hugging Face would have nothing to do, and a claim is mounted once.

    `path` is the model's: the blueprint's own, or that of a shape, which is then what is wrong.
    """
    whole = path == ("spec", "model")
    cache = blueprint.spec.storage.cache
    if source.claim and source.claim == cache.claim:
        problems.add(
            blueprint.file,
            ("spec", "storage", "cache", "claim") if whole else (*path, "source"),
            f"{source.claim} holds the weights, and a pod cannot mount one claim as two volumes; "
            "give the cache another claim, or none (cache.kind ephemeral)",
        )
    if cache.kind in CLAIMED and source.claim == f"{blueprint.name}-cache":
        problems.add(
            blueprint.file,
            (*path, "source"),
            f"{source.claim} is the claim that gpuyard creates for the cache; put the weights on another claim, "
            "or use no claim for the cache (cache.kind ephemeral)",
        )
    if blueprint.spec.storage.download and source.kind is not Origin.HF:
        message = f"copies from Hugging Face, and the source is {source.kind}://; remove it"
        at = ("spec", "storage", "download") if whole else (*path, "source")
        problems.add(blueprint.file, at, message if whole else f"storage.download: true {message}")


def check_size(blueprint: Blueprint[Inference], model: Model, source: Source, problems: Problems) -> None:
    """A cache of its author's size must hold what is downloaded into it; file storage and other claims grow."""
    cache = blueprint.spec.storage.cache
    if cache.size is None or cache.kind not in _BOUNDED:
        return
    weights = model.weights_bytes / GIB if source.kind is Origin.HF else 0
    needed = math.ceil(weights * _WITH_FILE_SYSTEM)
    if gib(cache.size) < needed:
        message = f"{cache.size} is too small for {weights:.0f} GiB of weights ({model.name}); at least {needed}Gi"
        problems.add(blueprint.file, ("spec", "storage", "cache", "size"), message)


def notes(server: Server, claims: Sequence[str]) -> Iterator[str]:
    """Claims whose access mode nobody knows here, and one that nothing would be kept on; `claims` are volumes more."""
    file, cache, source = server.blueprint.file, server.spec.storage.cache, server.source
    mounted = [source.claim] if source.claim and source.kind is not Origin.FSS else []
    mounted += [claim for claim in (cache.claim, *claims) if claim]
    if server.max_replicas > 1 or server.surge:
        for claim in dict.fromkeys(mounted):
            reading = " (or ReadOnlyMany)" if claim == source.claim else ""
            yield (
                f"{file}: several replicas mount {claim}, which then must be ReadWriteMany{reading}: with "
                "ReadWriteOnce those on other nodes wait for it in ContainerCreating; check `kubectl get pvc`, or set "
                "scaling.max: 1"
            )
    if source.kind is not Origin.HF and cache.kind in CLAIMED and not _names_cache(server):
        yield (
            f"{file}: the claim {server.blueprint.name}-cache of {server.cache_gib}Gi would stay empty, because "
            f"weights come from {source.kind}://; set storage.cache: {{kind: ephemeral, size: 1Gi}}"
        )


def _names_cache(server: Server) -> bool:
    """Whether a flag or a variable of the author's is about something in it."""
    return "/cache" in json.dumps([server.args, dict(server.options.texts)], default=str)


def downloads(blueprint: Blueprint[Inference], source: Source) -> bool:
    """Whether a Job fills the cache: when asked to, else where replicas share a cache that is ours."""
    if blueprint.spec.storage.download is not None:
        return blueprint.spec.storage.download
    return source.kind is Origin.HF and blueprint.spec.storage.cache.kind == "fss"


def download_seconds(blueprint: Blueprint[Inference], model: Model, source: Source) -> int:
    """How long one try of the Job may take, three times what is expected; 0: there is none."""
    if not downloads(blueprint, source):
        return 0
    expected = read_seconds(model, Origin.HF)
    return min(_MOST_DOWNLOAD_SECONDS, max(_LEAST_DOWNLOAD_SECONDS, 60 * math.ceil(3 * expected / 60)))


def load_kind(blueprint: Blueprint[Inference], source: Source) -> Origin:
    """What a server reads at its start."""
    if downloads(blueprint, source):
        return Origin.PVC if blueprint.spec.storage.cache.claim else Origin.FSS
    return source.kind


def with_drives(
    blueprint: Blueprint[Inference], nodes: Sequence[Node], named: Sequence[str], size: int
) -> tuple[Node, ...] | str:
    """The nodes with room for the cache on drives of their own, or why that isn't so; `size` in GiB."""
    if blueprint.spec.storage.cache.kind != "nvme":
        return tuple(nodes)
    without = [node.name for node in nodes if not node.bare_metal or not node.local_nvme_tb]
    if without and (len(without) == len(nodes) or set(without) & set(named)):
        return (
            f"a cache on nvme needs local drives, which only bare-metal nodes have; {', '.join(without)} "
            f"{'has' if len(without) == 1 else 'have'} none; use cache.kind fss or ephemeral"
        )
    small = [node.name for node in nodes if node.name not in without and size > node.local_nvme_tb * _GIB_PER_TB]
    if small:
        return f"a cache of {size} GiB does not fit on the local drives of {', '.join(small)}"
    return tuple(node for node in nodes if node.name not in without)


def beyond_boot_volume(
    blueprint: Blueprint[Inference], nodes: Sequence[Node], *, gpus: int, replicas: int, disk: int
) -> str:
    """Why the disk that pods ask for isn't there, once a node has as many as its GPUs allow; `disk` in GiB of one."""
    if blueprint.spec.storage.cache.kind != "ephemeral":
        return ""
    reasons = []
    for node in nodes:
        pods, room = min(replicas, node.gpus // gpus), int(node.boot_volume_gb * _OF_BOOT_VOLUME)
        if pods * disk > room:
            each = "a pod needs" if pods == 1 else f"{pods} pods need"
            reasons.append(f"{node.name}: {each} {pods * disk} GiB of disk, its boot volume leaves {room}")
    if not reasons:
        return ""
    numbers = "; ".join(reasons)
    return f"a cache on the boot volume is too large; {numbers}; lower storage.cache.size, or use cache.kind fss"
