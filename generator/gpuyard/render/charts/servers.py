"""charts/inference: the umbrella of the model servers, the vllm chart aliased once per blueprint."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.render.charts.chartlock import Chart, Dependency, chart_lock, chart_yaml
from gpuyard.render.patches import added, shared
from gpuyard.render.scripts import TEMPLATE
from gpuyard.resolve import Resolved
from gpuyard.tree import HEADER, SERVERS, Tree, chart

__all__ = ["Values", "files", "values_of"]

_FOLDER = chart(SERVERS)
_NOTES = """\
Model servers are enabled per GPU shape: add `-f values-<shape>.yaml`.
What they need (KEDA, Prometheus, namespaces, Secrets) is listed in the README of the repository.
"""
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Values:
    """By blueprint: what holds on every shape, and what each shape adds; without a shape nothing is enabled."""

    base: Mapping[str, Any]
    shapes: Mapping[str, Mapping[str, Any]]


def files(resolved: Resolved, charts: Mapping[str, Mapping[PurePosixPath, str]], values: Values) -> Tree:
    """The chart with everything it needs, so that `helm template charts/inference` asks no network."""
    used = {workload.name: workload.chart for workload in resolved.workloads}
    names, known = sorted(used), {name: Chart.of(charts[name]) for name in set(used.values())}
    dependencies = [
        Dependency(known[used[name]].name, known[used[name]].version, "", f"{name}.enabled", name) for name in names
    ]
    header = HEADER.format(source="stack.yaml and blueprints/")
    metadata = chart_yaml(SERVERS, resolved.stack.version, "The stack's model servers.", dependencies)
    tree = {
        _FOLDER / "Chart.yaml": header + yamlio.dump(metadata),
        _FOLDER / "Chart.lock": header + yamlio.dump(chart_lock(dependencies)),
        _FOLDER / "values.schema.json": _schema(names),
        _FOLDER / "templates" / "NOTES.txt": _NOTES,
        _FOLDER / "templates" / "scripts.yaml": TEMPLATE,
    }
    tree[_FOLDER / "values.yaml"] = header + yamlio.dump(values.base)
    for shape, content in values.shapes.items():
        tree[_FOLDER / f"values-{shape}.yaml"] = header + yamlio.dump(content)
    for name in sorted(known):
        tree.update({_FOLDER / "charts" / name / path: text for path, text in charts[name].items()})
    return tree


def values_of(resolved: Resolved) -> Values:
    """Those of all workloads."""
    base: dict[str, Any] = {}
    shapes: dict[str, dict[str, Any]] = {}
    for name, group in groupby(resolved.workloads, key=lambda workload: workload.name):
        each = {workload.shape.name: {"enabled": True, **workload.values} for workload in group}
        base[name] = {**shared(list(each.values())), "enabled": False}
        for shape, full in each.items():
            shapes.setdefault(shape, {})[name] = added(base[name], full)
    return Values(base, dict(sorted(shapes.items())))


def _schema(names: Sequence[str]) -> str:
    """Closed at the top; what stands under a name is checked by the vllm chart's own schema."""
    under = {"type": "object", "description": "Values of the vllm chart."}
    schema = {
        "$schema": _DRAFT,
        "title": "Values of the inference chart",
        "type": "object",
        "additionalProperties": False,
        "properties": {"global": {"type": "object"}, **dict.fromkeys(names, under)},
    }
    return json.dumps(schema, indent=2) + "\n"
