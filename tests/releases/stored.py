"""A release on disk: its stack and blueprints as written, and per shape what it made of them.

0.1.0/sources/stack.yaml, 0.1.0/sources/blueprints/*.yaml
0.1.0/a10.json: one object a line, in the order of blueprint, kind and name
0.1.0/stack.json: what clusters/ and platform/ hold
"""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from gpuyard import yamlio
from gpuyard.chart import shipped_chart
from gpuyard.helm import Embedded
from gpuyard.load import Sources, parse
from gpuyard.render import render
from gpuyard.render.kustomize import objects
from gpuyard.resolve import resolve

__all__ = ["RELEASES", "Made", "load", "make", "sources", "store", "version"]

RELEASES = Path(__file__).parent
Made = Mapping[str, list[dict[str, Any]]]
"""Objects by shape, and those of clusters/ and platform/ as `stack`."""


def version() -> str:
    """The chart's version now."""
    found: str = yamlio.load_data(shipped_chart()[PurePosixPath("Chart.yaml")])["version"]
    return found


def make(files: Sources) -> Made:
    """What today's gpuyard makes of a release's files."""
    resolved, helm = resolve(parse(files)), Embedded(shipped_chart())
    made: dict[str, list[dict[str, Any]]] = {}
    for workload in resolved.workloads:
        for obj in objects(resolved, workload, helm):
            metadata = {"namespace": resolved.stack.namespace, **obj["metadata"]}
            made.setdefault(workload.shape.name, []).append({**obj, "metadata": metadata})
    for path, text in render(resolved, shipped_chart(), helm).items():
        if path.parts[0] in {"platform", "clusters"} and path.name != "kustomization.yaml":
            made.setdefault("stack", []).extend(yamlio.parse_manifests(text))
    return made


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
