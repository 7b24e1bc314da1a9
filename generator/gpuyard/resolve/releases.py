"""Which charts of the platform a stack wants, from where, and with whose images."""

from collections.abc import Mapping
from dataclasses import replace

from gpuyard.catalogue.chartimages import with_images
from gpuyard.catalogue.images import image
from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.project.stack import Platform

__all__ = ["releases"]


def releases(platform: Platform, *, mirrors: Mapping[str, str], locked: Mapping[str, str]) -> tuple[Release, ...]:
    """The releases that a stack wants, in the order of their layers and names; their values pull its images."""
    wanted = []
    for release in catalogue():
        component = platform.components[release.component]
        if not component.enabled:
            continue
        # A version names the component's own chart; the CRDs' chart has versions of its own.
        if component.version and release.switch:
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
