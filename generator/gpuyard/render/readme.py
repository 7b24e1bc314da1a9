"""README.md of the generated repository: what runs where, how to call it and how to change it."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from gpuyard.render import prerequisites
from gpuyard.resolve import Resolved, Workload
from gpuyard.resolve.exposure import tls_secret
from gpuyard.tree import Tree

if TYPE_CHECKING:
    import jinja2

__all__ = ["files"]


def files(resolved: Resolved) -> Tree:
    """README.md."""
    workloads = {workload.name: workload for workload in resolved.workloads}
    placed = {placement.workload.name: placement.workload for placement in resolved.placements}
    text = (
        _environment()
        .get_template("README.md.j2")
        .render(
            stack=resolved.stack,
            placements=resolved.placements,
            refusals=resolved.refusals,
            described=[each.blueprint for each in workloads.values() if each.blueprint.description],
            calls=[_call(resolved, workload) for workload in placed.values()],
            closed=list(_closed(placed.values())),
            needs=list(prerequisites.needs(resolved)),
            secrets=prerequisites.secrets(resolved),
            commands={each.name: list(prerequisites.commands(resolved, each.name)) for each in resolved.stack.clusters},
        )
    )
    return {PurePosixPath("README.md"): text}


def _call(resolved: Resolved, workload: Workload) -> dict[str, str]:
    """A row: how clients reach a model."""
    blueprint, stack = workload.blueprint, resolved.stack
    scheme = "http" if stack.ingress and tls_secret(blueprint, stack) is None else "https"
    return {
        "name": workload.name,
        "model": blueprint.served_name,
        "inside": f"`http://{workload.name}.{stack.namespace}.svc:8000/v1`",
        "namespaces": ", ".join(f"`{name}`" for name in blueprint.client_namespaces),
        "outside": f"`{scheme}://{blueprint.expose.host}/v1`" if blueprint.expose else "",
        "key": f"`{blueprint.api_key.key}` of `{blueprint.api_key.secret}`" if blueprint.api_key else "",
    }


def _closed(workloads: Iterable[Workload]) -> Iterator[str]:
    """Models that nobody may call."""
    for workload in workloads:
        if workload.blueprint.expose is None and not workload.blueprint.client_namespaces:
            yield workload.name


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
