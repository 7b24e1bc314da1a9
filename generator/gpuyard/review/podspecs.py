"""The specs of pods in an object, wherever its kind has them."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["containers_of", "pod_specs"]

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
