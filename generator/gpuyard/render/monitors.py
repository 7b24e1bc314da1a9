"""What Prometheus scrapes beside the model servers."""

from typing import Any

from gpuyard.resolve import Resolved

__all__ = ["objects"]


def objects(resolved: Resolved) -> list[dict[str, Any]]:
    """A PodMonitor for every release of the platform that has something to say."""
    given = resolved.stack.platform.prometheus_labels
    labels = {"labels": dict(given)} if given else {}
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": {"name": monitor.name, "namespace": release.namespace, **labels},
            "spec": {
                "selector": {"matchLabels": dict(monitor.selector)},
                "podMetricsEndpoints": [
                    {
                        "port": monitor.port,
                        "path": monitor.path,
                        **({"honorLabels": True} if monitor.honor_labels else {}),
                    }
                ],
            },
        }
        for release in resolved.releases
        if (monitor := release.monitor)
    ]
