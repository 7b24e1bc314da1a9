"""Stage 3, render: a resolved stack in, the whole generated repository out. Pure."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from gpuyard.doors.helm import Helm
from gpuyard.render import kustomize, readme
from gpuyard.render import layers as platform
from gpuyard.render.charts import servers as inference
from gpuyard.render.charts import umbrella
from gpuyard.render.charts.chartlock import Chart
from gpuyard.resolve import Resolved
from gpuyard.tree import Tree

__all__ = ["render"]


def render(resolved: Resolved, chart: Mapping[PurePosixPath, str], helm: Helm) -> Tree:
    """The tree of a stack; `chart` is the vllm chart, which `helm` renders."""
    vllm = Chart.of(chart)
    return {
        **inference.files(resolved, chart, vllm),
        **umbrella.files(resolved),
        **kustomize.files(resolved, helm),
        **platform.files(resolved),
        **readme.files(resolved),
    }
