"""README.md of the generated repository, and a page for each blueprint: what runs where and how to call it."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from gpuyard.catalogue.platform import Layer
from gpuyard.catalogue.shapes import HOURS_A_MONTH
from gpuyard.render import handover, prerequisites
from gpuyard.render.engines import ENGINES
from gpuyard.render.markdown import prose
from gpuyard.resolve import Placement, Refusal, Resolved, Workload, prometheus
from gpuyard.resolve.workload import Reach
from gpuyard.tree import Tree, about

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
    """README.md, which names no blueprint, and the page of each."""
    placed: dict[str, list[Placement]] = {}
    for placement in resolved.placements:
        placed.setdefault(placement.workload.name, []).append(placement)
    refused: dict[str, list[Refusal]] = {}
    for refusal in resolved.refusals:
        refused.setdefault(refusal.blueprint, []).append(refusal)
    pages = {
        about(each.name, "md"): _page(resolved, each, placed.get(each.name, ()), refused.get(each.name, ()))
        for each in {workload.name: workload for workload in resolved.workloads}.values()
    }
    return {PurePosixPath("README.md"): _readme(resolved), **pages}


def _readme(resolved: Resolved) -> str:
    stack, names = resolved.stack, [cluster.name for cluster in resolved.stack.clusters]
    needed = prerequisites.required(resolved, names)
    platforms = [each.platform for each in (stack, *(own.stack for own in resolved.own.values()))]
    measured = (ours.namespace for each in platforms if (ours := prometheus.installed(each)))
    return _rendered(
        "README.md.j2",
        stack=stack,
        own=list(resolved.own),
        way_in=ENGINES[stack.engine].way_in(stack),
        pace=ENGINES[stack.engine].pace(),
        own_files=ENGINES[stack.engine].own_files(),
        handover=handover.section(resolved),
        layers=[_LAYERS[layer] for layer in resolved.layers],
        measured=next(measured, None),
        needs=list(prerequisites.needs(resolved, names)),
        required=needed,
        config_maps=any(each.kind == "ConfigMap" for each in needed),
        commands={name: list(prerequisites.stack_commands(resolved, name)) for name in names},
    )


def _page(resolved: Resolved, blueprint: Workload, placements: Sequence[Placement], refusals: Sequence[Refusal]) -> str:
    here = {placement.cluster: placement.workload for placement in placements}
    needed = prerequisites.required_of(resolved, here)
    reaches = {name: workload.reach for name, workload in here.items() if workload.reach}
    return _rendered(
        "blueprint.md.j2",
        name=blueprint.name,
        file=blueprint.file,
        description=blueprint.description,
        namespace=resolved.stack.namespace,
        placements=[_row(placement) for placement in placements],
        prices=_prices(placements),
        refusals=refusals,
        calls=_calls(reaches),
        port=next((reach.port for reach in reaches.values()), None),
        closed=bool(reaches) and all(reach.closed for reach in reaches.values()),
        needs=list(prerequisites.needs_of(resolved, here)),
        required=needed,
        config_maps=any(each.kind == "ConfigMap" for each in needed),
        folders=any("" in each.keys for each in needed),
        commands={name: list(prerequisites.commands(resolved, name, each)) for name, each in here.items()},
    )


def _row(placement: Placement) -> dict[str, object]:
    """A row: what runs where; a kind that has no such fact has none to show."""
    workload = placement.workload
    told = {name: fact.value for name, fact in workload.facts.items()}
    replicas = told.get("replicas")
    return {
        "cluster": placement.cluster,
        "shape": workload.shape.name,
        "nodes": ", ".join(workload.nodes),
        "gpus": workload.gpus,
        "replicas": f"{replicas['min']}{_NONE}{replicas['max']}" if replicas else _NONE,
        "price": _range(told["price"]["usdPerMonth"]) if "price" in told else _NONE,
        **{name: told.get(name, _NONE) for name in ("model", "context", "fit")},
    }


def _range(bounds: Mapping[str, int]) -> str:
    low, high = f"{bounds['min']:,}", f"{bounds['max']:,}"
    return low if low == high else f"{low}{_NONE}{high}"


def _prices(placements: Sequence[Placement]) -> dict[str, object] | None:
    """What the prices in the table are; None: there are none."""
    told = {each.cluster: each.workload.facts["price"].value for each in placements if "price" in each.workload.facts}
    if not told:
        return None
    return {
        "date": max(node["date"] for price in told.values() for node in price["nodes"]),
        "hours": HOURS_A_MONTH,
        "nodes": ", ".join(f"{_range(price['usdPerMonthOfNodes'])} in {name}" for name, price in told.items()),
    }


def _calls(reaches: Mapping[str, Reach]) -> dict[str, dict[str, str]]:
    """A row for each cluster, or one for all where they don't differ in it, under no name."""
    found = {name: _call(reach) for name, reach in reaches.items()}
    rows = list(found.values())
    if any(row != rows[0] for row in rows):
        return found
    return {"": rows[0]} if rows else {}


def _call(reach: Reach) -> dict[str, str]:
    """A row: how clients reach a model."""
    return {
        "model": reach.name,
        "inside": f"`{reach.inside}`",
        "namespaces": ", ".join(f"`{each}`" for each in reach.namespaces),
        "outside": f"`{reach.outside}`" if reach.outside else "",
        "key": f"`{reach.key.key}` of `{reach.key.name}`" if reach.key else "",
    }


def _rendered(template: str, **values: object) -> str:
    return _template(template).render(values)


@cache
def _template(name: str) -> "jinja2.Template":
    return _environment().get_template(name)


@cache
def _environment() -> "jinja2.Environment":
    """For prose only: objects are built and serialised, never templated."""
    import jinja2  # slow, and a compile that finds nothing new needs no README

    names = ("README.md.j2", "blueprint.md.j2")
    sources = {name: (resources.files("gpuyard") / "render" / name).read_text(encoding="utf-8") for name in names}
    environment = jinja2.Environment(  # noqa: S701 - Markdown; what users wrote passes through prose
        loader=jinja2.DictLoader(sources),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["prose"] = prose
    return environment
