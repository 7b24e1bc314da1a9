"""README.md of the generated repository: what runs where, how to call it and how to change it."""

import re
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from gpuyard.render import prerequisites
from gpuyard.render.required import KINDS, required
from gpuyard.resolve import Placement, Resolved, prometheus
from gpuyard.resolve.workload import Reach
from gpuyard.tree import Tree

if TYPE_CHECKING:
    import jinja2

__all__ = ["files"]

_NONE = "–"  # noqa: RUF001 - the dash that stands for nothing in every table


def files(resolved: Resolved) -> Tree:
    """README.md."""
    workloads = {workload.name: workload for workload in resolved.workloads}
    placed = {placement.workload.name: placement.workload for placement in resolved.placements}
    needed = required(resolved)
    text = (
        _environment()
        .get_template("README.md.j2")
        .render(
            stack=resolved.stack,
            placements=[_row(placement) for placement in resolved.placements],
            measured=ours.namespace if (ours := prometheus.installed(resolved.stack.platform)) else None,
            refusals=resolved.refusals,
            described=[each for each in workloads.values() if each.description],
            calls=[_call(name, workload.reach) for name, workload in placed.items() if workload.reach],
            port=next((each.reach.port for each in placed.values() if each.reach), None),
            closed=[name for name, workload in placed.items() if workload.reach and workload.reach.closed],
            needs=list(prerequisites.needs(resolved)),
            required={kind: [each for each in needed if each.kind == kind] for kind in KINDS},
            folders=any("" in each.keys for each in needed),
            commands={each.name: list(prerequisites.commands(resolved, each.name)) for each in resolved.stack.clusters},
        )
    )
    return {PurePosixPath("README.md"): text}


def _row(placement: Placement) -> dict[str, object]:
    """A row: what runs where; a kind that has no such fact has none to show."""
    workload = placement.workload
    told = {name: fact.value for name, fact in workload.facts.items()}
    replicas = told.get("replicas")
    return {
        "cluster": placement.cluster,
        "name": workload.name,
        "file": workload.file,
        "shape": workload.shape.name,
        "nodes": ", ".join(workload.nodes),
        "gpus": workload.gpus,
        "replicas": f"{replicas['min']}{_NONE}{replicas['max']}" if replicas else _NONE,
        **{name: told.get(name, _NONE) for name in ("model", "context", "fit")},
    }


def _call(name: str, reach: Reach) -> dict[str, str]:
    """A row: how clients reach a model."""
    return {
        "name": name,
        "model": reach.name,
        "inside": f"`{reach.inside}`",
        "namespaces": ", ".join(f"`{each}`" for each in reach.namespaces),
        "outside": f"`{reach.outside}`" if reach.outside else "",
        "key": f"`{reach.key.key}` of `{reach.key.name}`" if reach.key else "",
    }


@cache
def _environment() -> "jinja2.Environment":
    """For prose only: objects are built and serialised, never templated."""
    import jinja2  # slow, and a compile that finds nothing new needs no README

    source = (resources.files("gpuyard") / "render" / "README.md.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(  # noqa: S701 - Markdown; what users wrote passes through _prose
        loader=jinja2.DictLoader({"README.md.j2": source}),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["prose"] = _prose
    return environment


def _prose(text: str) -> str:
    """A user's sentence without Markdown's or HTML's meaning."""
    return re.sub(r"([\\`*_\[\]|<>&~])", r"\\\1", " ".join(text.split()))
