"""Flags and variables of a server on one shape: the blueprint's, and over them the shape's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gpuyard.catalogue.flagrules import usable
from gpuyard.doors.yamlio import Path
from gpuyard.errors import MOST_PROBLEMS
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference, ShapeOverride, Variable

__all__ = ["Options", "every", "of_shape"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a server is started with, and where each of it is written."""

    given: Mapping[str, Any]
    """Flags as their author wrote them, whatever they hold: to be checked, and for nothing else."""
    args: Mapping[str, Any]
    """Those whose values have the type that the version takes, so that anything may read them."""
    env: Mapping[str, Variable]
    shape: str
    own: frozenset[tuple[str, str]]
    """Group (args or env) and name of what the shape says itself."""

    def path(self, *place: str | int) -> Path:
        """Where a flag or a variable is written, a part of its value, or all of args or env."""
        own = any(place[: len(each)] == each[: len(place)] for each in self.own)
        return ("spec", "shapes", self.shape, *place) if own else ("spec", "serving", *place)

    @property
    def texts(self) -> Mapping[str, str]:
        """Variables whose content is known here."""
        return {name: each.text for name, each in self.env.items() if each.text is not None}


def of_shape(blueprint: Blueprint[Inference], shape: str, version: str) -> Options:
    """On a shape, whether or not the blueprint names it; `version` is vLLM's."""
    serving = blueprint.spec.serving
    override = (blueprint.spec.shapes or {}).get(shape, ShapeOverride())
    own = {("args", name) for name in override.args} | {("env", name) for name in override.env}
    given = {**serving.args, **override.args}
    return Options(given, usable(given, version), {**serving.env, **override.env}, shape, frozenset(own))


def every(blueprint: Blueprint[Inference], version: str) -> tuple[Options, ...]:
    """On each shape that the blueprint names, or once for all; what each of the shapes replaces holds nowhere."""
    # There are fewer shapes than that: of all that come later, it is told anyway that they are none.
    shapes = islice(blueprint.spec.shapes or ("",), MOST_PROBLEMS)
    return tuple(of_shape(blueprint, shape, version) for shape in shapes)
