"""What containers beside the servers run: the scripts of our charts, once for all models that mount them."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard.resolve import Resolved

__all__ = ["TEMPLATE", "objects"]

Object = dict[str, Any]

TEMPLATE = """\
{{- /* The scripts that Jobs and init containers run, once for all servers. */}}
{{- $found := dict }}
{{- range .Subcharts }}
{{- if (.Values.scripts).configMap }}
{{- $_ := set $found .Values.scripts.configMap .Files }}
{{- end }}
{{- end }}
{{- range $name, $files := $found }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name | quote }}
data:
  {{- ($files.Glob "files/*.py").AsConfig | nindent 2 }}
{{- end }}
"""
"""The same in a chart of which ours are parts; it holds no text of anybody else."""


def objects(resolved: Resolved, charts: Mapping[str, Mapping[PurePosixPath, str]]) -> list[Object]:
    """A ConfigMap, where a workload mounts one, in the namespace of the models."""
    mounted = {
        name: workload.chart
        for workload in resolved.workloads
        if (name := workload.values.get("scripts", {}).get("configMap"))
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": resolved.stack.namespace},
            "data": {path.name: text for path, text in charts[chart].items() if path.match("files/*.py")},
        }
        for name, chart in mounted.items()
    ]
