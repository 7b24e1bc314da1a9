"""Texts of environment variables that vLLM could not read."""

from gpuyard.catalogue.variables import content
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.resolve.inference.build import Build
from gpuyard.resolve.inference.options import every
from gpuyard.resolve.problems import Problems

__all__ = ["check"]


def check(blueprint: Blueprint[Inference], runs: Build, problems: Problems) -> None:
    """On every shape; what a Secret holds is not known here."""
    for options in every(blueprint):
        for name, text in options.texts.items():
            for message in content(name, text, runs.version):
                problems.add(blueprint.file, options.path("env", name), message)
