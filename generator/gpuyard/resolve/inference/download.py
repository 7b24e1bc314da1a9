"""The Job that copies weights into the shared cache, before servers that read them from there start."""

from collections.abc import Collection, Mapping
from typing import Any

from gpuyard.catalogue.shapes import Shape
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.workload import First

__all__ = ["first", "values"]

_FORMATS = {
    **{name: name for name in ("auto", "hf", "safetensors", "mistral", "pt", "gguf")},
    **dict.fromkeys(("fastsafetensors", "instanttensor", "sharded_state"), "safetensors"),
    **dict.fromkeys(("runai_streamer", "runai_streamer_sharded"), "safetensors"),
    "bitsandbytes": "hf",
    "npcache": "pt",
}
"""What the Job copies for vLLM's load-format; for one that is not here, such as a plugin's, all files."""
_COMPONENTS = frozenset({"download"})
_MARGIN_SECONDS = 60
"""The engine's own, as of every rollout."""


def first(server: Server, values: Mapping[str, Any]) -> First | None:
    """The Job and what it needs, so that a server runs on until the weights of the next are in the cache."""
    if not server.download_seconds:
        return None
    seconds = server.budget.schedule + int(values["download"]["timeoutSeconds"]) + _MARGIN_SECONDS
    return First(_COMPONENTS, seconds, server.spec.storage.cache.claim or "")


def values(server: Server, shapes: Collection[Shape]) -> Mapping[str, Any]:
    """Of the chart; `shapes` are all that the blueprint runs on, so that its Job is the same on each of them."""
    if not server.download_seconds:
        return {}
    copied = [{"id": repository, "revision": commit} for repository, commit in server.copied_adapters]
    chosen = _FORMATS.get(str(server.args.get("load-format", "auto")).lower(), "all")  # as vLLM reads it
    taints = sorted({shape.taint.key for shape in shapes})
    archs = {shape.arch for shape in shapes}
    found: dict[str, Any] = {
        "enabled": True,
        "first": True,
        "timeoutSeconds": server.download_seconds,
        **({"format": chosen} if chosen != "auto" else {}),
        **({"adapters": copied} if copied else {}),
        # Any node will do, if it can run the image: a mirror may hold it for the processors of GPU nodes only.
        **({"nodeSelector": {"kubernetes.io/arch": min(archs)}} if len(archs) == 1 else {}),
        "tolerations": [{"key": key, "operator": "Exists"} for key in taints],
    }
    return {"download": found}
