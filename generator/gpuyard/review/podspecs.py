"""The specs of pods in an object, wherever its kind has them."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["containers_of", "images_of", "pod_specs"]

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def pod_specs(value: Any) -> Iterator[Mapping[str, Any]]:
    """What has a list of containers: of a Deployment, a CronJob, a cluster of Ray."""
    if isinstance(value, Mapping):
        if isinstance(value.get("containers"), list):
            yield value
        for each in value.values():
            yield from pod_specs(each)
    elif isinstance(value, list):
        for each in value:
            yield from pod_specs(each)


def containers_of(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Those that start first included."""
    for key in _CONTAINERS:
        yield from _mappings(pod.get(key))


def images_of(obj: Mapping[str, Any]) -> list[str]:
    """The images that pods of an object pull, those that only hold files included."""
    pods = list(pod_specs(obj))
    named = [str(each["image"]) for pod in pods for each in containers_of(pod) if "image" in each]
    volumes = _mappings([each.get("image") for pod in pods for each in _mappings(pod.get("volumes"))])
    return [*named, *(str(each["reference"]) for each in volumes if "reference" in each)]


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Those of a list: an author may have written anything in its place."""
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, Mapping))
