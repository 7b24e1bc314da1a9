"""Rules of the linter about pods: variables that Services set, and images."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.review.podspecs import images_of, pod_specs
from gpuyard.review.world import Origin, World, mapping, parts, runs

__all__ = ["linked", "unmirrored"]

Said = tuple[Origin, str]

_LINKS = "VLLM_"
"""What begins the names of vLLM's own variables."""
_DATA = frozenset({"ConfigMap", "Secret"})
"""Kinds that hold what others mean."""


def linked(world: World) -> Iterator[Said]:
    """Pods with vLLM beside a Service that sets its variables."""
    clashing: dict[str, tuple[str, str]] = {}
    for space, name in sorted(_services(world)):
        variable = f"{name.upper().replace('-', '_')}_"
        if variable.startswith(_LINKS):
            clashing.setdefault(space, (name, variable))
    for item in world.written if clashing else ():
        found = clashing.get(world.space(item))
        for pod in pod_specs(item.obj) if found else ():
            if found and pod.get("enableServiceLinks", True) and runs(pod, "vllm"):
                message = (
                    f"{item} runs vLLM, which reads the variable {found[1]}PORT=tcp://… of the Service {found[0]} as "
                    "its own; set enableServiceLinks: false in the spec of its pods"
                )
                yield item.origin, message


def unmirrored(world: World) -> Iterator[Said]:
    """Images that a cluster would pull past its mirrors."""
    for item in world.written if world.mirror else ():
        if item.kind[1] not in _DATA:
            for name in dict.fromkeys((*images_of(item.obj), *_named(item.obj))):
                yield from _past(world, item.origin, str(item), name)
    for given in world.given if world.mirror else ():
        for path, value in parts(given.values):
            if image := _image(path, value):
                yield from _past(world, given.origin.below(path), f"a pod of {given.unit}", image)


def _past(world: World, origin: Origin, who: str, image: str) -> Iterator[Said]:
    there = world.mirror(image) if world.mirror else None
    if there:
        yield origin, f"{who} pulls {image} from its own registry; its mirror has it as {there}"
    elif there is not None:
        yield origin, f"{who} pulls {image} from its own registry, which no mirror covers"


def _services(world: World) -> Iterator[tuple[str, str]]:
    """Namespace and name of those that set variables: one without an address of its own sets none."""
    yield from ((world.namespace, name) for name in world.services)
    for item in world.items:
        spec = mapping(item.obj.get("spec"))
        if item.kind == ("", "Service") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
            yield world.space(item), item.name


def _named(obj: Mapping[str, Any]) -> Iterator[str]:
    """Images of pods that an operator makes, such as those of a Prometheus."""
    return (value for path, value in parts(obj) if path[-1:] == ("image",) and isinstance(value, str))


def _image(path: tuple[str | int, ...], value: Any) -> str | None:
    """An image among values: a text, what a volume is of, or a registry and a repository, as charts have it."""
    last = path[-1] if path else ""
    if last == "image" and isinstance(value, str) and value:
        return value
    if not isinstance(value, Mapping) or not str(last).lower().endswith("image"):
        return None
    reference, registry, repository = (value.get(key) for key in ("reference", "registry", "repository"))
    if isinstance(reference, str):
        return reference
    whole = f"{registry}/{repository}" if registry and repository else str(repository or "")
    return whole if "." in whole.partition("/")[0] else None
