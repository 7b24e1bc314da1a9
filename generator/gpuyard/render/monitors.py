"""What Prometheus scrapes beside the model servers."""

from typing import Any

from gpuyard.resolve import Resolved

__all__ = ["objects"]


def objects(resolved: Resolved) -> list[dict[str, Any]]:
    """A PodMonitor for KEDA: its counters of failed readings say why a ScaledObject is in fallback.

    KEDA's own chart would make it too early: its kind comes with Prometheus, ours or the cluster's own.
    """
    platform = resolved.stack.platform
    if not platform.components["keda"].enabled:
        return []
    labels = {"labels": dict(platform.prometheus_labels)} if platform.prometheus_labels else {}
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": {"name": "keda-operator", "namespace": "keda", **labels},
            "spec": {
                "selector": {"matchLabels": {"app": "keda-operator"}},
                # Its labels name the namespace of the ScaledObject, not of KEDA.
                "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "honorLabels": True}],
            },
        }
    ]
