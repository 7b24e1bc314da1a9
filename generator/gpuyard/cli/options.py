"""Arguments that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpuyard.cli.output import JSON
from gpuyard.errors import MissingError, nearest

if TYPE_CHECKING:
    from gpuyard.project.load import Project
    from gpuyard.resolve import Resolved, Workload

__all__ = ["base", "directory", "given", "output", "placed", "registries", "workload"]

_CLUSTERS, _BLUEPRINTS = "stack.yaml lists them", "the folder blueprints has them"
_PLACED = "`gpuyard check --output json` lists its placements"


def _remember(ctx: click.Context, param: click.Parameter, value: str) -> bool:
    ctx.meta[JSON] = value == "json"
    return bool(ctx.meta[JSON])


def given(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A variable of CI that isn't set must not count as an option that was left out."""
    if value == "":
        raise click.BadParameter("is empty; give a value or omit the option", ctx, param)
    return value


directory = click.argument("directory", default=".", type=click.Path(path_type=Path), metavar="[DIR]")
base = click.option(
    "--base",
    metavar="REF",
    callback=given,
    help="What runs: at the commit where the branch left REF. Default: the stack's branch, if another is checked out.",
)
output = click.option(
    "--output",
    "-o",
    "as_json",
    type=click.Choice(["text", "json"]),
    default="text",
    callback=_remember,
    help="Format of the results.",
)

registries = click.option(
    "--registries", "ask", is_flag=True, help="Ask registries whether they have the new images (trusted runs only)."
)


def placed(resolved: "Resolved", project: "Project", name: str, cluster: str) -> "Workload":
    """The workload of a blueprint in a cluster; says why there is none."""
    _check_name(project, name)
    clusters = [each.name for each in project.stack.clusters]
    if cluster not in clusters:
        raise MissingError(f"no cluster is called {cluster}; {nearest(cluster, clusters, listed=_CLUSTERS)}")
    found = {each.workload.name: each.workload for each in resolved.placements if each.cluster == cluster}
    if name not in found:
        raise MissingError(f"{name} does not run in {cluster}; {nearest(name, found, listed=_PLACED)}")
    return found[name]


def _check_name(project: "Project", name: str) -> None:
    names = sorted(blueprint.name for blueprint in project.blueprints)
    if name not in names:
        raise MissingError(f"no blueprint is called {name}; {nearest(name, names, listed=_BLUEPRINTS)}")


def workload(resolved: "Resolved", project: "Project", name: str, shape: str) -> "Workload":
    """The workload of a blueprint on a shape; says why there is none."""
    _check_name(project, name)
    found = {item.shape.name: item for item in resolved.workloads if item.name == name}
    if shape in found:
        return found[shape]
    for refusal in resolved.refusals:
        if (refusal.blueprint, refusal.shape) == (name, shape):
            raise MissingError(f"{name} does not run on {shape}: {refusal.reason}")
    raise MissingError(f"{name} does not run on {shape}; {nearest(shape, found)}")
