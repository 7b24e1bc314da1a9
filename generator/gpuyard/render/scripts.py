"""What containers beside the servers run: the scripts of our charts, once for all models that mount them."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard.resolve import Resolved

__all__ = ["objects"]

Object = dict[str, Any]


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
