"""`gpuyard shapes`: the GPU shapes that it knows."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, say, table

if TYPE_CHECKING:
    from gpuyard.catalogue.shapes import Node, Shape

__all__ = ["command"]


@click.command("shapes", epilog="Example: gpuyard shapes --output json")
@options.output
def command(as_json: bool) -> None:
    """List the GPU shapes: their OCI shapes, GPUs, usable memory and list price."""
    from gpuyard.catalogue.shapes import catalogue

    found = [(shape, node) for shape in catalogue().values() for node in shape.nodes.values()]
    if as_json:
        emit_json([_facts(shape, node) for shape, node in found])
        return
    heading = ("SHAPE", "OCI SHAPE", "GPUS", "GIB/GPU", "USABLE", "NVLINK", "FP8", "USD/HOUR", "PRICE OF")
    rows = [
        (
            node.shape,
            node.name,
            str(node.gpus),
            f"{node.gpu_memory_gib:g}",
            f"{node.usable_gib:g}",
            "yes" if node.gpu.nvlink else "no",
            "yes" if node.gpu.fp8 else "no",
            f"{node.price_usd_per_hour:.2f}",
            node.date,
        )
        for _, node in found
    ]
    for line in table([heading, *rows]):
        say(line)


def _facts(shape: "Shape", node: "Node") -> dict[str, Any]:
    """Of an OCI shape, with what holds for its whole family."""
    return {
        **asdict(node),
        "title": shape.title,
        "resource": shape.resource,
        "instance_type_label": shape.instance_type_label,
        "arch": shape.arch,
        "taint": asdict(shape.taint),
        "read_only_root_filesystem": shape.read_only_root_filesystem,
        "read_only_root_reason": shape.read_only_root_reason,
    }
