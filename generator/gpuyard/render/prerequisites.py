"""What a cluster must have before its first sync: nothing here makes it, and everything waits for it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gpuyard.catalogue.platform import catalogue
from gpuyard.project.stack import Platform, Stack
from gpuyard.render.engines import ENGINES
from gpuyard.resolve import Placement, Resolved, Workload, nodes, prometheus

__all__ = ["Key", "commands", "keys", "needs"]

_PULL = ".dockerconfigjson"
_TLS = ("tls.crt", "tls.key")
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


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a Secret or ConfigMap that something refers to, and what for; an empty key stands for all."""

    namespace: str
    name: str
    key: str
    purpose: str
    kind: str


def keys(resolved: Resolved, kind: str, cluster: str | None = None) -> list[Key]:
    """Every one of a kind that a cluster needs, or all of them; one that serves several purposes comes once."""
    purposes: dict[tuple[str, str, str], list[str]] = {}
    for each in _named(resolved, cluster):
        if each.kind == kind:
            known = purposes.setdefault((each.namespace, each.name, each.key), [])
            if each.purpose not in known:
                known.append(each.purpose)
    return [Key(*key, "; ".join(known), kind) for key, known in purposes.items()]


def commands(resolved: Resolved, cluster: str) -> Iterator[str]:
    """What to type for a new cluster, in order; values come from files, so that no shell remembers them."""
    kubectl = f"kubectl --context {cluster}"
    yield f"{kubectl} create namespace {resolved.stack.namespace}"
    for kind, create in (("Secret", _secret), ("ConfigMap", _config_map)):
        found: dict[tuple[str, str], list[str]] = {}
        for each in keys(resolved, kind, cluster):
            found.setdefault((each.namespace, each.name), []).append(each.key)
        for (namespace, name), names in found.items():
            yield f"{kubectl} --namespace {namespace} create {create(name, names)}"
    for line in ENGINES[resolved.stack.engine].commands(resolved.stack, cluster):
        yield f"{kubectl} {line}"


def needs(resolved: Resolved) -> Iterator[str]:
    """One sentence each, in Markdown, of what the clusters must offer; where they differ, it names those that must."""
    if not resolved.own:
        yield from _needs(resolved, resolved.placements)
        return
    found: dict[str, list[str]] = {}
    names = [cluster.name for cluster in resolved.stack.clusters]
    for name in names:
        for need in _needs(resolved.at(name), [each for each in resolved.placements if each.cluster == name]):
            found.setdefault(need, []).append(name)
    yield from (need if having == names else f"in {', '.join(having)}: {need}" for need, having in found.items())


def _needs(resolved: Resolved, placements: Sequence[Placement]) -> Iterator[str]:
    stack = resolved.stack
    workloads = [placement.workload for placement in placements]
    yield from ENGINES[stack.engine].needs()
    yield (
        "a CNI that enforces NetworkPolicy (on OKE: Calico, with flannel and with VCN-native pods; where NFS "
        "mounts are encrypted in transit, with `IP_AUTODETECTION_METHOD=skip-interface=v-eth.*`); without one, every "
        "pod can call every model"
    )
    yield from nodes.needs(workloads)
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


def _named(resolved: Resolved, cluster: str | None) -> Iterator[Key]:
    """In the order in which they are needed."""
    for place in (each.name for each in resolved.stack.clusters if cluster in (None, each.name)):
        stack = resolved.at(place).stack
        if stack.repository.secret:
            for key in ENGINES[stack.engine].git_secret(stack.repository):
                yield Key(stack.engine.namespace, stack.repository.secret, key, "reading this repository", "Secret")
        for name in stack.images.pull_secrets:
            yield Key(stack.namespace, name, _PULL, "pulling images", "Secret")
        for placement in resolved.placements:
            if placement.cluster == place:
                for use in placement.workload.needs.keys:
                    yield Key(stack.namespace, use.name, use.key, use.purpose, use.kind)


def _secret(name: str, keys: Sequence[str]) -> str:
    """The rest of `kubectl create secret`; a name in capitals is what to put in."""
    if tuple(keys) == _TLS:
        return f"secret tls {name} --cert=FILE --key=FILE"
    kind = " --type=kubernetes.io/dockerconfigjson" if keys == [_PULL] else ""
    return f"secret generic {name}{kind} {_files(keys)}"


def _config_map(name: str, keys: Sequence[str]) -> str:
    return f"configmap {name} {_files(keys)}"


def _files(keys: Sequence[str]) -> str:
    """One for each key; where something reads all keys, which these are is the author's affair."""
    return " ".join(f"--from-file={key}=FILE" if key else "--from-file=FOLDER" for key in keys)
