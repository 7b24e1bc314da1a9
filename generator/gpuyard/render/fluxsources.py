"""Sources as Flux has them: the Git repository and the charts, and how it reaches each."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from gpuyard.catalogue.platform import Release
from gpuyard.doors.cosign import identity_pattern
from gpuyard.project.enginekeys import Artifact, Signed
from gpuyard.project.stack import Engine, Stack
from gpuyard.resolve import proxy
from gpuyard.resolve.workload import KeyUse

__all__ = ["chart", "flux_object", "kind", "needs", "repository", "secrets"]

Object = dict[str, Any]

_NAMESPACE = Engine.FLUX.namespace
_PROXY_KEY, _CA_KEY = "address", "ca.crt"


def secrets(stack: Stack, releases: Iterable[Release]) -> Iterator[tuple[str, KeyUse]]:
    """Keys as source-controller reads them."""
    if stack.repository.oci:
        yield from ((_NAMESPACE, use) for use in _artifact_keys(stack, stack.repository.oci))
    elif secret := _git_secret(stack):
        yield from ((_NAMESPACE, KeyUse(secret, key, "reading this repository")) for key in _git_keys(stack))
    if secret := _git_proxy(stack):
        yield _NAMESPACE, KeyUse(secret, _PROXY_KEY, f"reaching {_host(_url(stack))} through the proxy")
    if secret := stack.flux.verify_secret:
        yield _NAMESPACE, KeyUse(secret, "", "public keys of those who sign what is synced")
    for release in releases:
        host = _host(release.repository)
        if login := release.access.login:
            yield release.namespace, KeyUse(login, ".dockerconfigjson", f"pulling charts from {host}")
        if ca := release.access.ca:
            yield release.namespace, KeyUse(ca, _CA_KEY, f"certificate authorities of {host}")
        if secret := _chart_proxy(release):
            yield release.namespace, KeyUse(secret, _PROXY_KEY, f"reaching {host} through the proxy")


def needs(stack: Stack, releases: Iterable[Release]) -> Iterator[str]:
    """The proxy, for sources that have none in a Secret; Flux reads none for a HelmRepository."""
    hosts = [_host(each.repository) for each in releases if each.access.proxied and not _chart_proxy(each)]
    if _git_proxied(stack) and not _git_proxy(stack):
        hosts.insert(0, _host(_url(stack)))
    if hosts:
        given = " and ".join(f"`{name}={url}`" for name, url in proxy.urls(stack.network).items())
        reached = ", ".join(dict.fromkeys(hosts))
        yield (
            f"Flux's source-controller with {given} (and `NO_PROXY=.svc,.cluster.local`) in its environment, by which "
            f"it reaches {reached}"
        )


def chart(release: Release) -> tuple[Object, Object]:
    """The source of a chart and the release's reference to it."""
    if release.repository.startswith("oci://"):
        spec = {
            "interval": "1h",
            "url": f"{release.repository}/{release.chart}",
            "ref": {"tag": release.version},
            "layerSelector": {
                "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                "operation": "copy",
            },
            **({"insecure": True} if release.insecure else {}),
            **_reference("secretRef", release.access.login),
            **_reference("certSecretRef", release.access.ca),
            **_reference("proxySecretRef", release.access.proxy),
        }
        kind = "OCIRepository"
        reference: Object = {"chartRef": {"kind": kind, "name": release.chart}}
    else:
        kind = "HelmRepository"
        spec = {"interval": "1h", "url": release.repository, **_reference("certSecretRef", release.access.ca)}
        source = {"kind": kind, "name": release.chart}
        reference = {"chart": {"spec": {"chart": release.chart, "version": release.version, "sourceRef": source}}}
    return flux_object("source.toolkit.fluxcd.io/v1", kind, release.chart, release.namespace, spec), reference


