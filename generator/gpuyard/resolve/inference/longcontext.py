"""A context beyond the one that a model was made with: YaRN, and the flag that tells vLLM of it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gpuyard.catalogue.flagvalues import mapping
from gpuyard.catalogue.models import Extension, Model
from gpuyard.doors.yamlio import Path, show_path
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference, ShapeOverride
from gpuyard.project.parts import RopeScaling
from gpuyard.resolve.inference.options import Options
from gpuyard.resolve.problems import Problems

__all__ = ["check_context", "check_flags", "extended", "flags", "notes"]

_FLAG = "hf-overrides"
_OURS = ("max_position_embeddings", "rope_parameters", "rope_scaling", "rope_theta")
"""Keys of the flag that follow from model.ropeScaling."""


def extended(
    blueprint: Blueprint[Inference], model: Model, scaling: RopeScaling, path: Path, problems: Problems
) -> Model | None:
    """The model with its longer context; None when a problem was noted."""
    rope, place = model.attention.rope, (*path, "ropeScaling")
    if rope is None:
        message = (
            f"the positions of {model.name} cannot be scaled, or nobody has said how; for a model of your own, "
            "add rope: {theta: …} (rope_theta of its config.json) to attention"
        )
        problems.add(blueprint.file, place, message, key=True)
        return None
    extension = Extension(
        scaling.factor, scaling.original_context or rope.original_context or model.attention.max_context
    )
    if extension.context <= model.max_context:
        message = (
            f"{scaling.factor:g} times {extension.original_context} tokens are no more than the "
            f"{model.max_context} of {model.name}; raise factor or remove ropeScaling"
        )
        problems.add(blueprint.file, (*place, "factor"), message)
        return None
    return replace(model, attention=replace(model.attention, max_context=extension.context), extension=extension)


def check_context(blueprint: Blueprint[Inference], shape: str, model: Model, where: Path, problems: Problems) -> bool:
    """Whether the context that the author asks for is one that the model has; `where` names the model."""
    override = (blueprint.spec.shapes or {}).get(shape, ShapeOverride())
    asked = override.context_length or blueprint.spec.serving.context_length
    if asked is None or asked <= model.max_context:
        return True
    place: Path = ("spec", "shapes", shape) if override.context_length else ("spec", "serving")
    message = f"{asked} tokens are more than the {model.max_context} of {model.name}; lower it"
    problems.add(blueprint.file, (*place, "contextLength"), message + _way(model, asked, where))
    return False


def _way(model: Model, asked: int, where: Path) -> str:
    """To a longer one, where there is any."""
    if model.extension:
        return f", or raise {show_path(where)}.ropeScaling.factor"
    if (rope := model.attention.rope) is None:
        return ""
    factor = -(-asked // (rope.original_context or model.max_context))
    return f", or set {show_path(where)}.ropeScaling: {{factor: {factor}}}, which extends the context by YaRN"


def check_flags(blueprint: Blueprint[Inference], options: Options, model: Model, problems: Problems) -> None:
    """What the author overrides himself must leave our keys alone."""
    given = options.args.get(_FLAG)
    if model.extension is None or given is None:
        return
    path = options.path("args", _FLAG)
    for key in mapping(given) or ():
        if key in _OURS:
            place = (*path, key) if isinstance(given, Mapping) else path
            problems.add(blueprint.file, place, f"{key} follows from model.ropeScaling; remove it")


def flags(model: Model, options: Options) -> Mapping[str, Any]:
    """The flag, as vLLM 0.32 and 0.33 read it.

    It replaces rope_parameters as a whole, so theta is among them; and a context beyond max_position_embeddings is
    refused whatever YaRN's factor, so that is raised, too. Both are the language model's, which may be a part.
    """
    extension, rope = model.extension, model.attention.rope
    if extension is None or rope is None:
        return {}
    ours = {
        "max_position_embeddings": extension.context,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": rope.theta,
            "factor": extension.factor,
            "original_max_position_embeddings": extension.original_context,
            **({"partial_rotary_factor": rope.partial} if rope.partial else {}),
        },
    }
    own = dict(mapping(options.args.get(_FLAG)) or {})
    if model.multimodal:
        return {_FLAG: {**own, "text_config": {**own.get("text_config", {}), **ours}}}
    return {_FLAG: {**own, **ours}}


def notes(file: str, model: Model) -> Iterator[str]:
    """A factor that nobody has tried."""
    extension, rope = model.extension, model.attention.rope
    if extension and rope and rope.factor and extension.factor > rope.factor:
        yield (
            f"{file}: ropeScaling of {extension.factor:g} is more than the {rope.factor:g} that the authors of "
            f"{model.name} recommend; answers may get worse"
        )
