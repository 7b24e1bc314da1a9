"""What a model server needs of its cluster, who reaches it, and what of it outlives it."""

from collections.abc import Iterator
from typing import Any

from gpuyard.catalogue.shippedchart import chart_defaults
from gpuyard.project.stack import Stack
from gpuyard.resolve.exposure import tls_secret
from gpuyard.resolve.inference import references
from gpuyard.resolve.inference.server import Server
from gpuyard.resolve.inference.storage import CLAIMED
from gpuyard.resolve.inference.values import CHART
from gpuyard.resolve.overrides import Values, at
from gpuyard.resolve.workload import KeyUse, Needs, Reach, Volume

__all__ = ["needs", "reach", "volumes"]

_TLS = ("tls.crt", "tls.key")


def needs(server: Server, stack: Stack, values: Values) -> Needs:
    """What must be there before; `values` are what the chart gets."""
    cache = server.spec.storage.cache
    claims = (server.source.claim, cache.claim, *references.claims(values))
    return Needs(
        keys=(*_secrets(server, stack), *references.uses(values, server.blueprint.name)),
        claims=tuple(claim for claim in claims if claim),
        storage=(cache.kind,) if cache.kind else (),
        user=_value(values, "podSecurityContext", "runAsUser"),
        priority_class=server.spec.priority_class or stack.scheduling.priority_class,
        runtime_class=stack.scheduling.runtime_class,
        account=references.account(values),
    )


def _secrets(server: Server, stack: Stack) -> Iterator[KeyUse]:
    """In the order in which they are needed."""
    name, expose = server.blueprint.name, server.spec.expose
    if given := server.source.credentials:
        reading = "reading the bucket (an AWS credentials file)" if server.source.bucket else "download of the weights"
        yield KeyUse(given.secret, given.key, f"{name}: {reading}")
    if key := expose.api_key:
        yield KeyUse(key.secret, key.key, f"{name}: API key of the clients")
    if ca := stack.network.ca:
        yield KeyUse(ca.name, ca.key, "certificate authorities that models and downloads trust", ca.kind)
    for path, file in server.spec.serving.files.items():
        if held := file.secret or file.config_map:
            yield KeyUse(held, file.key or "", f"{name}: file {path}", "Secret" if file.secret else "ConfigMap")
    if certificate := tls_secret(expose, stack):
        for each in _TLS:
            yield KeyUse(certificate, each, f"certificate of {expose.host}")


def reach(server: Server, stack: Stack, values: Values) -> Reach:
    """How clients reach the model."""
    expose = server.spec.expose
    scheme = "http" if stack.ingress and tls_secret(expose, stack) is None else "https"
    key, port = expose.api_key, _value(values, "service", "port")
    return Reach(
        name=server.spec.model.served_name,
        inside=f"http://{server.blueprint.name}.{stack.namespace}.svc:{port}/v1",
        port=port,
        outside=f"{scheme}://{expose.host}/v1" if expose.host else None,
        namespaces=server.spec.client_namespaces,
        key=KeyUse(key.secret, key.key, "API key") if key else None,
        by_values=_opened(at(values, ("networkPolicy",)) or {}),
    )


def _opened(policy: Values) -> bool:
    """Whether an author lets somebody in beside the namespaces of clients."""
    return policy.get("enabled") is False or bool(policy.get("clientCidrs") or policy.get("extraIngress"))


def _value(values: Values, *path: str) -> Any:
    """As the chart has it, where nobody sets it."""
    found = at(values, path)
    return at(chart_defaults(CHART), path) if found is None else found


def volumes(server: Server, stack: Stack) -> tuple[Volume, ...]:
    """The cache, where it is a claim of the server's own."""
    kind = server.spec.storage.cache.kind
    if kind not in CLAIMED:
        return ()
    return (Volume(f"{server.blueprint.name}-cache", kind, stack.storage[kind], server.cache_gib),)
