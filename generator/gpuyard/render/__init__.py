"""Stage 3, render: a resolved stack in, the whole generated repository out. Pure."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from gpuyard.doors.cache import NOTHING, Cache
from gpuyard.doors.helm import Helm
from gpuyard.render import kustomize, layers, readme
from gpuyard.render.charts import servers, umbrella
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree

__all__ = ["render"]

Files = Mapping[PurePosixPath, str]


def render(resolved: Resolved, charts: Mapping[str, Files], helm: Helm, cache: Cache = NOTHING) -> Tree:
    """The tree of a stack; `charts` are ours, by name, which `helm` renders, where `cache` doesn't know."""
    values = servers.values_of(resolved)
    return {
        **servers.files(resolved, charts, values),
        **umbrella.files(resolved, values),
        **kustomize.files(resolved, helm, cache),
        **layers.files(resolved, charts),
        **readme.files(resolved),
    }
