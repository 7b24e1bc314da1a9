"""Stands in for KEDA's operator where its chart is a stand-in: says of every ScaledObject that it is ready."""

import threading
from contextlib import suppress

from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.cluster.errors import ApiError, NotFoundError

__all__ = ["Scaler"]

_STATUS = {
    "conditions": [
        {"type": "Ready", "status": "True", "reason": "ScaledObjectReady", "message": "stand-in"},
        {"type": "Active", "status": "False", "reason": "ScalerNotActive", "message": "stand-in"},
        {"type": "Fallback", "status": "False", "reason": "NoFallbackFound", "message": "stand-in"},
    ]
}


class Scaler(threading.Thread):
    """Polls, so that it needs nothing but the API."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self._cluster, self._over = cluster, threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.5):
            with suppress(ApiError, NotFoundError, OSError):
                for item in self._cluster.objects("scaledobject"):
                    if condition(item, "Ready").get("status") != "True":
                        metadata = item["metadata"]
                        named = f"scaledobject/{metadata['name']} -n {metadata['namespace']}"
                        self._cluster.patch(named, {"status": _STATUS}, subresource="status")

    def stop(self) -> None:
        self._over.set()
        self.join()
