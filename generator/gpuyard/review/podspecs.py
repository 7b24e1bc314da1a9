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
        found = pod.get(key)
        yield from (each for each in (found if isinstance(found, list) else ()) if isinstance(each, Mapping))


def images_of(obj: Mapping[str, Any]) -> list[str]:
    """The images that pods of an object pull, those that only hold files included."""
    pods = list(pod_specs(obj))
    named = [str(each["image"]) for pod in pods for each in containers_of(pod) if "image" in each]
    volumes = [each.get("image") for pod in pods for each in pod.get("volumes") or ()]
    return [*named, *(str(each["reference"]) for each in volumes if each and "reference" in each)]
