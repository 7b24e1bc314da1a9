"""The platform beside the models: charts that others publish, as data in catalogue/platform/."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.chartimages import ChartImages
from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.images import Image

__all__ = ["Layer", "Release", "catalogue"]


class Layer(StrEnum):
    """Steps of an installation; a later one may use only what an earlier one provides."""

    CRDS = "crds"
    CONTROLLERS = "controllers"
    CONFIGS = "configs"


@dataclass(frozen=True, slots=True)
class Release:
    """One chart of the platform, in one namespace of a cluster."""

    component: str
    layer: Layer
    chart: str
    version: str
    repository: str
    insecure: bool
    namespace: str
    pod_security: str | None
    """Level of the namespace; None: another release of the namespace sets it."""
    health: tuple[Mapping[str, str], ...]
    """Objects that show that it works, beside its release."""
    values: Mapping[str, Any]
    known: ChartImages
    images: tuple[Image, ...] | None
    """As clusters pull them; None: of this version of the chart they aren't known."""


@cache
def catalogue() -> tuple[Release, ...]:
    """Every chart that we know, in the order of layers and names, as its project publishes it."""
    folder = resources.files("gpuyard") / "catalogue" / "platform"
    found = [_release(read(file, "platform")) for file in folder.iterdir() if file.name.endswith(".yaml")]
    return tuple(sorted(found, key=lambda release: (list(Layer).index(release.layer), release.chart)))


def _release(data: Mapping[str, Any]) -> Release:
    return Release(
        component=data["component"],
        layer=Layer(data["layer"]),
        chart=data["chart"],
        version=data["version"],
        repository=data["repository"],
        insecure=False,
        namespace=data["namespace"],
        pod_security=data.get("podSecurity"),
        health=tuple(data.get("health", ())),
        values=data["values"],
        known=ChartImages.of(data["images"]),
        images=None,
    )
