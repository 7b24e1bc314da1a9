"""Weights that a version of vLLM can't load, and flags that contradict what they are."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.models import Model, Quantization
from gpuyard.catalogue.quantizations import instead, loaded, methods, on_load
from gpuyard.catalogue.vllm import base
from gpuyard.fit.impossible import group_of
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference.build import Build
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.inference.server import Source
from gpuyard.resolve.problems import Problems

__all__ = ["as_loaded", "check", "notes"]

Path = tuple[str, ...]

_PLUGINS = "VLLM_PLUGINS"


def check(
    blueprint: Blueprint[Inference],
    options: Options,
    found: tuple[Model, Source],
    where: Path,
    runs: Build,
    problems: Problems,
) -> None:
    """What would end the server at its start: `where` is the model."""
    model, source = found
    for message in _checkpoint(model, source, runs.version):
        problems.add(blueprint.file, where, message)
    # Another build may load more, and so may a plugin.
    if not runs.released or _PLUGINS in options.env:
        return
    for flag, message in _flags(options.args, model, runs.version):
        problems.add(blueprint.file, options.path("args", flag), message)


def as_loaded(model: Model, args: Mapping[str, Any]) -> Model:
    """As it is in GPU memory, where a flag makes it smaller."""
    return loaded(model, _lower(args.get("quantization")))


def notes(model: Model, args: Mapping[str, Any], tensor: int) -> Iterator[str]:
    """What has no effect, and what isn't known and would matter."""
    if "limit-mm-per-prompt" in args and not model.multimodal:
        yield f"limit-mm-per-prompt has no effect: {model.name} takes no images"
    if tensor > 1 and group_of(model) and model.intermediate is None and model.experts is None:
        yield (
            f"{model.name}: whether tensor parallelism {tensor} cuts groups of its {model.quantization} weights is not "
            "known, and vLLM would refuse it; add intermediate to its facts (intermediate_size of config.json)"
        )


def _checkpoint(model: Model, source: Source, version: str) -> Iterator[str]:
    release = base(version).release
    path = f"{source.repository or ''}/{source.path or ''}".lower()
    if "gguf" in path and "gguf" not in base(version).quantizations:
        yield f"vLLM {release} does not load GGUF files; use {instead('gguf')}"
    name = model.quantization
    if name is Quantization.NONE or set(methods(name)) & base(version).quantizations:
        return
    use = instead(name)
    yield f"vLLM {release} does not load weights in {name}" + (f"; use {use}" if use else "")


def _flags(args: Mapping[str, Any], model: Model, version: str) -> Iterator[tuple[str, str]]:
    if isinstance(args.get("quantization"), str):
        yield from (("quantization", each) for each in _quantization(args, model, version))


def _quantization(args: Mapping[str, Any], model: Model, version: str) -> Iterator[str]:
    method, known, own = _lower(args["quantization"]), base(version), model.quantization
    offered = [each for each in methods(own) if each in known.quantizations]
    if method == "auto" or method is None or (method == "online" and own is Quantization.NONE):
        return
    if method in known.quantizations and method not in offered:
        what = "in 16 bits" if own is Quantization.NONE else f"in {own}"
        yield f"{method} does not go with weights {what}: remove it, or use {' or '.join(offered[:3])}"
    elif (smaller := on_load(method)) and smaller.experts and model.experts is None:
        yield f"{method} is for a mixture of experts, and {model.name} is none; use fp8"


def _lower(value: object) -> str | None:
    return value.lower() if isinstance(value, str) else None
