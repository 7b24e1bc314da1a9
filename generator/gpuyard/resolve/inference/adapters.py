"""LoRA adapters that a server loads at its start, as flags of vLLM."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.vllm import base
from gpuyard.fit.budget import Origin
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Adapter, Inference
from gpuyard.resolve.inference.options import every
from gpuyard.resolve.inference.server import Source
from gpuyard.resolve.inference.storage import downloads
from gpuyard.resolve.problems import Problems

__all__ = ["check", "check_source", "copied", "flags", "notes"]

_HUB = "/cache/hf/hub"
"""Where a download Job leaves what it copies; huggingface_hub names the folders by repository and commit."""
_FLAGS = ("enable-lora", "lora-modules", "max-lora-rank", "max-loras")


def check(blueprint: Blueprint[Inference], version: str, problems: Problems) -> None:
    """Names, and flags that say the same."""
    if not blueprint.spec.serving.adapters:
        return
    for options in every(blueprint, version):
        for name in (given for flag in _FLAGS for given in (flag, f"no-{flag}") if given in options.given):
            message = "follows from serving.adapters; remove it here"
            problems.add(blueprint.file, options.path("args", name), message, key=True)
    seen = {blueprint.spec.model.served_name: "the model's own"}
    for index, adapter in enumerate(blueprint.spec.serving.adapters):
        if adapter.name in seen:
            message = f"{adapter.name} is {seen[adapter.name]} name already"
            problems.add(blueprint.file, ("spec", "serving", "adapters", index, "name"), message)
        seen.setdefault(adapter.name, "another adapter's")


def check_source(blueprint: Blueprint[Inference], source: Source, problems: Problems) -> None:
    """Each must be where the server can read it."""
    for index, adapter in enumerate(blueprint.spec.serving.adapters):
        if reason := _unreachable(blueprint, source, adapter):
            problems.add(blueprint.file, ("spec", "serving", "adapters", index, "source"), reason)


def flags(blueprint: Blueprint[Inference], source: Source, version: str) -> Mapping[str, Any]:
    """What vLLM is told; nothing without adapters."""
    adapters = blueprint.spec.serving.adapters
    if not adapters:
        return {}
    return {
        "enable-lora": True,
        "max-loras": len(adapters),
        "max-lora-rank": _rank(max(adapter.rank for adapter in adapters), version),
        "lora-modules": [f"{adapter.name}={_place(blueprint, source, adapter)}" for adapter in adapters],
    }


def _rank(largest: int, version: str) -> int:
    """The smallest max-lora-rank that holds all: vLLM sets memory aside for so much."""
    ranks = base(version).flags["max-lora-rank"].kind.choices
    return min(rank for rank in ranks if isinstance(rank, int) and rank >= largest)


def copied(blueprint: Blueprint[Inference]) -> Iterator[tuple[str, str]]:
    """Repository and commit of each that the download Job copies beside the weights."""
    for adapter in blueprint.spec.serving.adapters:
        scheme, _, rest = adapter.source.partition("://")
        if scheme == "hf":
            repository, _, commit = rest.partition("@")
            yield repository, commit


def notes(blueprint: Blueprint[Inference]) -> Iterator[str]:
    """What isn't pinned."""
    for adapter in blueprint.spec.serving.adapters:
        if adapter.source.startswith("hf://") and "@" not in adapter.source:
            message = f"is not pinned: each server loads what {adapter.source} has when it starts"
            yield f"{blueprint.file}: adapter {adapter.name} {message}"


def _unreachable(blueprint: Blueprint[Inference], source: Source, adapter: Adapter) -> str | None:
    """Why the server couldn't read it."""
    scheme, _, rest = adapter.source.partition("://")
    if scheme == "pvc":
        mounted = [claim for claim in (source.claim, blueprint.spec.storage.cache.claim) if claim]
        if rest.partition("/")[0] in mounted:
            return None
        known = ", ".join(mounted) or "none"
        return f"its claim is not mounted; put it on the claim of the weights or the cache ({known})"
    commit = "@" in rest
    if downloads(blueprint, source):
        return None if commit else "the download Job copies only pinned adapters; add @<40-digit commit>"
    if source.kind is not Origin.HF:
        return (
            "the server has no access to Hugging Face, since its weights come from elsewhere; "
            "copy the adapter onto a claim"
        )
    if commit:
        return (
            "a server that downloads for itself loads an adapter by name only, so a commit cannot be pinned; "
            "remove it, or set storage.download: true"
        )
    return None


def _place(blueprint: Blueprint[Inference], source: Source, adapter: Adapter) -> str:
    """A folder in the pod, or a name on Hugging Face."""
    scheme, _, rest = adapter.source.partition("://")
    if scheme == "hf":
        repository, _, commit = rest.partition("@")
        return f"{_HUB}/models--{repository.replace('/', '--')}/snapshots/{commit}" if commit else rest
    claim, _, folder = rest.partition("/")
    return f"/models/{folder}" if claim == source.claim else f"/cache/{folder}"
