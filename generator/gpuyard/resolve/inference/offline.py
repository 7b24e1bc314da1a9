"""Models that flags name beside the one that is served: who downloads them?"""

from collections.abc import Iterator
from typing import Any

from gpuyard.fit.budget import Origin
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference.server import Source
from gpuyard.resolve.inference.storage import downloads
from gpuyard.resolve.problems import Problems

__all__ = ["check", "named"]

_FLAGS = ("tokenizer", "hf-config-path")


def check(blueprint: Blueprint[Inference], source: Source, problems: Problems) -> None:
    """A server without the internet finds only what is on its volumes."""
    if source.kind is Origin.HF and not downloads(blueprint, source):
        return
    for path, name in named(blueprint):
        if not name.startswith("/"):
            problems.add(
                blueprint.file,
                ("spec", "serving", "args", *path),
                f"the server has no access to Hugging Face, and {name} is not copied; "
                "give a path on a claim that it mounts (/models/… or /cache/…), or set storage.download: false",
            )


def named(blueprint: Blueprint[Inference]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where a flag names a model, and the name."""
    args = blueprint.spec.serving.args
    for flag in _FLAGS:
        if isinstance(args.get(flag), str):
            yield (flag,), args[flag]
    draft = _draft(args.get("speculative-config"))
    if isinstance(draft, str):
        yield ("speculative-config", "model"), draft


def _draft(config: object) -> Any:
    return config.get("model") if isinstance(config, dict) else None
