"""`gpuyard render`: the final objects of one blueprint on one shape or in one cluster, for review."""

from pathlib import Path

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_data, emit_text

__all__ = ["command"]


@click.command("render", epilog="Example: gpuyard render chat --shape a10 gitops; gpuyard render chat -c phx gitops")
@click.argument("blueprint")
@options.directory
@click.option("--shape", "-s", callback=options.given, help="GPU shape, such as a10.")
@click.option("--cluster", "-c", callback=options.given, help="Cluster: on its shape, and with all that differs there.")
@options.output
def command(blueprint: str, directory: Path, shape: str | None, cluster: str | None, as_json: bool) -> None:
    """Print the objects of BLUEPRINT on one GPU shape, or in one cluster, as they will be there."""
    if (shape is None) == (cluster is None):
        raise click.UsageError("give one of --shape and --cluster")
    from gpuyard.catalogue.shippedchart import shipped_charts
    from gpuyard.doors import yamlio
    from gpuyard.doors.helm import open_helm
    from gpuyard.project.load import load
    from gpuyard.render.kustomize import objects
    from gpuyard.resolve import resolve

    project = load(directory)
    resolved = resolve(project)
    if cluster:
        workload = options.placed(resolved, project, blueprint, cluster)
    else:
        workload = options.workload(resolved, project, blueprint, shape or "")
    found = objects(resolved, workload, open_helm(shipped_charts()))
    if as_json:
        emit_data(found)
    else:
        emit_text(yamlio.dump(*found))
