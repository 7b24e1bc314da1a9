"""The platform beside the models: charts that others publish, as data in catalogue/platform/."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.chartimages import ChartImages, with_images
from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.images import Image, image
from gpuyard.project.stack import Platform

__all__ = ["Layer", "Release", "releases"]


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


def releases(platform: Platform, *, mirrors: Mapping[str, str], locked: Mapping[str, str]) -> tuple[Release, ...]:
    """The releases that a stack wants, in the order of their layers and names; their values pull its images."""
    wanted = []
    for release in _catalogue():
        component = platform.components[release.component]
        if not component.enabled:
            continue
        # A version names the component's own chart; the CRDs' chart has versions of its own.
        if component.version and release.layer is not Layer.CRDS:
            release = replace(release, version=component.version)
        if platform.registry:
            release = replace(release, repository=platform.registry, insecure=platform.insecure)
        wanted.append(_with_images(release, mirrors, locked))
    return tuple(wanted)


def _with_images(release: Release, mirrors: Mapping[str, str], locked: Mapping[str, str]) -> Release:
    """Mirrors hold for every version of a chart, digests for the one whose images are known."""
    known = release.version == release.known.version
    pulled = [image(each.repository, each.tag, mirrors=mirrors, locked=locked) for each in release.known.images]
    if not known:
        pulled = [replace(each, digest=None) for each in pulled]
    values = with_images(release.values, zip(release.known.images, pulled, strict=True))
    return replace(release, values=values, images=tuple(pulled) if known else None)


@cache
def _catalogue() -> tuple[Release, ...]:
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
