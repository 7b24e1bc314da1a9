"""charts/inference: all model servers in one chart, which names none of them, so that branches add theirs side by side.

Each server has a file of values per shape in servers/. The chart renders the templates of the charts in charts/ with
each of those files; as templates that begin with an underscore, they give nothing by themselves.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from gpuyard.doors import yamlio
from gpuyard.render.charts.chartlock import Chart, Dependency, chart_lock, chart_yaml
from gpuyard.resolve import Resolved, Workload
from gpuyard.tree import HEADER, SERVERS, Tree, chart, server

__all__ = ["files", "selected", "values"]

Files = Mapping[PurePosixPath, str]

_FOLDER = chart(SERVERS)
_NOTES = """\
Model servers are selected by GPU shape: add `-f values-<shape>.yaml`, or `-f values-<cluster>.yaml` where there is one.
What they need (KEDA, Prometheus, namespaces, Secrets) is listed in the README of the repository.
"""
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_LEFT_OUT = frozenset({"NOTES.txt", "values.schema.json", "README.md", "icon.svg"})
"""What a chart needs only by itself; its schema asks of its defaults what each server brings."""

_MERGE = """\
{{- /* Helm's own rule, on the first of two mappings: key by key, null takes away, all else is replaced. */}}
{{- define "inference.merge" -}}
{{- $into := index . 0 }}
{{- range $key, $value := index . 1 }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $into $key }}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $into $key)) }}
{{- include "inference.merge" (list (get $into $key) $value) }}
{{- else }}
{{- $_ := set $into $key $value }}
{{- end }}
{{- end }}
{{- end }}
"""
_RENDER = """\
{{- $chart := get .Subcharts "CHART" }}
{{- $scripts := dict }}
{{- range $path, $_ := .Files.Glob (printf "servers/CHART/%s/*.yaml" .Values.shape) }}
{{- $name := base $path | trimSuffix ".yaml" }}
{{- $values := deepCopy (get $.Values "CHART") }}
{{- include "inference.merge" (list $values ($.Files.Get $path | fromYaml)) }}
{{- include "inference.merge" (list $values (get $.Values.servers $name | default dict)) }}
{{- if ne false (get $values "enabled") }}
{{- with ($values.scripts).configMap }}
{{- $_ := set $scripts . $chart.Files }}
{{- end }}
{{- $own := dict "Name" $name "Version" $chart.Chart.Version "AppVersion" $chart.Chart.AppVersion }}
{{- $scope := dict "Values" $values "Chart" $own "Files" $chart.Files "Template" $.Template }}
{{- $_ := merge $scope (dict "Release" $.Release "Capabilities" $.Capabilities "Subcharts" dict) }}
{{- range $template := list TEMPLATES }}
---
{{ include (printf "%s/charts/CHART/templates/%s" (dir $.Template.BasePath) $template) $scope }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $files := $scripts }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name | quote }}
data:
  {{- ($files.Glob "files/*.py").AsConfig | nindent 2 }}
{{- end }}
"""


def files(resolved: Resolved, charts: Mapping[str, Files]) -> Tree:
    """The chart with everything it needs, so that `helm template charts/inference` asks no network.

    The values on shapes are made with all else that follows from them.
    """
    known = {name: Chart.of(charts[name]) for name in sorted(charts)}
    dependencies = [Dependency(each.name, each.version, "", "") for each in known.values()]
    header = HEADER.format(source="stack.yaml")
    metadata = chart_yaml(SERVERS, resolved.stack.version, "The stack's model servers.", dependencies)
    tree = {
        _FOLDER / "Chart.yaml": header + yamlio.dump(metadata),
        _FOLDER / "Chart.lock": header + yamlio.dump(chart_lock(dependencies)),
        _FOLDER / "values.schema.json": _schema(selected(resolved), known),
        _FOLDER / "values.yaml": header + yamlio.dump({"shape": "", "servers": {}}),
        _FOLDER / "templates" / "NOTES.txt": _NOTES,
        _FOLDER / "templates" / "_merge.tpl": _MERGE,
    }
    for name in selected(resolved):
        tree[_FOLDER / f"values-{name}.yaml"] = header + yamlio.dump({"shape": name})
    for name in known:
        tree.update({_FOLDER / "charts" / name / path: text for path, text in _library(charts[name])})
        tree[_FOLDER / "templates" / f"{name}.yaml"] = _render(name, charts[name])
    for placement in resolved.placements:
        if placement.cluster in resolved.own:
            tree.update(values(placement.cluster, placement.workload))
    return tree


def values(where: str, workload: Workload) -> Tree:
    """The file of one server, on a shape or in a cluster that differs."""
    text = HEADER.format(source=f"the blueprint {workload.name}") + yamlio.dump(workload.values)
    return {server(workload.chart, where, workload.name): text}


def selected(resolved: Resolved) -> list[str]:
    """What a file of values selects: a shape that the clusters have, or a cluster that differs, with all that it runs.

    No cluster that differs is called like a shape.
    """
    return [*sorted({shape for cluster in resolved.stack.clusters for shape in cluster.shapes}), *resolved.own]


def _library(files: Files) -> Iterator[tuple[PurePosixPath, str]]:
    """A chart whose templates give something only where they are included."""
    for path, text in files.items():
        if path.name not in _LEFT_OUT:
            yield (_partial(path) if path.parts[0] == "templates" else path), text


def _partial(path: PurePosixPath) -> PurePosixPath:
    return path if path.name.startswith("_") else path.with_name(f"_{path.name}")


def _render(name: str, files: Files) -> str:
    """The template that renders every server of a chart."""
    templates = [path for path in sorted(files) if path.parts[0] == "templates" and path.suffix == ".yaml"]
    names = " ".join(json.dumps(str(_partial(path).relative_to("templates"))) for path in templates)
    return _RENDER.replace("CHART", name).replace("TEMPLATES", names)


def _schema(selected: Sequence[str], charts: Mapping[str, Chart]) -> str:
    """Closed at the top."""
    schema = {
        "$schema": _DRAFT,
        "title": "Values of the inference chart",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "shape": {"description": "GPU shape, or cluster, whose servers are rendered.", "enum": ["", *selected]},
            "servers": {
                "type": "object",
                "description": "Values for one server by the name of its blueprint, over those of its file.",
                "additionalProperties": {"type": "object"},
            },
            "global": {"type": "object"},
            **{name: {"type": "object", "description": "Values for all servers of the chart."} for name in charts},
        },
    }
    return json.dumps(schema, indent=2) + "\n"
