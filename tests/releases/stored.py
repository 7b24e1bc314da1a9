"""A release on disk: its stack, blueprints and values as written, and what it made of them, per shape.

0.1.0/sources/stack.yaml, 0.1.0/sources/blueprints/*.yaml; where today's gpuyard asks for a line, with it
0.1.0/sources/values/*.yaml: the chart's test values, for those who install the chart alone; where a later chart refuses
    one, as who upgrades has to write it
0.1.0/a10.json: one object a line, in the order of blueprint, kind and name
0.1.0/stack.json: what clusters/ and platform/ hold
0.1.0/values-bucket.json: what the chart makes of values/bucket.yaml
"""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
from gpuyard.doors.helm import Embedded
from gpuyard.project.load import Sources, parse
from gpuyard.render import render
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve
from tests.chart.rendering import CASES, CHART

__all__ = ["RELEASES", "Made", "load", "make", "sources", "store", "values", "version"]

RELEASES = Path(__file__).parent
Made = Mapping[str, list[dict[str, Any]]]
"""Objects by shape, those of clusters/ and platform/ as `stack`, those of a file of values as `values-<name>`."""

_VALUES = "values/"


def version() -> str:
    """The chart's version now."""
    found: str = yamlio.load_data(shipped_charts()["vllm"][PurePosixPath("Chart.yaml")])["version"]
    return found


def make(files: Sources) -> Made:
    """What today's gpuyard makes of a release's files."""
    helm = Embedded(shipped_charts())
    resolved = resolve(parse({name: data for name, data in files.items() if not name.startswith(_VALUES)}))
    namespace = resolved.stack.namespace
    made: dict[str, list[dict[str, Any]]] = {}
    for workload in resolved.workloads:
        made.setdefault(workload.shape.name, []).extend(_placed(objects(resolved, workload, helm), namespace))
    for name in sorted(name for name in files if name.startswith(_VALUES)):
        rendered = helm.render("vllm", yamlio.load_data(files[name].decode()), release="release", namespace=namespace)
        made[f"values-{PurePosixPath(name).stem}"] = _placed(rendered, namespace)
    for path, text in render(resolved, shipped_charts(), helm).items():
        if path.parts[0] in {"platform", "clusters"} and path.name != "kustomization.yaml":
            made.setdefault("stack", []).extend(yamlio.parse_manifests(text))
    return made


def _placed(found: list[dict[str, Any]], namespace: str) -> list[dict[str, Any]]:
    return [{**obj, "metadata": {"namespace": namespace, **obj["metadata"]}} for obj in found]


def values() -> Sources:
    """The chart's test values now, as a release's files."""
    return {f"{_VALUES}{case}.yaml": (CHART / "ci" / f"{case}-values.yaml").read_bytes() for case in CASES}


def sources(release: str) -> Sources:
    """The files that a release was given."""
    folder = RELEASES / release / "sources"
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*.yaml"))}


def load(release: str) -> Made:
    """What a release made of them."""
    files = sorted((RELEASES / release).glob("*.json"))
    return {file.stem: list(map(json.loads, file.read_text(encoding="utf-8").splitlines())) for file in files}


def store(release: str, files: Sources) -> None:
    """Write a release; what was stored under its number is replaced."""
    folder = RELEASES / release
    for name, data in files.items():
        path = folder / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for part, found in make(files).items():
        lines = [json.dumps(obj, ensure_ascii=False, separators=(",", ":"), sort_keys=True) for obj in found]
        (folder / f"{part}.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
