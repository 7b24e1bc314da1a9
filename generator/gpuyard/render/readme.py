"""README.md of the generated repository: what runs where, and how to change it."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import PurePosixPath

import jinja2

from gpuyard.blueprint import SecretKey
from gpuyard.resolve import Resolved, Workload
from gpuyard.tree import Tree

__all__ = ["files"]

_FLUX = "2.8"
"""The first with Helm 4, RetryOnFailure and healthCheckExprs."""


def files(resolved: Resolved) -> Tree:
    """README.md."""
    blueprints = {workload.name: workload.blueprint for workload in resolved.workloads}
    text = (
        _environment()
        .get_template("README.md.j2")
        .render(
            stack=resolved.stack,
            placements=resolved.placements,
            refusals=resolved.refusals,
            described=[blueprint for blueprint in blueprints.values() if blueprint.description],
            secrets=list(_secrets(resolved)),
            flux=_FLUX,
        )
    )
    return {PurePosixPath("README.md"): text}


def _secrets(resolved: Resolved) -> Iterator[dict[str, str]]:
    """Every Secret that something here refers to."""
    stack = resolved.stack
    if stack.repository.secret:
        yield {
            "namespace": "flux-system",
            "name": stack.repository.secret,
            "key": "identity, known_hosts" if stack.repository.url.startswith("ssh") else "username, password",
            "purpose": "reading this repository",
        }
    for name in stack.pull_secrets:
        yield {"namespace": stack.namespace, "name": name, "key": ".dockerconfigjson", "purpose": "pulling images"}
    purposes: dict[tuple[str, str], list[str]] = {}
    for placement in resolved.placements:
        for secret, purpose in _wanted(placement.workload):
            known = purposes.setdefault((secret.secret, secret.key), [])
            if purpose not in known:
                known.append(purpose)
    for (name, key), known in purposes.items():
        yield {"namespace": stack.namespace, "name": name, "key": key, "purpose": "; ".join(known)}


def _wanted(workload: Workload) -> Iterator[tuple[SecretKey, str]]:
    """The Secrets of a workload, and what each is for."""
    source = workload.source
    if source.credentials:
        reading = "reading the bucket (an AWS credentials file)" if source.bucket else "download of the weights"
        yield source.credentials, f"{workload.name}: {reading}"
    if workload.blueprint.api_key:
        yield workload.blueprint.api_key, f"{workload.name}: API key of the clients"


@cache
def _environment() -> jinja2.Environment:
    """For prose only: objects are built and serialised, never templated."""
    source = (resources.files("gpuyard") / "templates" / "README.md.j2").read_text(encoding="utf-8")
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
