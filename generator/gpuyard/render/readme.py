"""README.md of the generated repository: what runs where, how to call it and how to change it."""

import re
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from gpuyard.catalogue.platform import Layer
from gpuyard.render import prerequisites
from gpuyard.render.engines import ENGINES
from gpuyard.resolve import Placement, Resolved, prometheus
from gpuyard.resolve.workload import Reach
from gpuyard.tree import Tree

if TYPE_CHECKING:
    import jinja2

__all__ = ["files"]

_LAYERS = {
    Layer.CRDS: "the CRDs (`platform/crds`)",
    Layer.CONTROLLERS: "the controllers (`platform/controllers`)",
    Layer.CONFIGS: "namespaces and limits (`platform/configs`)",
}
_NONE = "–"  # noqa: RUF001 - the dash that stands for nothing in every table


def files(resolved: Resolved) -> Tree:
    """README.md."""
    workloads = {workload.name: workload for workload in resolved.workloads}
    reaches = _reaches(resolved)
    text = (
        _environment()
        .get_template("README.md.j2")
        .render(
            stack=resolved.stack,
            placements=[_row(placement) for placement in resolved.placements],
            way_in=ENGINES[resolved.stack.engine].way_in(resolved.stack),
            layers=[_LAYERS[layer] for layer in resolved.layers],
            measured=prometheus.installed(resolved.stack.platform) is not None,
            own=list(resolved.own),
            refusals=resolved.refusals,
            described=[each for each in workloads.values() if each.description],
            calls=[_call(name, reach) for name, reach in reaches.items()],
            port=next((reach.port for reach in reaches.values()), None),
            closed=[name for name, reach in reaches.items() if reach.closed],
            needs=list(prerequisites.needs(resolved)),
            secrets=prerequisites.keys(resolved, "Secret"),
            config_maps=prerequisites.keys(resolved, "ConfigMap"),
            folders=any(
                not each.key for kind in ("Secret", "ConfigMap") for each in prerequisites.keys(resolved, kind)
            ),
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


def _reaches(resolved: Resolved) -> dict[str, Reach]:
    """How clients reach each model, under its name; under those of its clusters, too, where these differ in it."""
    found: dict[str, dict[str, Reach]] = {}
    for placement in resolved.placements:
        if placement.workload.reach:
            found.setdefault(placement.workload.name, {})[placement.cluster] = placement.workload.reach
    named = {}
    for name, by_cluster in found.items():
        same = all(reach == next(iter(by_cluster.values())) for reach in by_cluster.values())
        named |= {name if same else f"{name} in {cluster}": reach for cluster, reach in by_cluster.items()}
    return named


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
