"""The Prometheus that models scale by and that dashboards read: the one that is installed, or the cluster's own."""

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.project.stack import Platform

__all__ = ["address", "installed", "namespace"]


def installed(platform: Platform) -> Release | None:
    """The release that brings it; None: the cluster has its own."""
    measuring = (release for release in catalogue() if release.service)
    return next((release for release in measuring if platform.components[release.component].enabled), None)


def address(platform: Platform) -> str | None:
    """Where KEDA asks; None: nobody has said."""
    if (release := installed(platform)) and (service := release.service):
        return f"http://{service.name}.{release.namespace}.svc:{service.port}"
    return platform.prometheus_address


def namespace(platform: Platform) -> str:
    """Where its pods are, which may read the models' metrics."""
    return platform.prometheus_namespace
