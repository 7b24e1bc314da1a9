"""`gpuyard shapes`: the GPU shapes that it knows."""

from dataclasses import asdict

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, table

__all__ = ["command"]


@click.command("shapes", epilog="Example: gpuyard shapes --output json")
@options.output
def command(as_json: bool) -> None:
    """List the GPU shapes: their OCI shapes, GPUs, usable memory and list price."""
    from gpuyard.catalogue.shapes import catalogue

    nodes = [node for shape in catalogue().values() for node in shape.nodes.values()]
    if as_json:
        emit_json([asdict(node) for node in nodes])
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
        for node in nodes
    ]
    for line in table([heading, *rows]):
        click.echo(line)
