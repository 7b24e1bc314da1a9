"""Stage 3, render: a resolved stack in, the whole generated repository out. Pure."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from gpuyard.doors.cache import NOTHING, Cache
from gpuyard.doors.helm import Helm
from gpuyard.render import clusters, kustomize, layers, readme
from gpuyard.render.charts import servers, umbrella
from gpuyard.resolve import Resolved
from gpuyard.review.patched import refuse, unmatched
from gpuyard.tree import Tree

__all__ = ["render"]

Files = Mapping[PurePosixPath, str]


def render(resolved: Resolved, charts: Mapping[str, Files], helm: Helm, cache: Cache = NOTHING) -> Tree:
    """The tree of a stack; `charts` are ours, by name, which `helm` renders, where `cache` doesn't know."""
    whole = resolved.stack.repository.charts
    above = {**layers.files(resolved, charts), **clusters.files(resolved, charts, helm, cache)}
    tree = {
        **(servers.files(resolved, charts) if whole else {}),
        **(umbrella.files(resolved) if whole else {}),
        **kustomize.files(resolved, helm, cache),
        **above,
        **readme.files(resolved),
    }
    refuse(unmatched(tree, above), resolved.stack.file)
    return tree
