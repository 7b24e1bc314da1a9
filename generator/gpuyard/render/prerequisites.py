"""What a cluster must have before its first sync: nothing here makes it, and everything waits for it."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from gpuyard.catalogue.platform import catalogue
from gpuyard.project.stack import Platform, Stack
from gpuyard.render.engines import ENGINES
from gpuyard.render.required import Required, Use, blueprint_uses, objects, stack_uses
from gpuyard.resolve import Resolved, Workload, nodes, prometheus
from gpuyard.resolve.workload import Own
from gpuyard.tree import about

__all__ = ["commands", "needs", "needs_of", "required", "required_of", "stack_commands"]

_T = TypeVar("_T", bound=Hashable)
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


def required(resolved: Resolved, clusters: Sequence[str]) -> list[Required]:
    """Secrets and ConfigMaps that clusters need whatever runs there."""
    return _required(resolved, clusters, lambda name: stack_uses(resolved, name))


def required_of(resolved: Resolved, here: Mapping[str, Workload]) -> list[Required]:
    """Those that they need in addition for a blueprint, by the clusters that run it."""
    return _required(resolved, list(here), lambda name: blueprint_uses(resolved, name, here[name]))


def stack_commands(resolved: Resolved, cluster: str) -> Iterator[str]:
    """What to type for a new cluster, in order; values come from files, so that no shell remembers them."""
    kubectl, stack = f"kubectl --context {cluster}", resolved.stack_at(cluster)
    engine, needed = ENGINES[stack.engine], objects(stack_uses(resolved, cluster))
    its = f"kubectl --context {engine.context(stack, cluster)}"
    for namespace in dict.fromkeys([stack.namespace, *(each.namespace for each in needed)]):
        if namespace != stack.engine.namespace:
            yield f"{kubectl} create namespace {namespace}"
    yield from (f"{its if each.namespace == stack.engine.namespace else kubectl} {each.command}" for each in needed)
    yield f"grep -h '^{kubectl} .* create' {about('*', 'md')} | sort -u"
    yield from (f"{its} {line}" for line in engine.commands(stack, cluster))


def commands(resolved: Resolved, cluster: str, workload: Workload) -> Iterator[str]:
    """The same for a blueprint."""
    for each in objects(blueprint_uses(resolved, cluster, workload)):
        yield f"kubectl --context {cluster} {each.command}"


def needs(resolved: Resolved, clusters: Sequence[str]) -> Iterator[str]:
    """One sentence each, in Markdown, of what clusters must offer; one that isn't of all says whose it is."""
    for sentence, where in _shared(resolved, clusters, lambda name: _needs(resolved.own.get(name, resolved))):
        yield where + sentence


def needs_of(resolved: Resolved, here: Mapping[str, Workload]) -> Iterator[str]:
    """The same for a blueprint, by the clusters that run it."""
    of_one = _shared(resolved, list(here), lambda name: _needs_of(resolved.stack_at(name), here[name]))
    yield from (where + sentence for sentence, where in of_one)


def _required(resolved: Resolved, clusters: Sequence[str], of: Callable[[str], Iterable[Use]]) -> list[Required]:
    uses = _shared(resolved, clusters, of)
    return objects((namespace, replace(use, purpose=where + use.purpose)) for (namespace, use), where in uses)


def _shared(resolved: Resolved, clusters: Sequence[str], of: Callable[[str], Iterable[_T]]) -> Iterator[tuple[_T, str]]:
    """What there is in any cluster, once, and whose it is, where it isn't of all."""
    found: dict[_T, list[str]] = {}
    for name in clusters:
        for each in dict.fromkeys(of(name)):
            found.setdefault(each, []).append(name)
    same = not resolved.own  # then, too, what only some need is meant for those that run it
    for each, having in found.items():
        yield each, "" if same or having == list(clusters) else f"in {', '.join(having)}: "


def _needs(site: Resolved | Own) -> Iterator[str]:
    """Of every cluster, whatever runs there."""
    stack = site.stack
    yield from ENGINES[stack.engine].needs(stack, site.releases)
    yield (
        "a CNI that enforces NetworkPolicy (on OKE: Calico, with flannel and with VCN-native pods, for which `gpuyard "
        "bootstrap apply --calico-manifests FILE` installs it; where NFS mounts are encrypted in transit, with "
        "`IP_AUTODETECTION_METHOD=skip-interface=v-eth.*`); without one, every pod can call every model"
    )
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
    if disk := prometheus.written(stack.platform).storage:
        yield f"StorageClass `{disk.storage_class or stack.storage['block']}`: {_CLASSES['block']}"
    ca = stack.network.ca
    if ca and prometheus.asked_by_https(stack.platform) and not any(each.trusts for each in site.releases):
        yield (
            f"KEDA that trusts the authorities in {ca.kind} `{ca.name}`, because it asks Prometheus by https "
            "(`--ca-dir` of its operator)"
        )


def _needs_of(stack: Stack, workload: Workload) -> Iterator[str]:
    """Of a cluster that runs a blueprint."""
    yield from nodes.needs([workload])
    yield from _storage(stack, workload)
    for kind, name in (
        ("PriorityClass", workload.needs.priority_class),
        ("RuntimeClass", workload.needs.runtime_class),
    ):
        if name:
            yield f"{kind} `{name}`"
    if account := workload.needs.account:
        yield f"the ServiceAccount `{account}` in `{stack.namespace}`"


def _components(platform: Platform) -> Iterator[str]:
    """What must be there already of the platform, because it is switched off."""
    labels = ", ".join(f"`{key}: {value}`" for key, value in prometheus.written(platform).labels.items())
    for release in catalogue():
        if release.switch and release.switch.without and not platform.components[release.component].enabled:
            selected = f" that carry {labels}" if labels else " regardless of their labels"
            yield release.switch.without + (selected if release.service else "")


def _storage(stack: Stack, workload: Workload) -> Iterator[str]:
    needed = workload.needs
    for kind, text in _CLASSES.items():
        if kind in needed.storage:
            yield f"StorageClass `{stack.storage[kind]}`: {text.format(guide=_GUIDE, uid=needed.user)}"
    for claim in dict.fromkeys(needed.claims):
        yield (
            f"the volume claim `{claim}` in `{stack.namespace}`, readable and, as a cache, writable for user "
            f"{needed.user}"
        )
