"""What a cluster sets differently: any of the stack's site settings, merged over the stack's for that cluster alone."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gpuyard.doors.schema import breaches_of, with_defaults
from gpuyard.doors.yamlio import Document, Path
from gpuyard.errors import Problem
from gpuyard.project.stack import SITE, Stack, stack_from

__all__ = ["breaches", "differing", "own_keys", "stacks"]

Values = Mapping[str, Any]

_CLUSTERS: Path = ("spec", "clusters")
_ALTERNATIVES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    ((), ("gateway", "ingress")),
    (("network", "ca"), ("secret", "configMap")),
    (("platform", "prometheus", "auth"), ("bearer", "basic", "tls")),
)
"""Keys of which there is one at a time, by where they are."""


def own_keys(cluster: Values) -> tuple[str, ...]:
    """The settings that a cluster, as its file has it, sets differently."""
    return tuple(key for key in SITE if key in cluster)


def breaches(document: Document, schema: Values) -> Iterator[Problem]:
    """What is wrong only in a cluster, at the cluster's own key; the document itself keeps to the schema."""
    for index, cluster in _differing(document.value):
        for path, message, key in breaches_of(_merged(document.value, cluster), schema):
            if path[:1] == ("spec",) and path[1:2] and path[1] in own_keys(cluster):
                yield document.problem((*_CLUSTERS, index, *path[1:]), message, key=key)


def stacks(document: Document, schema: Values, stack: Stack) -> Mapping[str, Stack]:
    """The stack as it holds in each cluster that differs, by the cluster's name."""
    found = {}
    for _, cluster in _differing(document.value):
        alone = stack_from(with_defaults(_merged(document.value, cluster), schema), document.file)
        own = replace(alone, clusters=stack.clusters)
        if differing(stack, own):
            found[cluster["name"]] = own
    return found


def differing(stack: Stack, own: Stack) -> tuple[str, ...]:
    """The settings in which they differ."""
    return tuple(key for key in SITE if getattr(stack, key) != getattr(own, key))


def _differing(whole: Values) -> Iterator[tuple[int, Values]]:
    return ((i, cluster) for i, cluster in enumerate(whole["spec"]["clusters"]) if own_keys(cluster))


def _merged(whole: Values, cluster: Values) -> dict[str, Any]:
    """The file as if the stack had a cluster's settings."""
    own = {key: cluster[key] for key in own_keys(cluster)}
    # Of the clusters this one alone: each is looked at by itself, and there may be hundreds.
    spec = _over({**whole["spec"], "clusters": [cluster]}, own)
    given = own.get("vllm") or {}
    if "tag" not in given and {"version", "image"} & given.keys():
        # A tag belongs to the version and the image that are named with it.
        spec["vllm"] = {key: value for key, value in spec["vllm"].items() if key != "tag"}
    for path, names in _ALTERNATIVES:
        _choose(spec, own, path, names)
    return {**whole, "spec": spec}


def _choose(below: dict[str, Any], above: Values | None, path: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Where a cluster names one of several ways, those that only the stack names are gone."""
    for key in path:
        above = (above or {}).get(key)
        below = below.get(key) or {}
    if isinstance(above, Mapping) and any(above.get(name) for name in names):
        for name in names:
            if name not in above:
                below.pop(name, None)


def _over(below: Values, above: Values, path: Path = ()) -> dict[str, Any]:
    """Mappings key by key, all else replaced; an empty value takes away what is below, but is passed on to charts."""
    result = dict(below)
    to_chart = path[:1] == ("platform",) and path[2:3] == ("values",)
    for key, value in above.items():
        if value is None and not to_chart:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            under = result.get(key)
            result[key] = _over(under if isinstance(under, Mapping) else {}, value, (*path, key))
        else:
            result[key] = value
    return result
