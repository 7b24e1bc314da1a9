"""What syncs the clusters: a module for each engine, which says everything that is the engine's own.

Another engine is its module, its line here and its member of stack.Engine.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Protocol

from gpuyard.catalogue.platform import Release
from gpuyard.project import stack
from gpuyard.render.engines import argocd, flux
from gpuyard.resolve import Resolved
from gpuyard.resolve.workload import KeyUse

__all__ = ["ENGINES", "Engine"]


class Engine(Protocol):
    """What a module of an engine has."""

    def release(self, release: Release) -> list[dict[str, Any]]:
        """The objects by which it installs a chart of the platform."""

    def cluster(
        self, resolved: Resolved, cluster: str, folders: Mapping[PurePosixPath, PurePosixPath]
    ) -> Mapping[str, list[dict[str, Any]]]:
        """The entry point of a cluster: objects by their path in clusters/<cluster>.

        `resolved` is as this cluster has it, and so is each folder that stands in `folders` by that of all clusters.
        Those are in clusters/<cluster>, too: what reads all of it must pass them by.
        """

    def fleet(self, resolved: Resolved) -> Mapping[str, list[dict[str, Any]]]:
        """The entry point of all clusters at once, where there is one: objects by their path in clusters/."""

    def beside(self, stack: stack.Stack, name: str, ours: Iterable[str], theirs: Mapping[str, str]) -> Iterator[str]:
        """What it makes of files in a cluster's folder that are not ours; one sentence each."""

    def applies(self, theirs: Iterable[str]) -> list[str]:
        """Those files in a cluster's folder that are not ours and that it applies as they are."""

    def own_files(self) -> str:
        """Whether users' own manifests can go into a cluster's folder; sentences in Markdown."""

    def effect(self, path: PurePosixPath, ours: Collection[PurePosixPath]) -> str:
        """What it does with a file that isn't ours, next to those that are: the rest of a sentence."""

    def needs(self, stack: stack.Stack, releases: Iterable[Release]) -> Iterator[str]:
        """What a cluster must have before its first sync; one sentence each, in Markdown."""

    def secrets(self, stack: stack.Stack, releases: Iterable[Release]) -> Iterator[tuple[str, KeyUse]]:
        """The keys of the Secrets by which it reads the repository and the charts, each with its namespace."""

    def context(self, stack: stack.Stack, cluster: str) -> str:
        """The cluster in which that of a cluster runs."""

    def by_hand(self, stack: stack.Stack, cluster: str) -> PurePosixPath | None:
        """The file of ours that people have to apply whenever it changes; None: there is none."""

    def pace(self) -> str:
        """How the layers of an installation follow one another, as part of a sentence."""

    def commands(self, stack: stack.Stack, cluster: str) -> Iterator[str]:
        """The arguments of kubectl that let a cluster follow the repository, in order; none where others do."""

    def way_in(self, stack: stack.Stack) -> str:
        """How a cluster comes to follow the repository, in Markdown."""

    def suspend(self, old: str, context: str) -> Iterator[str]:
        """The arguments of kubectl, for its context, that keep a stack's old name from following the repository."""

    def forget(self, old: str, context: str) -> Iterator[str]:
        """Those that delete what had the old name, and nothing that it applied; after the entry of the new one."""

    def rename_danger(self, old: str) -> str:
        """What it does to a stack that simply gets another name; sentences."""

    def stop(self, stack: stack.Stack, context: str) -> Iterator[str]:
        """The arguments of kubectl that keep it from changing anything in a cluster that another engine takes over."""

    def adopt(self, stack: stack.Stack, context: str) -> Iterator[str]:
        """Whole commands that make it an owner of all that is in the repository, whoever made it."""

    def give(self, stack: stack.Stack, cluster: str, releases: Iterable[Release]) -> Iterator[str]:
        """Whole commands, after `stop`, by which another engine can take over what it made of charts."""

    def bare(self, stack: stack.Stack, cluster: str) -> str:
        """Those that print each object that it owns in a cluster, without a single field."""

    def managers(self) -> Sequence[str]:
        """By what names the API server knows it as an owner of fields."""

    def remove(self, stack: stack.Stack, context: str) -> Iterator[str]:
        """Those that delete its own objects, after `stop`, and nothing that they made."""


ENGINES: Mapping[stack.Engine, Engine] = {stack.Engine.FLUX: flux, stack.Engine.ARGOCD: argocd}
