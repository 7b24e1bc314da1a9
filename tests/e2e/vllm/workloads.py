"""What the generator makes of a shipped blueprint, with an API key, and other values of the chart where a test asks."""

from functools import cache
from typing import Any

import yaml

from gpuyard.catalogue import alerts as catalogue
from gpuyard.project.load import parse
from gpuyard.render import dashboard
from gpuyard.resolve import Resolved, Workload, resolve
from tests.chart.rendering import merged, objects
from tests.conftest import demo_sources

__all__ = ["API_KEY", "BLUEPRINTS", "alerts", "dashboards", "rendered", "workload"]

API_KEY = {"secret": "vllm-api-key", "key": "api-key"}
"""The Secret that every blueprint names here; the shipped ones are served inside the cluster only."""
BLUEPRINTS = ("chat", "docs", "assistant")


def rendered(name: str, *, shape: str, namespace: str = "inference", **changes: Any) -> dict[str, dict[str, Any]]:
    """The objects of a blueprint on a shape, by their kind; `changes` are values of the chart."""
    return objects(merged(dict(workload(name, shape).values), changes), name=name, namespace=namespace)


def workload(name: str, shape: str) -> Workload:
    """The blueprint on the shape, with every default filled."""
    return next(each for each in _resolved().workloads if (each.name, each.shape.name) == (name, shape))


def dashboards() -> list[dict[str, Any]]:
    """The Grafana dashboards of the stack."""
    return dashboard.objects(_resolved())


def alerts(namespace: str = "inference") -> list[str]:
    """The expressions of the stack's alerts, and of the series that they are made from."""
    known = catalogue.catalogue()
    numbers = {name: each.default for name, each in known.thresholds.items()}
    return [catalogue.filled(each.expr, namespace, numbers) for each in (*known.series, *known.alerts)]


@cache
def _resolved() -> Resolved:
    return resolve(parse({path: _exposed(path, data) for path, data in demo_sources().items()}))


def _exposed(path: str, data: bytes) -> bytes:
    document = yaml.safe_load(data)
    spec: dict[str, Any] = document["spec"]
    if path == "stack.yaml":
        spec["gateway"] = {"name": "public", "namespace": "gateway"}
    else:
        spec["expose"] = {"host": f"{document['metadata']['name']}.example.com", "apiKey": API_KEY}
    return yaml.safe_dump(document).encode()
