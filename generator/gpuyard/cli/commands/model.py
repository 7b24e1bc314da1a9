"""`gpuyard model add`: a model of the user's own, from its config.json."""

import shlex
from pathlib import Path

import click

from gpuyard.cli import options
from gpuyard.cli.output import emit_json, emit_notes, emit_text, say

__all__ = ["command"]


@click.group("model", epilog="Example: gpuyard model add ~/models/my-model gitops")
def command() -> None:
    """Add a model that the catalogue does not have, so that blueprints can name it."""


@command.command("add", epilog="Example: gpuyard model add ~/models/my-model gitops --source hf://acme/my-model@COMMIT")
@click.argument("path", type=click.Path(path_type=Path))
@options.directory
@click.option("--name", callback=options.given, help="Name in blueprints. Default: from --source or PATH.")
@click.option("--source", callback=options.given, help="Hugging Face repository: hf://organisation/model@commit.")
@click.option("--revision", callback=options.given, help="Commit of the repository, if --source has none.")
@click.option("--licence", callback=options.given, help="Licence of the weights, such as apache-2.0.")
@click.option("--gated", is_flag=True, help="The repository asks for a token.")
@click.option("--task", type=click.Choice(["generate", "embed", "score", "transcribe"]), help="Default: by its files.")
@click.option("--weights-bytes", type=click.IntRange(min=1), help="Bytes of all safetensors files, if PATH has none.")
@click.option("--parameters", type=click.IntRange(min=1), help="Number of parameters, if the files do not say it.")
@click.option("--vision-bytes", type=click.IntRange(min=1), help="Bytes of the vision tower, if PATH has no weights.")
@click.option("--print", "shown", is_flag=True, help="Print model.architecture for a blueprint, and write no file.")
@options.output
def _add(
    path: Path,
    directory: Path,
    name: str | None,
    source: str | None,
    revision: str | None,
    licence: str | None,
    task: str | None,
    weights_bytes: int | None,
    parameters: int | None,
    vision_bytes: int | None,
    *,
    gated: bool,
    shown: bool,
    as_json: bool,
) -> None:
    """Read the facts of a model from PATH and write them to models/NAME.yaml in the stack of DIR.

    PATH is the model's folder, with config.json and the safetensors files or their index, or its config.json alone.
    Of the weights only the headers are read.
    """
    from gpuyard.catalogue.checkpoint import Given
    from gpuyard.cli.modelfile import Origin, text, write
    from gpuyard.cli.modelfile import read as read_model

    origin = Origin.of(path, name=name, source=source, revision=revision, licence=licence, gated=gated)
    given = Given(weights_bytes, parameters, vision_bytes, task)
    found = read_model(path, None if shown else directory, origin, given)
    if shown:
        shape = {"architecture": found.facts}
        emit_json(shape) if as_json else emit_text(text(shape))
        emit_notes(found.notes)
        return
    file = write(directory, found.facts)
    if as_json:
        emit_json({"file": str(file), "model": found.facts, "notes": found.notes})
        return
    say(f"{file}")
    emit_notes(found.notes)
    say(f"Next: model: {{name: {found.facts['name']}}} in a blueprint; commit the file with it")
    place = "" if directory == Path() else f" --in {shlex.quote(str(directory))}"
    say(f"Where it fits: gpuyard models {found.facts['name']}{place}")
