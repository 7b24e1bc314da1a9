"""LoRA adapters that a server loads at its start, as flags of vLLM."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.blueprint import Adapter, Blueprint
from gpuyard.budget import Kind
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.storage import downloads
from gpuyard.resolve.workload import Source

__all__ = ["check", "check_source", "flags", "notes"]

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What max-lora-rank may be (vllm/config/lora.py, MaxLoRARanks); it sets memory aside for the largest."""
_FLAGS = ("enable-lora", "lora-modules", "max-lora-rank", "max-loras")


def check(blueprint: Blueprint, problems: Problems) -> None:
    """Names, and flags that say the same."""
    if not blueprint.serving.adapters:
        return
    for flag in _FLAGS:
        if {flag, f"no-{flag}"} & set(blueprint.serving.args):
            name = flag if flag in blueprint.serving.args else f"no-{flag}"
            problems.add(
                blueprint.file,
                ("spec", "serving", "args", name),
                "follows from serving.adapters; remove it here",
                key=True,
            )
    seen = {blueprint.served_name: "the model's own"}
    for index, adapter in enumerate(blueprint.serving.adapters):
        if adapter.name in seen:
            message = f"{adapter.name} is {seen[adapter.name]} name already"
            problems.add(blueprint.file, ("spec", "serving", "adapters", index, "name"), message)
        seen.setdefault(adapter.name, "another adapter's")


def check_source(blueprint: Blueprint, source: Source, problems: Problems) -> None:
    """Each must be where the server can read it."""
    for index, adapter in enumerate(blueprint.serving.adapters):
        if reason := _unreachable(blueprint, source, adapter):
            problems.add(blueprint.file, ("spec", "serving", "adapters", index, "source"), reason)


def flags(blueprint: Blueprint, source: Source) -> Mapping[str, Any]:
    """What vLLM is told; nothing without adapters."""
    adapters = blueprint.serving.adapters
    if not adapters:
        return {}
    largest = max(adapter.rank for adapter in adapters)
    return {
        "enable-lora": True,
        "max-loras": len(adapters),
        "max-lora-rank": next(rank for rank in _RANKS if rank >= largest),
        "lora-modules": [f"{adapter.name}={_place(blueprint, source, adapter)}" for adapter in adapters],
    }


def notes(blueprint: Blueprint) -> Iterator[str]:
    """What the arithmetic leaves out, and what isn't pinned."""
    if blueprint.serving.adapters:
        yield f"{blueprint.file}: adapters take GPU memory that the fit doesn't count"
    for adapter in blueprint.serving.adapters:
        if adapter.source.startswith("hf://"):
            yield f"{blueprint.file}: adapter {adapter.name} is whatever {adapter.source} holds when a server starts"


def _unreachable(blueprint: Blueprint, source: Source, adapter: Adapter) -> str | None:
    """Why the server couldn't read it."""
    scheme, _, rest = adapter.source.partition("://")
    if scheme == "pvc":
        mounted = [claim for claim in (source.claim, blueprint.cache.claim) if claim]
        if rest.partition("/")[0] in mounted:
            return None
        return (
            f"its claim isn't mounted; put it on the claim of the weights or the cache ({', '.join(mounted) or 'none'})"
        )
    if "@" in rest:
        return "vLLM takes adapters from Hugging Face by name alone, so a commit can't be held; copy it onto a claim"
    if source.kind is not Kind.HF or downloads(blueprint, source):
        return (
            "the server doesn't reach Hugging Face: its weights come from a cache or a claim; "
            "copy the adapter onto a claim, or set storage.download: false"
        )
    return None


def _place(blueprint: Blueprint, source: Source, adapter: Adapter) -> str:
    """A folder in the pod, or a name on Hugging Face."""
    scheme, _, rest = adapter.source.partition("://")
    if scheme == "hf":
        return rest
    claim, _, folder = rest.partition("/")
    return f"/models/{folder}" if claim == source.claim else f"/cache/{folder}"
