"""Flags and variables of a server on one shape: the blueprint's, and over them the shape's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.doors.yamlio import Path
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference, ShapeOverride, Variable

__all__ = ["Options", "every", "of_shape"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a server is started with, as its author wrote it, and where each of it is written."""

    args: Mapping[str, Any]
    env: Mapping[str, Variable]
    shape: str
    own: frozenset[tuple[str, str]]
    """Group (args or env) and name of what the shape says itself."""

    def path(self, group: str, *below: str) -> Path:
        """Where a flag or a variable is written, a part of its value, or all of them."""
        own = any((group, *below)[: len(each)] == each[: len(below) + 1] for each in self.own)
        return ("spec", "shapes", self.shape, group, *below) if own else ("spec", "serving", group, *below)

    @property
    def texts(self) -> Mapping[str, str]:
        """Variables whose content is known here."""
        return {name: each.text for name, each in self.env.items() if each.text is not None}


def of_shape(blueprint: Blueprint[Inference], shape: str) -> Options:
    """On a shape, whether or not the blueprint names it."""
    serving = blueprint.spec.serving
    override = (blueprint.spec.shapes or {}).get(shape, ShapeOverride())
    own = {("args", name) for name in override.args} | {("env", name) for name in override.env}
    return Options({**serving.args, **override.args}, {**serving.env, **override.env}, shape, frozenset(own))


def every(blueprint: Blueprint[Inference]) -> tuple[Options, ...]:
    """On each shape that the blueprint names, or once for all; what each of the shapes replaces holds nowhere."""
    return tuple(of_shape(blueprint, shape) for shape in blueprint.spec.shapes or ("",))
