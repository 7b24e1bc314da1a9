"""What resolve decided, as lines for people and as data for machines."""

from typing import Any

from gpuyard.cli.output import table
from gpuyard.resolve import Resolved, Workload
from gpuyard.tree import Tree

__all__ = ["as_data", "as_lines", "folders"]


def as_lines(resolved: Resolved) -> list[str]:
    """One line per blueprint and shape, the refused ones with their reason."""
    rows = [
        (
            workload.name,
            workload.shape.name,
            "/".join(workload.nodes),
            f"{workload.gpus} GPU{'s' if workload.gpus > 1 else ''}",
            str(workload.fit.verdict),
            f"context {workload.context}",
            f"KV cache {workload.fit.kv_tokens} tokens",
            f"replicas {workload.min_replicas}-{workload.max_replicas}",
            f"ready within {workload.budget.start} s",
        )
        for workload in resolved.workloads
    ]
    refused = [f"{refusal.blueprint} on {refusal.shape}: {refusal.reason}" for refusal in resolved.refusals]
    return [*table(rows), *refused]


def folders(tree: Tree) -> list[str]:
    """The tree by its top folders, with the number of files in each; it has too many to name them all."""
    counts: dict[str, int] = {}
    for path in tree:
        top = f"{path.parts[0]}/" if len(path.parts) > 1 else str(path)
        counts[top] = counts.get(top, 0) + 1
    return table([(name, f"{count} files" if name.endswith("/") else "") for name, count in sorted(counts.items())])


def as_data(resolved: Resolved) -> dict[str, Any]:
    """The same for a machine."""
    return {
        "workloads": [_workload(workload) for workload in resolved.workloads],
        "refused": [
            {"blueprint": refusal.blueprint, "shape": refusal.shape, "reason": refusal.reason}
            for refusal in resolved.refusals
        ],
        "placements": [
            {
                "cluster": placement.cluster,
                "blueprint": placement.workload.name,
                "shape": placement.workload.shape.name,
            }
            for placement in resolved.placements
        ],
    }


def _workload(workload: Workload) -> dict[str, Any]:
    return {
        "blueprint": workload.name,
        "shape": workload.shape.name,
        "nodes": list(workload.nodes),
        "model": workload.model.name,
        "licence": workload.model.licence,
        "gpus": workload.gpus,
        "context": workload.context,
        "replicas": {"min": workload.min_replicas, "max": workload.max_replicas},
        "fit": str(workload.fit.verdict),
        "kvTokens": workload.fit.kv_tokens,
        "startSeconds": workload.budget.start,
    }
