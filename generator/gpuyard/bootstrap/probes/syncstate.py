"""How far the engine is: every Kustomization or Application of the stack, by its own condition."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.bootstrap.probes.probed import Verdict
from gpuyard.doors.kubernetes import Kubernetes, UnansweredError
from gpuyard.errors import one_line
from gpuyard.project.stack import Engine, Stack

__all__ = ["in_sync"]

_PATHS = {
    Engine.FLUX: "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{namespace}/kustomizations",
    Engine.ARGOCD: "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications",
}


def in_sync(api: Kubernetes, stack: Stack) -> tuple[Verdict, str]:
    """Whether all of the stack's are ready; the first that is not says why."""
    engine = stack.engine
    try:
        items = api.get(_PATHS[engine].format(namespace=engine.namespace))["items"]
    except UnansweredError as error:
        if error.status != 404:
            raise
        return Verdict.BAD, f"{engine.product} is not installed"
    ours = [each for each in items if _is_ours(each["metadata"]["name"], stack)]
    if not ours:
        return Verdict.BAD, f"{engine.product} knows nothing of the stack: apply clusters/<cluster>/ once"
    waiting = list(_not_ready(engine, ours))
    if waiting:
        return Verdict.BAD, f"{len(ours) - len(waiting)} of {len(ours)} ready; {waiting[0]}"
    return Verdict.GOOD, f"{len(ours)} of {len(ours)} ready"


def _is_ours(name: str, stack: Stack) -> bool:
    return name == stack.name or name.startswith(f"{stack.named()}-" if stack.named() else "")


def _not_ready(engine: Engine, items: list[dict[str, Any]]) -> Iterator[str]:
    for item in items:
        status = item.get("status") or {}
        why = _flux(item, status) if engine is Engine.FLUX else _argocd(status)
        if why:
            yield one_line(f"{item['metadata']['name']}: {why}")


def _flux(item: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    """Empty: it is ready, as it is defined now."""
    if (item.get("spec") or {}).get("suspend"):
        return "it is suspended"
    ready: Mapping[str, Any] = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), {})
    if ready.get("status") == "True" and status.get("observedGeneration") == item["metadata"].get("generation"):
        return ""
    return str(ready.get("message") or "it was not looked at yet")


def _argocd(status: Mapping[str, Any]) -> str:
    sync, health = (str((status.get(key) or {}).get("status") or "Unknown") for key in ("sync", "health"))
    if (sync, health) == ("Synced", "Healthy"):
        return ""
    said = next((each.get("message") for each in status.get("conditions") or ()), None)
    return f"{sync}, {health}{f': {said}' if said else ''}"
