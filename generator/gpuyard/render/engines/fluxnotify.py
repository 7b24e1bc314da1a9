"""Who is told what Flux does with a stack, and who tells Flux that there is something new."""

from collections.abc import Iterable, Iterator
from typing import Any

from gpuyard.catalogue.platform import Release
from gpuyard.project.stack import Engine, Stack
from gpuyard.render import fluxsources
from gpuyard.resolve.workload import KeyUse

__all__ = ["named", "needs", "objects", "secrets"]

Object = dict[str, Any]

_NAMESPACE = Engine.FLUX.namespace
_TOLD = "notification.toolkit.fluxcd.io/v1beta3"
_RECEIVER = "notification.toolkit.fluxcd.io/v1"
_LABEL = "app.kubernetes.io/part-of"


def objects(stack: Stack, releases: Iterable[Release]) -> list[Object]:
    """Called like the stack, as several share a cluster."""
    name, found = stack.name, []
    if told := stack.flux.notifications:
        provider = {
            "type": told.type,
            "secretRef": {"name": told.secret},
            **({"channel": told.channel} if told.channel else {}),
        }
        alert = {
            "providerRef": {"name": name},
            "eventSeverity": told.severity,
            "eventSources": list(_sources(stack, releases)),
            "summary": f"gpuyard: the stack {name}",
        }
        found += [
            fluxsources.flux_object(_TOLD, "Provider", name, _NAMESPACE, provider),
            fluxsources.flux_object(_TOLD, "Alert", name, _NAMESPACE, alert),
        ]
    if receiver := stack.flux.receiver:
        spec = {
            "type": receiver.type,
            "secretRef": {"name": receiver.secret},
            "resources": [{"kind": fluxsources.kind(stack), "name": name}],
        }
        found.append(fluxsources.flux_object(_RECEIVER, "Receiver", name, _NAMESPACE, spec))
    return found


def named(stack: Stack, obj: Object) -> Object:
    """With the label by which an Alert finds it, where there is one."""
    if not stack.flux.notifications:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "labels": {_LABEL: stack.name}}}


def secrets(stack: Stack) -> Iterator[tuple[str, KeyUse]]:
    """Of the webhooks, both ways."""
    if told := stack.flux.notifications:
        yield _NAMESPACE, KeyUse(told.secret, "address", f"telling {told.type} what Flux does")
    if receiver := stack.flux.receiver:
        yield _NAMESPACE, KeyUse(receiver.secret, "token", f"being called by {receiver.type}")


def needs(stack: Stack) -> Iterator[str]:
    """The controller of both, and a way to the one that is called."""
    if stack.flux.notifications or stack.flux.receiver:
        yield "Flux's notification-controller"
    if stack.flux.receiver:
        path = f"kubectl --namespace {_NAMESPACE} get receiver {stack.name} -o jsonpath='{{.status.webhookPath}}'"
        yield (
            f"a way from outside to the Service `webhook-receiver` in `{_NAMESPACE}`, such as an Ingress with TLS, for "
            f"{stack.flux.receiver.type} to call; the path of the webhook: `{path}`"
        )


def _sources(stack: Stack, releases: Iterable[Release]) -> Iterator[Object]:
    """All that the stack has of Flux: by its label where there are many, which others have, too."""
    if not stack.repository.source:
        yield {"kind": fluxsources.kind(stack), "name": stack.name}
    yield {"kind": "Kustomization", "name": "*", "matchLabels": {_LABEL: stack.name}}
    for release in releases:
        yield {"kind": "HelmRelease", "name": release.chart, "namespace": release.namespace}
