"""What the tests of the chain look at, and change by hand."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.cluster.api import Object
from tests.cluster.cluster import Cluster
from tests.cluster.conditions import condition
from tests.e2e.engines import prometheus
from tests.e2e.engines.load import Load
from tests.e2e.engines.waiting import eventually

__all__ = ["HERE", "TARGET", "Record", "fallback", "measured", "most_in", "patched", "replicas", "rest", "stays"]

Record = Callable[[str, object], None]
HERE = "-n inference"
TARGET = 32
"""`serving.concurrency` of blueprints/chat.yaml."""
SIGNAL = 'sum(vllm:num_requests_running{model_name="chat"}) + sum(vllm:num_requests_waiting{model_name="chat"})'


def replicas(cluster: Cluster, name: str = "chat") -> int:
    return int(cluster.get(f"deployment/{name} {HERE}")["spec"]["replicas"])


def fallback(cluster: Cluster) -> str:
    return str(condition(cluster.get(f"scaledobject/chat {HERE}"), "Fallback").get("status"))


def measured() -> float:
    """Requests to chat that Prometheus knows of."""
    return sum(value for _, value in prometheus.ask(SIGNAL))


def most_in(cluster: Cluster, seconds: float) -> int:
    """The most replicas that are asked for in a time."""
    end, most = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        most = max(most, replicas(cluster))
        time.sleep(0.5)
    return most


def rest(cluster: Cluster, load: Load) -> float:
    """No load any more, one replica; returns the seconds to it."""
    load.set(0)
    return eventually("one replica without load", lambda: replicas(cluster) == 1, within=300)


@contextmanager
def patched(cluster: Cluster, named: str, change: Object, back: Object) -> Iterator[None]:
    """An object changed by hand; Flux would put it back within ten minutes."""
    cluster.patch(named, change)
    try:
        yield
    finally:
        cluster.patch(named, back)


def stays(cluster: Cluster, seconds: float) -> None:
    """As many replicas as now, which are enough for 80 requests at once."""
    end, now = time.monotonic() + seconds, replicas(cluster)
    assert now >= 3
    while time.monotonic() < end:
        assert replicas(cluster) == now
        time.sleep(0.5)
