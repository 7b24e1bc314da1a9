"""What syncs the clusters: a module for each engine, which says everything that is the engine's own.

Another engine is its module, its line here and its member of stack.Engine.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from gpuyard.catalogue.platform import Release
from gpuyard.project import stack
from gpuyard.render.engines import flux
from gpuyard.resolve import Resolved

__all__ = ["ENGINES", "Engine"]


class Engine(Protocol):
    """What a module of an engine has."""

    def release(self, release: Release) -> list[dict[str, Any]]:
        """The objects by which it installs a chart of the platform."""

    def cluster(self, resolved: Resolved, cluster: str) -> Mapping[str, list[dict[str, Any]]]:
        """The entry point of a cluster: the objects of clusters/<cluster>, by file name."""

    def needs(self) -> Iterator[str]:
        """What a cluster must have before its first sync; one sentence each, in Markdown."""

    def git_secret(self, repository: stack.Repository) -> tuple[str, ...]:
        """The keys of the Secret by which it reads the repository, in its own namespace."""

    def commands(self, stack: stack.Stack, cluster: str) -> Iterator[str]:
        """The arguments of kubectl that let a cluster follow the repository, in order."""

    def suspend(self, old: str) -> Iterator[str]:
        """The arguments of kubectl that keep a stack's old name from following the repository."""

    def forget(self, old: str, cluster: str) -> Iterator[str]:
        """Those that delete what had the old name, and nothing that it applied; after the entry of the new one."""

    def rename_danger(self, old: str) -> str:
        """What it does to a stack that simply gets another name; sentences."""


ENGINES: Mapping[stack.Engine, Engine] = {stack.Engine.FLUX: flux}
