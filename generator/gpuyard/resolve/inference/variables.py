"""Texts of environment variables that vLLM could not read."""

from collections.abc import Iterator, Mapping

from gpuyard.catalogue.variables import content
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference, Variable
from gpuyard.resolve.inference.build import Build
from gpuyard.resolve.problems import Problems

__all__ = ["check"]

Path = tuple[str, ...]


def check(blueprint: Blueprint[Inference], runs: Build, problems: Problems) -> None:
    """Wherever one is given; what a Secret holds is not known here."""
    for path, env in _given(blueprint):
        for name, variable in env.items():
            for message in content(name, variable.text, runs.version) if variable.text is not None else ():
                problems.add(blueprint.file, (*path, name), message)


def _given(blueprint: Blueprint[Inference]) -> Iterator[tuple[Path, Mapping[str, Variable]]]:
    yield ("spec", "serving", "env"), blueprint.spec.serving.env
    for name, shape in (blueprint.spec.shapes or {}).items():
        yield ("spec", "shapes", name, "env"), shape.env
