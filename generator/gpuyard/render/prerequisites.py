"""What a cluster must have before its first sync: nothing here makes it, and everything waits for it."""

from collections.abc import Iterable, Iterator, Sequence

from gpuyard.catalogue.platform import catalogue
from gpuyard.project.stack import Platform, Stack
from gpuyard.render.engines import ENGINES
from gpuyard.render.required import required
from gpuyard.resolve import Resolved, Workload, prometheus

__all__ = ["commands", "needs"]

_CLASSES = {
    "fss": (
        "ReadWriteMany on File Storage. OKE does not provide one: create it with the availability domain and the mount "
        "target, as [Oracle describes]({guide}). **Models run as user and group {uid}, and OKE ignores `fsGroup` on "
        "File Storage**, so that a new file system belongs to root and downloads end with “Permission denied”. Either "
        "recreate the CSIDriver `fss.csi.oraclecloud.com` with `fsGroupPolicy: File`, or squash all users in the "
        "class's `exportOptions`; both are described on that page under “Permission Denied”"
    ),
    "block": "ReadWriteOnce on block volumes; OKE has `oci-bv`",
    "nvme": "the local drives of bare-metal nodes, bound when the pod is placed (`WaitForFirstConsumer`)",
}
_GUIDE = (
    "https://docs.oracle.com/en-us/iaas/Content/ContEng/Tasks/"
    "contengcreatingpersistentvolumeclaim_Provisioning_PVCs_on_FSS.htm"
)


def commands(resolved: Resolved, cluster: str) -> Iterator[str]:
    """What to type for a new cluster, in order; values come from files, so that no shell remembers them."""
    kubectl = f"kubectl --context {cluster}"
    needed = required(resolved, cluster)
    there = resolved.stack.engine.namespace
    for namespace in dict.fromkeys([resolved.stack.namespace, *(each.namespace for each in needed)]):
        if namespace != there:
            yield f"{kubectl} create namespace {namespace}"
    yield from (f"{kubectl} {each.command}" for each in needed)
    for line in ENGINES[resolved.stack.engine].commands(resolved.stack, cluster):
        yield f"{kubectl} {line}"


def needs(resolved: Resolved) -> Iterator[str]:
    """One sentence each, in Markdown, of what the clusters must offer."""
    stack = resolved.stack
    workloads = [placement.workload for placement in resolved.placements]
    yield from ENGINES[stack.engine].needs(stack, resolved.releases)
    yield "a CNI that enforces NetworkPolicy (on OKE: Calico); without one, every pod can call every model"
    yield from _storage(stack, workloads)
    for kind, names in (
        ("PriorityClass", [workload.needs.priority_class for workload in workloads]),
        ("RuntimeClass", [workload.needs.runtime_class for workload in workloads]),
    ):
        yield from (f"{kind} `{name}`" for name in _once(names))
    if stack.gateway:
        gateway = stack.gateway
        listener = f", whose listener `{gateway.listener}`" if gateway.listener else ", which"
        yield (
            f"the Gateway API and the Gateway `{gateway.namespace}/{gateway.name}`{listener} "
            f"takes routes from the namespace `{stack.namespace}`"
        )
    if stack.ingress:
        yield f"IngressClass `{stack.ingress.class_name}`, whose controller's pods are in `{stack.ingress.namespace}`"
    yield from _components(stack.platform)
    ca = stack.network.ca
    if ca and prometheus.asked_by_https(stack.platform) and not any(each.trusts for each in resolved.releases):
        yield (
            f"KEDA that trusts the authorities in {ca.kind} `{ca.name}`, because it asks Prometheus by https "
            "(`--ca-dir` of its operator)"
        )


def _components(platform: Platform) -> Iterator[str]:
    """What must be there already of the platform, because it is switched off."""
    labels = ", ".join(f"`{key}: {value}`" for key, value in prometheus.written(platform).labels.items())
    for release in catalogue():
        if release.switch and release.switch.without and not platform.components[release.component].enabled:
            selected = f" that carry {labels}" if labels else " regardless of their labels"
            yield release.switch.without + (selected if release.service else "")


def _storage(stack: Stack, workloads: Sequence[Workload]) -> Iterator[str]:
    users = {kind: workload.needs.user for workload in workloads for kind in workload.needs.storage}
    for kind, text in _CLASSES.items():
        if kind in users:
            yield f"StorageClass `{stack.storage[kind]}`: {text.format(guide=_GUIDE, uid=users[kind])}"
    claims = {claim: workload.needs.user for workload in workloads for claim in workload.needs.claims}
    for claim, user in claims.items():
        yield f"the volume claim `{claim}` in `{stack.namespace}`, readable and, as a cache, writable for user {user}"


def _once(names: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
