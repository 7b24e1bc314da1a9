"""The demo repository, and all objects of it as a cluster would get them, by where they come from."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import parse
from gpuyard.render import render
from gpuyard.resolve import Resolved, resolve
from gpuyard.tree import WEIGHTS, Tree
from tests.chart import rendering
from tests.conftest import ROOT, demo_sources

__all__ = ["CLUSTER_WIDE", "Object", "Objects", "demo", "everything", "named"]

Object = dict[str, Any]
Objects = Mapping[str, list[Object]]
"""By group: overlays/a10/chat, platform/configs, clusters/phx, chart/default."""

CLUSTER_WIDE = frozenset({"Namespace"})


def demo() -> tuple[Resolved, Tree]:
    """The stack that `gpuyard init` starts with, every shipped blueprint on every shape."""
    resolved = resolve(parse(demo_sources()))
    return resolved, render(resolved, shipped_charts(), Embedded(shipped_charts()))


def everything(resolved: Resolved, tree: Tree, root: Path) -> Objects:
    """Overlays as kustomize builds them from `root`, what Flux is told, and the chart by itself."""
    found: dict[str, list[Object]] = {}
    for workload in resolved.workloads:
        group = f"overlays/{workload.shape.name}/{workload.name}"
        folders = [root / group, *(root / group).glob(WEIGHTS)]
        found[group] = [_in(obj, resolved.stack.namespace) for folder in folders for obj in _built(folder)]
    for path, text in tree.items():
        if path.parts[0] in {"platform", "clusters"} and path.name != "kustomization.yaml":
            found.setdefault(str(path.parent), []).extend(yamlio.parse_manifests(text))
    for case in rendering.CASES:
        rendered = rendering.objects(rendering.case(case)).values()
        found[f"chart/{case}"] = [_in(obj, resolved.stack.namespace) for obj in rendered]
    return found


def named(group: str, obj: Object) -> str:
    """overlays/a10/chat/Deployment/chat."""
    return f"{group}/{obj['kind']}/{obj['metadata']['name']}"


def _built(overlay: Path) -> list[Object]:
    argv = [str(ROOT / ".venv" / "bin" / "kubectl"), "kustomize", str(overlay)]
    return yamlio.parse_manifests(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)


def _in(obj: Object, namespace: str) -> Object:
    """As applied: Flux's targetNamespace, or `helm install -n`."""
    if obj["kind"] in CLUSTER_WIDE or "namespace" in obj["metadata"]:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}
