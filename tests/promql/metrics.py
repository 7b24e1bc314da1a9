"""What is wrong with a series of vLLM that a query names, by the catalogue's facts."""

from collections.abc import Collection

from gpuyard.catalogue import vllm
from gpuyard.errors import nearest

__all__ = ["problem"]

# Prometheus adds the labels of the target and of the rule.
_ADDED = {"le", "namespace", "pod", "container", "endpoint", "job", "instance"}


def problem(name: str, labels: Collection[str], version: str) -> str | None:
    """Such as vllm:e2e_request_latency_seconds_bucket with the label `le`; None: nothing."""
    known = vllm.catalogue(version)
    assert known
    metric = known.metrics.get(name)
    if metric is None:
        base, _, part = name.rpartition("_")
        metric = known.metrics.get(base)
        if metric is None or metric.type != "histogram" or part not in {"bucket", "sum", "count"}:
            return f"vLLM {known.release} has no metric {name}; {nearest(name, known.metrics)}"
    if metric.labels is not None:
        for label in labels:
            if label not in metric.labels | _ADDED:
                return f"{name} has no label {label}; {nearest(label, metric.labels)}"
    return None
