"""Models that flags name beside the one that is served: who downloads them?"""

from collections.abc import Iterator
from typing import Any

from gpuyard.fit.budget import Origin
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.inference.server import Source
from gpuyard.resolve.inference.storage import downloads
from gpuyard.resolve.problems import Problems

__all__ = ["check", "named"]

_FLAGS = ("tokenizer", "hf-config-path")


def check(blueprint: Blueprint[Inference], options: Options, source: Source, problems: Problems) -> None:
    """A server without the internet finds only what is on its volumes."""
    if source.kind is Origin.HF and not downloads(blueprint, source):
        return
    for path, name in named(options):
        if not name.startswith("/"):
            problems.add(
                blueprint.file,
                options.path("args", *path),
                f"the server has no access to Hugging Face, and {name} is not copied; "
                "give a path on a claim that it mounts (/models/… or /cache/…), or set storage.download: false",
            )


def named(options: Options) -> Iterator[tuple[tuple[str, ...], str]]:
    """The flag that names a model, where in it, and the name."""
    args = options.args
    for flag in _FLAGS:
        if isinstance(args.get(flag), str):
            yield (flag,), args[flag]
    draft = _draft(args.get("speculative-config"))
    if isinstance(draft, str):
        yield ("speculative-config", "model"), draft


def _draft(config: object) -> Any:
    return config.get("model") if isinstance(config, dict) else None
