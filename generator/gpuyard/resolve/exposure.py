"""Who may call a model, and by which way: Gateway, Ingress, or inside the cluster only."""

from collections.abc import Iterator

from gpuyard.catalogue.ingress import configures, controller
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Expose, Inference
from gpuyard.project.stack import Ingress, Stack
from gpuyard.resolve.problems import Problems

__all__ = ["check", "check_stack", "notes", "stack_notes", "tls_secret"]


def check_stack(stack: Stack, problems: Problems) -> None:
    """One way for all hosts."""
    if stack.gateway and stack.ingress:
        message = "conflicts with spec.gateway; keep one of the two"
        problems.add(stack.file, ("spec", "ingress"), message, key=True)
    for name in stack.ingress.annotations if stack.ingress else ():
        if configures(name):
            message = (
                f"{name} changes the controller's configuration, or where requests go, for every model; configure "
                "the controller itself, where its own reviewers see it"
            )
            problems.add(stack.file, ("spec", "ingress", "annotations", name), message, key=True)


def check(blueprint: Blueprint[Inference], stack: Stack, problems: Problems) -> None:
    """A host needs a way to it and a certificate."""
    expose, path = blueprint.spec.expose, ("spec", "expose")
    if expose.host is None:
        if expose.tls_secret:
            problems.add(blueprint.file, (*path, "tlsSecret"), "only applies with a host; add host", key=True)
        return
    if stack.gateway is None and stack.ingress is None:
        message = "needs a Gateway or an Ingress; name it in stack.yaml under spec.gateway or spec.ingress"
        problems.add(blueprint.file, (*path, "host"), message, key=True)
    if stack.ingress is None and expose.tls_secret:
        message = "only applies where the stack has an Ingress; a Gateway's listener has its own certificate; remove it"
        problems.add(blueprint.file, (*path, "tlsSecret"), message, key=True)
    if stack.ingress and not stack.ingress.plain_http and tls_secret(expose, stack) is None:
        message = (
            f"{expose.host} needs a certificate; name its Secret as expose.tlsSecret, or one for all hosts as "
            "spec.ingress.tlsSecret in stack.yaml (or allow plain http with spec.ingress.plainHttp: true)"
        )
        problems.add(blueprint.file, (*path, "host"), message, key=True)


def tls_secret(expose: Expose, stack: Stack) -> str | None:
    """The Secret with the certificate of a host; None: there is no host or no Ingress, or it goes without."""
    if expose.host is None or stack.ingress is None:
        return None
    return expose.tls_secret or stack.ingress.tls_secret


def stack_notes(stack: Stack) -> Iterator[str]:
    """Ways that may go without TLS."""
    if stack.gateway and stack.gateway.listener is None:
        yield (
            f"{stack.file}: routes attach to every listener of Gateway {stack.gateway.name}, including any without "
            "TLS; set spec.gateway.listener to the one with TLS"
        )


def notes(blueprint: Blueprint[Inference], stack: Stack) -> Iterator[str]:
    """Too many who may call it."""
    expose = blueprint.spec.expose
    if expose.host and expose.api_key is None:
        yield f"{blueprint.file}: {expose.host} accepts requests from anyone; set expose.apiKey to require a key"
    if expose.host and stack.ingress:
        yield from _limits(blueprint, stack.ingress)
    if expose.host and stack.ingress and tls_secret(expose, stack) is None:
        yield (
            f"{blueprint.file}: {expose.host} is served without TLS, so prompts and keys can be read in transit; "
            "set expose.tlsSecret to a certificate"
        )


def _limits(blueprint: Blueprint[Inference], ingress: Ingress) -> Iterator[str]:
    """How long a request may take is a field of a route; of an Ingress, annotations that not every controller reads."""
    found = controller(ingress.class_name)
    if ingress.annotations or (found and found.keeps):  # whoever writes annotations has looked them up
        return
    instead = found.instead if found else "set what its controller reads in spec.ingress.annotations of stack.yaml"
    yield (
        f"{blueprint.file}: {blueprint.spec.expose.host}: gpuyard knows no annotation by which Ingress class "
        f"{ingress.class_name} lets a request take {blueprint.spec.budget.shutdown_seconds} s (budget.shutdownSeconds) "
        f"and send images of 64 MB; {instead}"
    )
