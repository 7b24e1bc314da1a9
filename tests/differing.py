"""Two clusters of one stack, of which the second differs, and what Flux and Helm make of it."""

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
from gpuyard.tree import Tree
from tests.conftest import write_tree
from tests.projects import STACK, Values, merged, sources

__all__ = ["FRA", "HELM", "PHX", "by_name", "compiled", "in_cluster", "models_of_chart", "run", "stack", "synced"]

HELM = Embedded(shipped_charts())
PHX: Values = STACK["spec"]["clusters"][0]
FRA: Values = {"name": "fra", "region": "eu-frankfurt-1", "shapes": {"a10": ["VM.GPU.A10.2", "BM.GPU.A10.4"]}}
Objects = dict[tuple[str, str, str], dict[str, Any]]


def stack(own: Mapping[str, Any], common: Mapping[str, Any] | None = None) -> Values:
    """The spec of a stack with two clusters, of which the second has settings of its own."""
    return merged(dict(common or {}), {"clusters": [PHX, {**FRA, **own}]})


def compiled(spec: Mapping[str, Any], stack: Mapping[str, Any]) -> tuple[Resolved, Tree]:
    found = resolve(parse(sources(spec, stack)))
    return found, render(found, shipped_charts(), HELM)


def by_name(found: list[dict[str, Any]]) -> Objects:
    named = {(obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in found}
    assert len(named) == len(found)
    return named


def run(*argv: str | Path) -> list[dict[str, Any]]:
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yamlio.parse_manifests(done.stdout)


def synced(root: Path, cluster: str, kubectl: Path) -> list[dict[str, Any]]:
    """What Flux builds of clusters/<cluster>: all files below it; of a folder with a kustomization.yaml, that alone."""
    found: list[dict[str, Any]] = []
    pending = [root / "clusters" / cluster]
    while pending:
        for path in sorted(pending.pop().iterdir()):
            if path.is_file():
                found += yamlio.parse_manifests(path.read_text(encoding="utf-8"))
            elif (path / "kustomization.yaml").exists():
                found += run(kubectl, "kustomize", path)
            else:
                pending.append(path)
    return found


def in_cluster(tree: Tree, cluster: str, root: Path, kubectl: Path) -> tuple[Objects, Objects]:
    """The models and the platform that the Kustomizations of a cluster bring."""
    write_tree(root, tree)
    folders = {each["metadata"]["name"]: each["spec"].get("path") for each in synced(root, cluster, kubectl)}
    parts = []
    for part in ("inference", "platform"):
        wanted = sorted({path for name, path in folders.items() if path and f"{part}-" in name})
        gathered = root / f"gathered-{part}-{cluster}"
        gathered.mkdir()
        resources = "".join(f"- .{path}\n" for path in wanted)
        (gathered / "kustomization.yaml").write_text(f"resources:\n{resources}", encoding="utf-8")
        parts.append(by_name(run(kubectl, "kustomize", gathered)))
    return parts[0], parts[1]


def models_of_chart(root: Path, cluster: str, helm: Path) -> Objects:
    """The same as the chart has it, but for the scripts, which a cluster has from its platform."""
    chart = root / "charts" / "inference"
    values = chart / f"values-{cluster}.yaml"
    found = by_name(run(helm, "template", "inference", chart, "-f", values, "-n", "inference"))
    return {name: obj for name, obj in found.items() if not (name[0] == "ConfigMap" and name[2].endswith("-scripts"))}