def repository(stack: Stack) -> Object:
    """The source of everything else, signed by whom the stack trusts: Git, or what CI has made of it."""
    if stack.repository.oci:
        return _artifact(stack, stack.repository.oci)
    repository = stack.repository
    spec = {
        "interval": "1m",
        "url": repository.url,
        "ref": {"branch": repository.branch},
        **_reference("secretRef", _git_secret(stack)),
        **_reference("proxySecretRef", _git_proxy(stack)),
        **_verified(stack, {"mode": "HEAD"}),
    }
    return flux_object("source.toolkit.fluxcd.io/v1", kind(stack), stack.name, _NAMESPACE, spec)


def kind(stack: Stack) -> str:
    """Of the source of everything else."""
    return "OCIRepository" if stack.repository.oci else "GitRepository"


def _artifact(stack: Stack, artifact: Artifact) -> Object:
    ca = stack.network.ca.name if stack.network.ca and not artifact.insecure else None
    spec = {
        "interval": "1m",
        "url": artifact.url,
        "ref": {"tag": artifact.tag},
        **({"insecure": True} if artifact.insecure else {}),
        **_reference("secretRef", artifact.secret),
        **_reference("certSecretRef", ca),
        **_reference("proxySecretRef", _git_proxy(stack)),
        **(_certified(artifact.verify) or _verified(stack, {"provider": "cosign"})),
    }
    return flux_object("source.toolkit.fluxcd.io/v1", kind(stack), stack.name, _NAMESPACE, spec)


def _certified(signed: Signed | None) -> Object:
    """By an identity, which Flux compares with patterns; an issuer is one and no other, as for cosign."""
    if signed is None or signed.issuer is None or signed.identity is None:
        return {}
    match = {"issuer": f"^{re.escape(signed.issuer)}$", "subject": identity_pattern(signed.identity)}
    return {"verify": {"provider": "cosign", "matchOIDCIdentity": [match]}}


def _verified(stack: Stack, how: Object) -> Object:
    secret = stack.flux.verify_secret
    return {"verify": {**how, **_reference("secretRef", secret)}} if secret else {}


def _reference(key: str, secret: str | None) -> Object:
    return {key: {"name": secret}} if secret else {}


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2]


def _git_ca(stack: Stack) -> str | None:
    """The Secret with the authorities, of a repository that is read by https, and by a source of ours."""
    ours = not stack.repository.source and stack.repository.url.startswith("https")
    return stack.network.ca.name if stack.network.ca and ours else None


def _git_secret(stack: Stack) -> str | None:
    """Flux takes authorities and login of a GitRepository from one Secret."""
    return stack.repository.secret or _git_ca(stack)


def _git_keys(stack: Stack) -> Iterator[str]:
    if stack.repository.url.startswith("ssh"):
        yield from ("identity", "known_hosts")
        return
    if stack.repository.secret:
        yield from ("username", "password")
    if _git_ca(stack):
        yield _CA_KEY


def _artifact_keys(stack: Stack, artifact: Artifact) -> Iterator[KeyUse]:
    if artifact.secret:
        yield KeyUse(artifact.secret, ".dockerconfigjson", "reading this repository")
    if stack.network.ca and not artifact.insecure:
        yield KeyUse(stack.network.ca.name, _CA_KEY, f"certificate authorities of {_host(artifact.url)}")


def _url(stack: Stack) -> str:
    """Of what is read, as a browser has it."""
    artifact = stack.repository.oci
    if artifact is None:
        return stack.repository.url
    return artifact.url.replace("oci://", "http://" if artifact.insecure else "https://")


def _git_proxied(stack: Stack) -> bool:
    """Whether a source of ours reaches the repository through the proxy; another's is its author's affair."""
    return not stack.repository.source and proxy.passes(stack.network, _url(stack))


def _git_proxy(stack: Stack) -> str | None:
    """The Secret with the proxy by which the repository is reached; None: none, or it is not in a Secret."""
    return stack.network.proxy.secret if stack.network.proxy and _git_proxied(stack) else None


def _chart_proxy(release: Release) -> str | None:
    """The same of a chart; Flux reads it for an OCIRepository, and not for a HelmRepository."""
    return release.access.proxy if release.repository.startswith("oci://") else None


def flux_object(api_version: str, kind: str, name: str, namespace: str, spec: Object) -> Object:
    """An object of Flux's own kinds."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
