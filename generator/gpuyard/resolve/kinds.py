"""The kinds of workloads: what becomes of a blueprint; one package a kind, named like its `type`."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from gpuyard.project.blueprint import Blueprint
from gpuyard.resolve import inference
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site
from gpuyard.resolve.workload import Refusal, Workload

__all__ = ["KINDS", "Kind"]


class Kind(Protocol):
    """What every kind does; modules satisfy it."""

    def workloads(self, blueprint: Blueprint[Any], site: Site, problems: Problems) -> Iterator[Workload | Refusal]:
        """What becomes of a blueprint on each of its shapes; what is wrong with it goes to `problems`."""

    def notes(self, blueprint: Blueprint[Any], site: Site) -> Iterator[str]:
        """What is allowed and still worth saying, whatever the shape."""


KINDS: Mapping[str, Kind] = {"inference": inference}
"""By `spec.type`; their files are read by gpuyard.project.blueprint.KINDS."""
