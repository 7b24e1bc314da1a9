"""Arguments that several commands share."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from gpuyard.cli.main import JSON, RESULT
from gpuyard.errors import MissingError, nearest
from gpuyard.project.load import Project
from gpuyard.resolve import Resolved, Workload

__all__ = ["directory", "emit_json", "emit_notes", "given", "on_error", "output", "workload"]


def _remember(ctx: click.Context, param: click.Parameter, value: str) -> bool:
    ctx.meta[JSON] = value == "json"
    return bool(ctx.meta[JSON])


def given(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A variable of CI that isn't set must not count as an option that was left out."""
    if value == "":
        raise click.BadParameter("is empty; give a value, or leave the option out", ctx, param)
    return value


directory = click.argument("directory", default=".", type=click.Path(path_type=Path), metavar="[DIR]")
output = click.option(
    "--output",
    "-o",
    "as_json",
    type=click.Choice(["text", "json"]),
    default="text",
    callback=_remember,
    help="How results are printed.",
)


def emit_json(data: Any) -> None:
    """Print data for a machine."""
    click.echo(json.dumps(data, indent=2))


def on_error(data: Mapping[str, Any]) -> None:
    """What an error adds for a machine, so that it finds the same keys."""
    click.get_current_context().meta[RESULT] = data


def emit_notes(notes: Iterable[str]) -> None:
    """What is allowed and still worth saying, apart from the results."""
    for note in notes:
        click.echo(f"note: {note}", err=True)


def workload(resolved: Resolved, project: Project, name: str, shape: str) -> Workload:
    """The workload of a blueprint on a shape; says why there is none."""
    names = sorted(blueprint.name for blueprint in project.blueprints)
    if name not in names:
        raise MissingError(f"there is no blueprint {name}; {nearest(name, names)}")
    found = {item.shape.name: item for item in resolved.workloads if item.name == name}
    if shape in found:
        return found[shape]
    for refusal in resolved.refusals:
        if (refusal.blueprint, refusal.shape) == (name, shape):
            raise MissingError(f"{name} doesn't run on {shape}: {refusal.reason}")
    raise MissingError(f"{name} doesn't run on {shape}; {nearest(shape, found)}")
