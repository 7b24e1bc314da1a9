"""What resolve decided, as lines for people and as data for machines."""

from collections.abc import Iterable
from typing import Any

from gpuyard.cli.output import table
from gpuyard.render.required import required
from gpuyard.resolve import Resolved, Workload
from gpuyard.review.placed import Consequence

__all__ = ["as_data", "as_lines", "prices", "told", "told_as_data"]


def as_lines(resolved: Resolved) -> list[str]:
    """One line per blueprint and shape, one for each cluster that has it otherwise; the refused with their reason."""
    rows = [_row(workload) for workload in resolved.workloads]
    rows += [_row(each.workload, f"in {each.cluster}") for each in resolved.placements if each.own]
    refused = [f"{refusal.blueprint} on {refusal.shape}: {refusal.reason}" for refusal in resolved.refusals]
    return [*table(rows), *refused]


def prices(resolved: Resolved) -> list[str]:
    """What the prices are, and a month of all that runs: lines below them."""
    told = [each.facts["price"].value for each in resolved.every_workload if "price" in each.facts]
    nodes = {row["node"]: row for price in told for row in price["nodes"]}
    if not nodes:
        return []
    whole = ", ".join(f"{name} {row['usdPerHourOfNode']:.2f}" for name, row in nodes.items())
    date = max(row["date"] for row in nodes.values())
    priced = [each.workload.facts["price"] for each in resolved.placements if "price" in each.workload.facts]
    few, many = (sum(each.value["usdPerMonth"][end] for each in priced) for end in ("min", "max"))
    return [
        f"USD/hour: list price of {date} for the GPUs of one replica; Oracle bills whole nodes: {whole}",
        f"USD/month of all clusters: {few} with the fewest replicas, {many} with the most",
    ]


def _row(workload: Workload, where: str = "") -> tuple[str, ...]:
    return (
        workload.name,
        workload.shape.name,
        "/".join(workload.nodes),
        f"{workload.gpus} GPU{'s' if workload.gpus > 1 else ''}",
        *(fact.text for fact in workload.facts.values() if fact.text),
        *([where] if where else []),
    )


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
                **({"own": _workload(placement.workload)} if placement.own else {}),
            }
            for placement in resolved.placements
        ],
        "prerequisites": [
            each for cluster in resolved.stack.clusters for each in _prerequisites(resolved, cluster.name)
        ],
    }


def _prerequisites(resolved: Resolved, cluster: str) -> list[dict[str, Any]]:
    """What the cluster must have and nobody here creates; an empty key is one that its author names."""
    return [
        {
            "cluster": cluster,
            "namespace": each.namespace,
            "kind": each.kind,
            "name": each.name,
            "keys": list(each.keys),
            "purpose": each.purpose,
            "command": f"kubectl --context {cluster} {each.command}",
        }
        for each in required(resolved, cluster)
    ]


def told(found: Iterable[Consequence]) -> list[str]:
    """What a change does in the clusters; certain failures are errors, and told as such."""
    return [each.message for each in found if not each.certain_failure]


def told_as_data(found: Iterable[Consequence]) -> list[dict[str, Any]]:
    """All of it for a machine."""
    return [
        {"cluster": each.cluster, "blueprint": each.blueprint, "effect": each.effect.value, "message": each.message}
        for each in found
    ]


def _workload(workload: Workload) -> dict[str, Any]:
    return {
        "blueprint": workload.name,
        "shape": workload.shape.name,
        "nodes": list(workload.nodes),
        "gpus": workload.gpus,
        **{name: fact.value for name, fact in workload.facts.items()},
    }
