"""`gpuyard schema`: the JSON Schema of the files that users write."""

import click

from gpuyard.cli.output import emit_data

__all__ = ["command"]


@click.command("schema", epilog="Example: gpuyard schema blueprint > blueprint.schema.json")
@click.argument("kind", type=click.Choice(["blueprint", "stack", "model"]), default="blueprint")
def command(kind: str) -> None:
    """Print the JSON Schema of a blueprint (the default), a stack or a model file, for editors.

    The keys of a model file are those of model.architecture in a blueprint.
    """
    from gpuyard.project.formats import schema

    emit_data(schema(kind))
