"""What follows from each of many new blueprints alone, worked out by several processes at once.

They leave it in the cache, where `decide` and `kustomize` look before they do it themselves. Nothing else comes back:
so the files are the same with any number of processes, and what one of them couldn't do is done, or told, in its turn.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors.cache import NOTHING, Cache
from gpuyard.doors.helm import Helm, open_helm
from gpuyard.doors.processes import cores, share
from gpuyard.doors.yamlio import Document
from gpuyard.errors import GpuyardError
from gpuyard.project.blueprint import Blueprint, Spec
from gpuyard.project.load import Project
from gpuyard.render import kustomize
from gpuyard.resolve.decided import decide
from gpuyard.resolve.problems import Problems
from gpuyard.resolve.site import Site
from gpuyard.resolve.workload import Resolved
from gpuyard.review.pods import pods

__all__ = ["ahead"]

_LEAST = 40
"""Blueprints: another process takes half a second to start, as long as 30 take here."""
_AT_ONCE = 16
"""Blueprints that a process takes at a time: two of Helm's batches."""

Part = Sequence[tuple[Blueprint[Spec], bytes, Document]]


def ahead(project: Project, site: Site, files: Sequence[str], cache: Cache) -> None:
    """Have in the cache what follows from the blueprints in some files, if there are enough, and CPUs for them."""
    if cache is NOTHING or len(files) < _LEAST or (processes := min(cores(), len(files) // (_LEAST // 2))) < 2:
        return
    own = {blueprint.file: blueprint for blueprint in project.blueprints}
    common = replace(
        project,
        blueprints=(),
        sources={name: data for name, data in project.sources.items() if name not in own},
        documents={name: document for name, document in project.documents.items() if name not in own},
    )
    each = [(own[file], project.sources[file], project.documents[file]) for file in files]
    parts = [each[start : start + _AT_ONCE] for start in range(0, len(each), _AT_ONCE)]
    share(_Work(common, site, cache), parts, processes - 1)


@dataclass
class _Work:
    """What to do with each part; `project` has no blueprints."""

    project: Project
    site: Site
    cache: Cache

    def __call__(self, part: Part) -> None:
        project = replace(
            self.project,
            blueprints=tuple(blueprint for blueprint, _, _ in part),
            sources={**self.project.sources, **{blueprint.file: data for blueprint, data, _ in part}},
            documents={**self.project.documents, **{blueprint.file: document for blueprint, _, document in part}},
        )
        problems = Problems(project)
        decided = decide(project, self.site, problems, self.cache)
        workloads = tuple(workload for each in decided for workload in each.workloads)
        if not problems.raised():
            with suppress(GpuyardError):  # told where it is done again
                tree = kustomize.files(Resolved(self.site.stack, workloads, (), (), (), (), ()), self._helm, self.cache)
                pods(tree, [(each.name, each.shape.name, "") for each in workloads], self.cache)

    @cached_property
    def _helm(self) -> Helm:
        return open_helm(shipped_charts())
