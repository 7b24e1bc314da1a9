"""What was tried in one cluster, for another one: an edit of stack.yaml that leaves all else in it as it is.

Clusters differ in what stack.yaml says of them (ADR 0010): of a model's server that is its vLLM, which may be the
cluster's or the placement's. All else of a blueprint holds in all clusters; nodes, replicas and host are a place's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gpuyard.doors import yamlio
from gpuyard.errors import InputError, Location, MissingError, Problem, nearest
from gpuyard.project.blueprint import Blueprint, Spec
from gpuyard.project.load import Project
from gpuyard.project.parts import Vllm
from gpuyard.project.placing import Placing
from gpuyard.project.stack import Cluster
from gpuyard.project.userfiles import STACK_FILE

__all__ = ["Promotion", "promotion"]

_KEYS = ("version", "image", "tag")
_WAYS = ((), ("version",), ("tag",), ("version", "tag"), ("image", "tag"), ("version", "image"), _KEYS)
"""Keys that a placement may have to name, the fewest first."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """The new stack.yaml, and what it moves; none: there is nothing to move."""

    text: str
    moves: tuple[str, ...] = ()


def promotion(project: Project, name: str, source: str, target: str) -> Promotion:
    """Of a blueprint from one cluster to another; MissingError names what is not there."""
    blueprint = _blueprint(project, name)
    here, there = (_cluster(project, each) for each in (source, target))
    if here is there:
        said = f"{target} is the cluster of --from as well; name the one that is to have the same"
        raise InputError([Problem(Location("--to"), said)])
    text = project.sources[STACK_FILE].decode()
    if here.blueprints is not None and name not in here.blueprints:
        raise MissingError(f"{name} does not run in {source}, so nothing was tried there")
    index = [each.name for each in project.stack.clusters].index(target)
    path: yamlio.Path = ("spec", "clusters", index, "blueprints", name)
    wanted = _effective(project, blueprint, here, here.placed.get(name))
    if there.blueprints is None:
        return _into_all(project, blueprint, there, wanted, text)
    shape = there.blueprints.get(name)
    new = shape is None
    if shape is None:
        shape = _same_shape(name, here, there)
    before = there.placed.get(name)
    old = _effective(project, blueprint, there, before)
    if old == wanted and not new:
        return Promotion(text)
    own = _named(project, blueprint, there, wanted)
    whole = {"shape": shape, "vllm": own} if own else shape
    where, value = (path, whole) if before is None else ((*path, "vllm"), own or None)
    text = yamlio.spliced(text, where, value)
    return Promotion(text, tuple(_moves(None if new else old, wanted, name, shape)))


def _same_shape(name: str, here: Cluster, there: Cluster) -> str:
    """On which a blueprint, new in a cluster, runs there; only the one where it was tried may follow by itself."""
    known = ", ".join(sorted(there.shapes)) or "none"
    if here.blueprints is None:
        raise MissingError(
            f"{name} does not run in {there.name}, and {here.name}, which runs every blueprint that fits, names no "
            f"shape for it; add {name}: SHAPE to blueprints of {there.name} in {STACK_FILE} ({there.name} has {known})"
        )
    if (shape := here.blueprints[name]) not in there.shapes:
        raise MissingError(f"{name} does not run in {there.name}, which has no nodes of {shape}; it has {known}")
    return shape


def _into_all(project: Project, blueprint: Blueprint[Spec], there: Cluster, wanted: Vllm, text: str) -> Promotion:
    """Into a cluster that has every blueprint that fits: naming one would leave out the others."""
    if _effective(project, blueprint, there, None) == wanted:
        return Promotion(text)
    raise MissingError(
        f"{there.name} runs every blueprint that fits, so none of them can have a vLLM of its own there; list them in "
        f"{STACK_FILE}: blueprints: {{{blueprint.name}: SHAPE, …}}, then run this again"
    )


def _blueprint(project: Project, name: str) -> Blueprint[Spec]:
    found = {each.name: each for each in project.blueprints}
    if name not in found:
        raise MissingError(f"no blueprint is called {name}; {nearest(name, found)}")
    return found[name]


def _cluster(project: Project, name: str) -> Cluster:
    found = {each.name: each for each in project.stack.clusters}
    if name not in found:
        raise MissingError(f"no cluster is called {name}; {nearest(name, found)}")
    return found[name]


def _effective(project: Project, blueprint: Blueprint[Spec], cluster: Cluster, own: Placing | None) -> Vllm:
    site = project.sites.get(cluster.name, project.stack)
    stacks = Vllm(site.vllm.version, site.vllm.image, site.vllm.tag)
    named: Vllm = getattr(blueprint.spec, "vllm", Vllm())
    return stacks.under(named).under(own.vllm if own else Vllm())


def _named(project: Project, blueprint: Blueprint[Spec], cluster: Cluster, wanted: Vllm) -> dict[str, str]:
    """What a placement must name so that it has the wanted vLLM: as little as does it."""
    for keys in _WAYS:
        values = {key: value for key in keys if (value := getattr(wanted, key)) is not None}
        placing = Placing(shape="", vllm=Vllm(**values))
        if _effective(project, blueprint, cluster, placing) == wanted:
            return values
    raise InputError([project.documents[STACK_FILE].problem(("spec",), "has no way to name that vLLM in one cluster")])


def _moves(old: Vllm | None, new: Vllm, name: str, shape: str) -> Iterator[str]:
    if old is None:
        yield f"{name} on {shape}"
    for key in _KEYS:
        was, now = getattr(old, key) if old else None, getattr(new, key)
        if was != now:
            yield f"vllm.{key}: {was or 'none'} -> {now or 'none'}"
