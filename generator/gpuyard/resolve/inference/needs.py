"""What a model server needs of its cluster, who reaches it, and what of it outlives it."""

from collections.abc import Iterator

from gpuyard.catalogue.shippedchart import chart_defaults
from gpuyard.project.stack import Stack
from gpuyard.resolve.exposure import tls_secret
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.inference.storage import CLAIMED
from gpuyard.resolve.inference.values import CHART
from gpuyard.resolve.workload import Needs, Reach, SecretUse, Volume

__all__ = ["needs", "reach", "volumes"]

_TLS = ("tls.crt", "tls.key")


def needs(server: Server, stack: Stack) -> Needs:
    """What must be there before."""
    cache = server.spec.storage.cache
    return Needs(
        secrets=tuple(_secrets(server, stack)),
        claims=tuple(claim for claim in (server.source.claim, cache.claim) if claim),
        storage=(cache.kind,) if cache.kind else (),
        user=chart_defaults(CHART)["podSecurityContext"]["runAsUser"],
        priority_class=server.spec.priority_class or stack.scheduling.priority_class,
        runtime_class=stack.scheduling.runtime_class,
    )


def _secrets(server: Server, stack: Stack) -> Iterator[SecretUse]:
    """In the order in which they are needed."""
    name, expose = server.blueprint.name, server.spec.expose
    if given := server.source.credentials:
        reading = "reading the bucket (an AWS credentials file)" if server.source.bucket else "download of the weights"
        yield SecretUse(given.secret, given.key, f"{name}: {reading}")
    if key := expose.api_key:
        yield SecretUse(key.secret, key.key, f"{name}: API key of the clients")
    if certificate := tls_secret(expose, stack):
        for each in _TLS:
            yield SecretUse(certificate, each, f"certificate of {expose.host}")


def reach(server: Server, stack: Stack) -> Reach:
    """How clients reach the model."""
    expose = server.spec.expose
    scheme = "http" if stack.ingress and tls_secret(expose, stack) is None else "https"
    key, port = expose.api_key, chart_defaults(CHART)["service"]["port"]
    return Reach(
        name=server.spec.model.served_name,
        inside=f"http://{server.blueprint.name}.{stack.namespace}.svc:{port}/v1",
        port=port,
        outside=f"{scheme}://{expose.host}/v1" if expose.host else None,
        namespaces=server.spec.client_namespaces,
        key=SecretUse(key.secret, key.key, "API key") if key else None,
    )


def volumes(server: Server, stack: Stack) -> tuple[Volume, ...]:
    """The cache, where it is a claim of the server's own."""
    kind = server.spec.storage.cache.kind
    if kind not in CLAIMED:
        return ()
    return (Volume(f"{server.blueprint.name}-cache", kind, stack.storage[kind], server.cache_gib),)
