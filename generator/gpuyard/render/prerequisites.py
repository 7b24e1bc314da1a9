"""What a cluster must have before its first sync: nothing here makes it, and everything waits for it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gpuyard.catalogue.platform import catalogue
from gpuyard.project.stack import Platform, Stack
from gpuyard.render.engines import ENGINES
from gpuyard.resolve import Resolved, Workload, nodes, prometheus
from gpuyard.tree import base

__all__ = ["Key", "commands", "keys", "needs", "stack_commands", "stack_keys", "stack_needs", "told"]

_PULL = ".dockerconfigjson"
_KINDS = ("Secret", "ConfigMap")
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


def stack_keys(stack: Stack) -> list[Key]:
    """Those that every cluster needs, whatever runs there."""
    found = []
    if stack.repository.secret:
        for key in ENGINES[stack.engine].git_secret(stack.repository):
            found.append(Key(stack.engine.namespace, stack.repository.secret, key, "reading this repository", "Secret"))
    return found + [Key(stack.namespace, name, _PULL, "pulling images", "Secret") for name in stack.images.pull_secrets]


def keys(stack: Stack, workloads: Sequence[Workload]) -> list[Key]:
    """Those that a blueprint needs, of the kinds in order; one that serves several purposes comes once."""
    purposes: dict[tuple[str, str, str, str], list[str]] = {}
    for workload in workloads:
        for use in sorted(workload.needs.keys, key=lambda use: _KINDS.index(use.kind)):
            known = purposes.setdefault((use.kind, stack.namespace, use.name, use.key), [])
            if use.purpose not in known:
                known.append(use.purpose)
    return [
        Key(namespace, name, key, "; ".join(known), kind) for (kind, namespace, name, key), known in purposes.items()
    ]


def stack_commands(stack: Stack, cluster: str) -> Iterator[str]:
    """What to type for a new cluster, in order; values come from files, so that no shell remembers them."""
    kubectl = f"kubectl --context {cluster}"
    yield f"{kubectl} create namespace {stack.namespace}"
    yield from commands(stack_keys(stack), cluster)
    yield f"grep -h '^{kubectl} .* create' {base('*')}/README.md | sort -u"
    for line in ENGINES[stack.engine].commands(stack, cluster):
        yield f"{kubectl} {line}"


def commands(found: Sequence[Key], cluster: str) -> Iterator[str]:
    """What creates them."""
    named: dict[tuple[str, str, str], list[str]] = {}
    for each in found:
        named.setdefault((each.kind, each.namespace, each.name), []).append(each.key)
    for (kind, namespace, name), names in named.items():
        create = _secret(name, names) if kind == "Secret" else _config_map(name, names)
        yield f"kubectl --context {cluster} --namespace {namespace} create {create}"


def told(resolved: Resolved, clusters: Sequence[str], of: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """The sentences of each cluster; one that isn't of all says whose it is."""
    found: dict[str, list[str]] = {}
    for name in clusters:
        for sentence in of(name):
            found.setdefault(sentence, []).append(name)
    same = not resolved.own  # then, too, what only some need is meant for those that run it
    yield from (
        each if same or having == clusters else f"in {', '.join(having)}: {each}" for each, having in found.items()
    )


def stack_needs(stack: Stack) -> Iterator[str]:
    """One sentence each, in Markdown, of what every cluster must offer."""
    yield from ENGINES[stack.engine].needs()
    yield (
        "a CNI that enforces NetworkPolicy (on OKE: Calico, with flannel and with VCN-native pods; where NFS "
        "mounts are encrypted in transit, with `IP_AUTODETECTION_METHOD=skip-interface=v-eth.*`); without one, every "
        "pod can call every model"
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


def needs(stack: Stack, workloads: Sequence[Workload]) -> Iterator[str]:
    """The same of a cluster that runs a blueprint."""
    yield from nodes.needs(workloads)
    yield from _storage(stack, workloads)
    for kind, names in (
        ("PriorityClass", [workload.needs.priority_class for workload in workloads]),
        ("RuntimeClass", [workload.needs.runtime_class for workload in workloads]),
    ):
        yield from (f"{kind} `{name}`" for name in _once(names))


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
