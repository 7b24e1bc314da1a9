"""Sources as Argo CD has them: the Git repository and the charts, and the Secrets by which it reaches each."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpuyard.catalogue.platform import Release, catalogue
from gpuyard.doors import yamlio
from gpuyard.doors.chartvalues import has_null
from gpuyard.project.stack import Engine, Stack
from gpuyard.resolve import proxy
from gpuyard.resolve.workload import KeyUse

__all__ = ["chart", "folder", "kinds", "labels", "needs", "plain_http", "repositories", "secrets", "trusted"]

Object = dict[str, Any]

_NAMESPACE = Engine.ARGOCD.namespace
_OCI = "oci://"
_TYPE = "argocd.argoproj.io/secret-type"
_CERTIFICATES = "argocd-tls-certs-cm"


def folder(stack: Stack, path: object) -> Object:
    """A folder of the stack's repository, as a source."""
    return {
        "repoURL": stack.repository.url,
        "targetRevision": stack.repository.branch,
        "path": str(stack.folder / str(path)),
    }


def chart(release: Release) -> Object:
    """A chart at its version, as a source; a registry is one by having no scheme."""
    return {
        "repoURL": release.repository.removeprefix(_OCI),
        "chart": release.chart,
        "targetRevision": release.version,
        "helm": {"releaseName": release.chart, **_values(release.values)},
    }


def _values(values: Mapping[str, Any]) -> Object:
    """As an object where nothing is null: Argo CD drops what is, in a text it doesn't.

    https://github.com/argoproj/argo-cd/issues/16312
    """
    return {"values": yamlio.dump(values)} if has_null(values) else {"valuesObject": dict(values)}


def repositories(stack: Stack, releases: Iterable[Release]) -> list[str]:
    """What a project has to permit: the stack's own and those of its charts."""
    return list(dict.fromkeys([stack.repository.url, *(chart(each)["repoURL"] for each in releases)]))


def secrets(stack: Stack, releases: Iterable[Release]) -> Iterator[tuple[str, KeyUse]]:
    """Keys as the repo-server reads them; Argo CD knows a repository by a label of its Secret."""
    repository = stack.repository
    if name := repository.secret:
        purpose = "reading this repository"
        named = {"type": "git", "url": repository.url}
        keys = ("sshPrivateKey",) if repository.url.startswith("ssh") else ("username", "password")
        yield from _keys(name, named, keys, purpose)
    for release in releases:
        if login := release.access.login:
            yield from _keys(
                login, _registry(release), ("username", "password"), f"pulling charts from {_host(release)}"
            )


def labels(stack: Stack) -> Iterator[str]:
    """The arguments of kubectl that tell Argo CD what these Secrets are for."""
    for name, kind in kinds(stack).items():
        yield f"--namespace {_NAMESPACE} label --overwrite secret {name} {_TYPE}={kind}"


def kinds(stack: Stack) -> Mapping[str, str]:
    """What that label has to say, by the name of the Secret."""
    login = stack.platform.registry_secret if stack.platform.registry else None
    named = ((stack.repository.secret, "repository"), (login, "repo-creds"))
    return {name: kind for name, kind in named if name}


def plain_http(stack: Stack, releases: Iterable[Release]) -> list[Object]:
    """What says that a registry without a login speaks plain http: a Secret by its form alone."""
    found = next((each for each in releases if each.insecure and not each.access.login), None)
    if found is None:
        return []
    metadata = {"name": f"{stack.name}-charts", "namespace": _NAMESPACE, "labels": {_TYPE: "repo-creds"}}
    return [{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": _registry(found)}]


def trusted(stack: Stack, context: str) -> Iterator[str]:
    """The arguments of kubectl that make it trust the site's authorities: a line for each host of an https address."""
    if not (ca := stack.network.ca):
        return
    urls = [stack.repository.url, *_chart_urls(stack)]
    hosts = dict.fromkeys(_server(url) for url in urls if url.startswith("https://"))
    for host in hosts:
        made = f"create configmap {_CERTIFICATES} --from-file={host}=FILE --dry-run=client -o yaml"
        # A manager for each host: what one applies takes back what it had applied before.
        applied = f"apply --server-side --field-manager gpuyard-{ca.name}-{host} -f -"
        yield f"--namespace {_NAMESPACE} {made} | kubectl --context {context} --namespace {_NAMESPACE} {applied}"


def needs(stack: Stack, releases: Iterable[Release]) -> Iterator[str]:
    """The proxy, which Argo CD reads of its environment, and what it needs to know of an SSH server."""
    hosts = [_host(each) for each in releases if each.access.proxied]
    if proxy.passes(stack.network, stack.repository.url):
        hosts.insert(0, stack.repository.url.partition("://")[2].partition("/")[0])
    if hosts:
        given = " and ".join(f"`{name}={url}`" for name, url in proxy.urls(stack.network).items())
        reached = ", ".join(dict.fromkeys(hosts))
        yield (
            f"Argo CD's argocd-repo-server with {given} (and `NO_PROXY=argocd-redis,.svc,.cluster.local`) in its "
            f"environment, by which it reaches {reached}"
        )
    if stack.repository.url.startswith("ssh"):
        host = stack.repository.url.partition("://")[2].partition("/")[0].rpartition("@")[2]
        yield f"the host key of `{host}` in the ConfigMap `argocd-ssh-known-hosts-cm`, where Argo CD does not know it"


def _keys(name: str, named: Mapping[str, str], keys: Iterable[str], purpose: str) -> Iterator[tuple[str, KeyUse]]:
    yield from ((_NAMESPACE, KeyUse(name, key, purpose, literal=value)) for key, value in named.items())
    yield from ((_NAMESPACE, KeyUse(name, key, purpose)) for key in keys)


def _registry(release: Release) -> Mapping[str, str]:
    """A registry of charts, without what is secret; it holds for all that begins with its address."""
    plain = {"insecureOCIForceHttp": "true"} if release.insecure else {}
    return {"type": "helm", "url": release.repository.removeprefix(_OCI), "enableOCI": "true", **plain}


def _host(release: Release) -> str:
    return release.repository.partition("://")[2].partition("/")[0]


def _chart_urls(stack: Stack) -> Iterator[str]:
    """Where charts come from; a registry speaks https where it isn't said that it doesn't."""
    for release in catalogue():
        if stack.platform.components[release.component].enabled:
            plain = stack.platform.registry and stack.platform.insecure
            url = stack.platform.registry or release.repository
            yield url.replace(_OCI, "http://" if plain else "https://")


def _server(url: str) -> str:
    """Argo CD keeps authorities by the name of the server."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
