"""What syncs the clusters: a module for each engine, which says everything that is the engine's own.

Another engine is its module, its line here and its member of stack.Engine.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from gpuyard.catalogue.platform import Release
from gpuyard.project import stack
from gpuyard.render.engines import flux
from gpuyard.resolve import Resolved
from gpuyard.resolve.workload import KeyUse

__all__ = ["ENGINES", "Engine"]


class Engine(Protocol):
    """What a module of an engine has."""

    def release(self, release: Release) -> list[dict[str, Any]]:
        """The objects by which it installs a chart of the platform."""

    def cluster(self, resolved: Resolved, cluster: str) -> Mapping[str, list[dict[str, Any]]]:
        """The entry point of a cluster: the objects of clusters/<cluster>, by file name."""

    def needs(self, stack: stack.Stack, releases: Iterable[Release]) -> Iterator[str]:
        """What a cluster must have before its first sync; one sentence each, in Markdown."""

    def secrets(self, stack: stack.Stack, releases: Iterable[Release]) -> Iterator[tuple[str, KeyUse]]:
        """The keys of the Secrets by which it reads the repository and the charts, each with its namespace."""

    def commands(self, stack: stack.Stack, cluster: str) -> Iterator[str]:
        """The arguments of kubectl that let a cluster follow the repository, in order."""


ENGINES: Mapping[stack.Engine, Engine] = {stack.Engine.FLUX: flux}
