"""`gpuyard render`: the final objects of one blueprint on one shape, for review."""

from pathlib import Path

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json

__all__ = ["command"]


@click.command("render", epilog="Example: gpuyard render chat --shape a10 gitops")
@click.argument("blueprint")
@options.directory
@click.option("--shape", "-s", required=True, help="GPU shape, such as a10.")
@options.output
def command(blueprint: str, directory: Path, shape: str, as_json: bool) -> None:
    """Print the objects of BLUEPRINT on one GPU shape, as the cluster will get them."""
    from gpuyard.catalogue.shippedchart import shipped_charts
    from gpuyard.doors import yamlio
    from gpuyard.doors.helm import open_helm
    from gpuyard.project.load import load
    from gpuyard.render.kustomize import objects
    from gpuyard.resolve import resolve

    project = load(directory)
    resolved = resolve(project)
    workload = options.workload(resolved, project, blueprint, shape)
    found = objects(resolved, workload, open_helm(shipped_charts()))
    if as_json:
        emit_json(found)
    else:
        click.echo(yamlio.dump(*found), nl=False)
