"""The Prometheus that models scale by and that dashboards read: the one that is installed, or the cluster's own."""

from collections.abc import Mapping

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.doors.urls import parse_url
from gpuyard.project.credentials import PrometheusAuth
from gpuyard.project.stack import Component, Platform, Stack
from gpuyard.resolve.problems import Problems

__all__ = ["address", "asked_by_https", "check", "installed", "login", "namespace", "written"]

_PATH = ("spec", "platform", "prometheus")
_SERVICES = (".svc", ".svc.cluster.local")
"""How the names of Services end, behind their namespace."""


def written(platform: Platform) -> Component:
    """What the stack says of it."""
    return next(platform.components[release.component] for release in catalogue() if release.service)


def installed(platform: Platform) -> Release | None:
    """The release that brings it; None: the cluster has its own."""
    measuring = (release for release in catalogue() if release.service)
    return next((release for release in measuring if platform.components[release.component].enabled), None)


def address(platform: Platform) -> str | None:
    """Where KEDA asks; None: nobody has said."""
    if (release := installed(platform)) and (service := release.service):
        return f"http://{service.name}.{release.namespace}.svc:{service.port}"
    return written(platform).address


def asked_by_https(platform: Platform) -> bool:
    """Whether who asks must trust its certificate."""
    return (address(platform) or "").startswith("https://")


def namespace(platform: Platform) -> str | None:
    """Where its pods are, which may read the models' metrics; None: nobody has said."""
    if release := installed(platform):
        return release.namespace
    given = written(platform)
    return given.namespace or _of_address(given.address or "")


def login(auth: PrometheusAuth) -> tuple[str, str, Mapping[str, str]]:
    """What KEDA calls it, the Secret, and the key of each of KEDA's parameters."""
    if auth.bearer:
        return "bearer", auth.bearer.secret, {"bearerToken": auth.bearer.key}
    if auth.basic:
        return "basic", auth.basic.secret, {"username": auth.basic.username_key, "password": auth.basic.password_key}
    if auth.tls:
        return "tls", auth.tls.secret, {"cert": auth.tls.cert_key, "key": auth.tls.key_key}
    raise ValueError("the schema lets none of them be")


def check(stack: Stack, problems: Problems) -> None:
    """One that isn't where it is asked, or that no policy lets in, leaves scaling and alerts blind."""
    given = written(stack.platform)
    if release := installed(stack.platform):
        _check_installed(stack, given, release, problems)
    elif given.address is None:
        message = "false requires the cluster's own Prometheus, which models scale on; add address: http://host:port"
        problems.add(stack.file, (*_PATH, "enabled"), message)
    else:
        _check_address(stack, given.address, given.namespace, problems)
        _check_privacy(stack, given, problems)


def _check_installed(stack: Stack, given: Component, release: Release, problems: Problems) -> None:
    if given.address is not None:
        problems.add(stack.file, (*_PATH, "address"), "only applies where enabled is false; remove it", key=True)
    for key in ("auth", "insecure"):
        if getattr(given, key):
            problems.add(stack.file, (*_PATH, key), "only applies where enabled is false; remove it", key=True)
    if given.namespace not in (None, release.namespace):
        message = f"the installed Prometheus runs in {release.namespace}; remove namespace or set enabled: false"
        problems.add(stack.file, (*_PATH, "namespace"), message)


def _check_address(stack: Stack, given: str, named: str | None, problems: Problems) -> None:
    """Of the cluster's own: the two keys say one thing."""
    url = parse_url(given)
    if url is None:
        message = f"{given} is not a URL; write it like http://prometheus.monitoring.svc:9090"
        problems.add(stack.file, (*_PATH, "address"), message)
        return
    host = url.host
    if "." not in host:
        message = f"{host} would be looked up in KEDA's namespace; write http://{host}.NAMESPACE.svc:PORT"
        problems.add(stack.file, (*_PATH, "address"), message)
    elif (found := _of_address(given)) is None and named is None:
        message = f"{host} does not say where Prometheus runs; add namespace, or it cannot read the models' metrics"
        problems.add(stack.file, (*_PATH, "address"), message)
    elif found and named and named != found:
        message = f"{named} is not where {host} is; write {found} or remove it"
        problems.add(stack.file, (*_PATH, "namespace"), message)


def _check_privacy(stack: Stack, given: Component, problems: Problems) -> None:
    """Nobody on the way reads a password or answers in its place, unless that was asked for."""
    https = asked_by_https(stack.platform)
    if given.auth and not https and not given.insecure:
        message = "its credentials would be readable on the way; use https:// in address, or set insecure: true"
        problems.add(stack.file, (*_PATH, "auth"), message, key=True)
    if given.auth and given.auth.tls and not https:
        problems.add(stack.file, (*_PATH, "auth", "tls"), "a client certificate needs https:// in address", key=True)
    if given.insecure and not https and not given.auth:
        problems.add(stack.file, (*_PATH, "insecure"), "changes nothing for http:// without auth; remove it", key=True)
    if given.insecure and https and given.auth and given.auth.tls:
        message = (
            "KEDA checks the certificate of a server that it shows its own; name its authority in network.ca instead"
        )
        problems.add(stack.file, (*_PATH, "insecure"), message, key=True)


def _of_address(given: str) -> str | None:
    """The namespace of a Service by its address; None: it is another host's."""
    url = parse_url(given)
    host = url.host if url else ""
    name = next((host.removesuffix(end) for end in _SERVICES if host.endswith(end)), "")
    return name.rpartition(".")[2] if "." in name else None
