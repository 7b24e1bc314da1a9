"""Checks of the stack that a schema can't make."""

from collections.abc import Mapping

from gpuyard.catalogue.platform import catalogue
from gpuyard.catalogue.shapes import Shape
from gpuyard.catalogue.shippedchart import oldest_kubernetes
from gpuyard.errors import Hint
from gpuyard.project.enginekeys import Signed
from gpuyard.project.stack import Cluster, Engine, Stack
from gpuyard.resolve import exposure, network, prometheus
from gpuyard.resolve.problems import Problems

__all__ = ["check", "check_settings"]


def check(stack: Stack, shapes: Mapping[str, Shape], problems: Problems) -> None:
    """Everything that a stack may get wrong by itself."""
    check_settings(stack, problems)
    for index, cluster in enumerate(stack.clusters):
        _check_cluster(stack.file, index, cluster, shapes, problems)


def check_settings(stack: Stack, problems: Problems) -> None:
    """That of it which a cluster may set differently, and what goes with it."""
    _check_repository(stack, problems)
    if owner := _owner(stack.namespace):
        message = (
            f"{stack.namespace} belongs to {owner}, whose pods would get the models' quota and security level; "
            "use another, such as inference"
        )
        problems.add(stack.file, ("spec", "namespace"), message)
    prometheus.check(stack, problems)
    exposure.check_stack(stack, problems)
    network.check(stack, problems)


def _check_repository(stack: Stack, problems: Problems) -> None:
    repository, path = stack.repository, ("spec", "repository")
    if repository.url.startswith("http://") and not repository.insecure:
        message = (
            "plain http can be read and changed in transit; use https:// or ssh://, "
            "or set spec.repository.insecure: true for a server inside the cluster's network"
        )
        problems.add(stack.file, (*path, "url"), message)
    if repository.source and repository.secret:
        message = f"only applies without source: {repository.source} has its own; remove it"
        problems.add(stack.file, (*path, "secret"), message, key=True)
    elif repository.url.startswith("ssh://") and not (repository.secret or repository.source):
        problems.add(stack.file, (*path, "url"), "ssh needs a key; name its Secret in spec.repository.secret")
    if repository.oci and (signed := repository.oci.verify):
        _check_signed(stack, signed, problems)


def _check_signed(stack: Stack, signed: Signed, problems: Problems) -> None:
    path = ("spec", "repository", "oci", "verify")
    if signed.key and (signed.issuer or signed.identity):
        problems.add(
            stack.file, path, "has a key and an identity; a release is signed by one of them, remove the other"
        )
    elif signed.issuer is None or signed.identity is None:
        missing = "identity" if signed.issuer else "issuer" if signed.identity else "key, or issuer and identity"
        if not signed.key:
            problems.add(stack.file, path, f"is incomplete; add {missing}")
    elif stack.flux.verify_secret:
        message = "Flux checks keys or an identity, not both; remove this or spec.repository.oci.verify"
        problems.add(stack.file, ("spec", "flux", "verifySecret"), message, key=True)


def _owner(namespace: str) -> str | None:
    """Whose a namespace is that models must leave alone, installed by us or not; None: nobody's that we know."""
    if namespace == "default" or namespace.startswith("kube-"):
        return "Kubernetes"
    engines = {engine.namespace: engine.product for engine in Engine}
    platform = {release.namespace: f"the platform's {release.component}" for release in catalogue()}
    return {**engines, **platform}.get(namespace)


def _check_cluster(file: str, index: int, cluster: Cluster, shapes: Mapping[str, Shape], problems: Problems) -> None:
    path = ("spec", "clusters", index)
    # Of both the schema and our charts the form is 1.NN.
    if cluster.kubernetes < (oldest := oldest_kubernetes()):
        problems.add(file, (*path, "kubernetes"), f"{cluster.kubernetes} is too old; {oldest} or newer")
    for name, nodes in cluster.shapes.items():
        if name not in shapes:
            message, hint = f"{name} is not a shape", Hint(name, shapes)
            problems.add(file, (*path, "shapes", name), message, key=True, hint=hint)
            continue
        for node in nodes:
            if node not in shapes[name].nodes:
                message, hint = f"{node} is not an OCI shape of {name}", Hint(node, shapes[name].nodes)
                problems.add(file, (*path, "shapes", name), message, hint=hint)
