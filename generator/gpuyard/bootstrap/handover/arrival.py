"""Whether an engine follows the stack: it has read the repository and applied the cluster's entry."""

from collections.abc import Callable, Mapping
from typing import Any

from gpuyard.doors.kubernetes import Kubernetes, UnansweredError
from gpuyard.errors import one_line
from gpuyard.project.stack import Engine, Stack

__all__ = ["arrived", "awaited"]

_TICK = 2.0
_SOURCES = "/apis/source.toolkit.fluxcd.io/v1/namespaces/{namespace}/{kind}/{name}"
_KUSTOMIZATION = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{namespace}/kustomizations/{name}"
_APPLICATION = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications/{name}"


def arrived(api: Kubernetes, stack: Stack) -> str:
    """Empty: it does; else what it says is missing."""
    try:
        return _flux(api, stack) if stack.engine is Engine.FLUX else _argocd(api, stack)
    except UnansweredError as error:
        return str(error)


def awaited(
    api: Kubernetes, stack: Stack, seconds: float, tell: Callable[[str], object], pause: Callable[[float], object]
) -> str:
    """The same after a while at most; what it says is told whenever it changes."""
    last, waited = "", 0.0
    while why := arrived(api, stack):
        if waited >= seconds:
            return why
        if why != last:
            tell(why)
        last = why
        pause(_TICK)
        waited += _TICK
    return ""


def _flux(api: Kubernetes, stack: Stack) -> str:
    place = {"namespace": stack.engine.namespace, "name": stack.name}
    kind = "ocirepositories" if stack.repository.oci else "gitrepositories"
    for path in (_SOURCES.format(kind=kind, **place), _KUSTOMIZATION.format(**place)):
        if why := _unready(api.get(path)):
            return why
    return ""


def _unready(found: Mapping[str, Any]) -> str:
    status = found.get("status") or {}
    ready: Mapping[str, Any] = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), {})
    if ready.get("status") == "True" and status.get("observedGeneration") == found["metadata"].get("generation"):
        return ""
    return one_line(f"{found['kind']} {found['metadata']['name']}: {ready.get('message') or 'Flux starts with it'}")


def _argocd(api: Kubernetes, stack: Stack) -> str:
    path = _APPLICATION.format(namespace=stack.engine.namespace, name=stack.name)
    status = api.get(path).get("status") or {}
    if (sync := (status.get("sync") or {}).get("status")) == "Synced":
        return ""
    said = [each.get("message") for each in status.get("conditions") or ()]
    said.append((status.get("operationState") or {}).get("message"))
    message = next((each for each in said if each), "Argo CD starts with it")
    return one_line(f"Application {stack.name}: {sync or 'Unknown'}: {message}")
