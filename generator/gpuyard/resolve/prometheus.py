"""The Prometheus that models scale by and that dashboards read: the one that is installed, or the cluster's own."""

from urllib.parse import urlsplit

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.project.stack import Platform, Stack
from gpuyard.resolve.problems import Problems

__all__ = ["address", "check", "installed", "namespace"]

_PATH = ("spec", "platform", "prometheus")
_SERVICES = (".svc", ".svc.cluster.local")
"""How the names of Services end, behind their namespace."""


def installed(platform: Platform) -> Release | None:
    """The release that brings it; None: the cluster has its own."""
    measuring = (release for release in catalogue() if release.service)
    return next((release for release in measuring if platform.components[release.component].enabled), None)


def address(platform: Platform) -> str | None:
    """Where KEDA asks; None: nobody has said."""
    if (release := installed(platform)) and (service := release.service):
        return f"http://{service.name}.{release.namespace}.svc:{service.port}"
    return platform.prometheus_address


def namespace(platform: Platform) -> str | None:
    """Where its pods are, which may read the models' metrics; None: nobody has said."""
    if release := installed(platform):
        return release.namespace
    return platform.prometheus_namespace or _of_address(platform.prometheus_address or "")


def check(stack: Stack, problems: Problems) -> None:
    """One that isn't where it is asked, or that no policy lets in, leaves scaling and alerts blind."""
    if release := installed(stack.platform):
        _check_installed(stack, release, problems)
    elif stack.platform.prometheus_address is None:
        message = "false: where is the cluster's own? Models scale by it; add address: http://host:port"
        problems.add(stack.file, (*_PATH, "enabled"), message)
    else:
        _check_address(stack, stack.platform.prometheus_address, problems)


def _check_installed(stack: Stack, release: Release, problems: Problems) -> None:
    if stack.platform.prometheus_address is not None:
        problems.add(stack.file, (*_PATH, "address"), "is read where enabled is false; remove it", key=True)
    if stack.platform.prometheus_namespace not in (None, release.namespace):
        message = f"the installed Prometheus runs in {release.namespace}; remove namespace or set enabled: false"
        problems.add(stack.file, (*_PATH, "namespace"), message)


def _check_address(stack: Stack, given: str, problems: Problems) -> None:
    """Of the cluster's own: the two keys say one thing."""
    host, written = urlsplit(given).hostname or "", stack.platform.prometheus_namespace
    if "." not in host:
        message = f"{host} would be looked up in KEDA's namespace; write http://{host}.NAMESPACE.svc:PORT"
        problems.add(stack.file, (*_PATH, "address"), message)
    elif (found := _of_address(given)) is None and written is None:
        message = f"{host} does not say in which namespace Prometheus runs; add namespace, or it may not read metrics"
        problems.add(stack.file, (*_PATH, "address"), message)
    elif found and written and written != found:
        message = f"{written} is not where {host} is; write {found} or remove it"
        problems.add(stack.file, (*_PATH, "namespace"), message)


def _of_address(given: str) -> str | None:
    """The namespace of a Service by its address; None: it is another host's."""
    host = urlsplit(given).hostname or ""
    name = next((host.removesuffix(end) for end in _SERVICES if host.endswith(end)), "")
    return name.rpartition(".")[2] if "." in name else None
