"""What Prometheus scrapes beside the model servers."""

from typing import Any

from gpuyard.resolve import Resolved

__all__ = ["objects"]


def objects(resolved: Resolved) -> list[dict[str, Any]]:
    """A PodMonitor for KEDA: its counters of failed readings say why a ScaledObject is in fallback.

    KEDA's own chart would make it too early, and without Prometheus its kind isn't known.
    """
    components = resolved.stack.platform.components
    if not (components["prometheus"].enabled and components["keda"].enabled):
        return []
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": {"name": "keda-operator", "namespace": "keda"},
            "spec": {
                "selector": {"matchLabels": {"app": "keda-operator"}},
                # Its labels name the namespace of the ScaledObject, not of KEDA.
                "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "honorLabels": True}],
            },
        }
    ]
