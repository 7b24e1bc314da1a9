"""An engine's manifests as one cluster gets them: its namespace, the stack's mirrors, a useful order. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gpuyard.catalogue.images import mirrored
from gpuyard.project.stack import Stack

__all__ = ["WORKLOADS", "engine_objects", "mirrored_objects"]

Object = Mapping[str, Any]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount")
_GLOBAL = (
    "Namespace",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "PriorityClass",
    "SecurityContextConstraints",
)
_HOSTS = ("argocd-ssh-known-hosts-cm", "ssh_known_hosts")


def engine_objects(stack: Stack, objects: Iterable[Object], known_hosts: str) -> list[Object]:
    """Programs come last: what they read is there when they start."""
    made = [_made(stack, each, known_hosts) for each in objects]
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stack.engine.namespace}}
    if not any(each["kind"] == "Namespace" for each in made):  # `kubectl -n` needs it there, and so do its files
        made.insert(0, space)
    return sorted(made, key=_rank)


def mirrored_objects(stack: Stack, objects: Iterable[Object]) -> list[Object]:
    """The same under the stack's mirrors, in an order in which each finds what it needs."""
    made = [
        {**each, "spec": _pulled(each["spec"], stack.images.mirrors)} if each["kind"] in WORKLOADS else each
        for each in objects
    ]
    return sorted(made, key=_rank)


def _rank(each: Object) -> int:
    kind = each["kind"]
    if kind in _FIRST:
        return _FIRST.index(kind)
    return len(_FIRST) + (kind in WORKLOADS)


def _made(stack: Stack, each: Object, known_hosts: str) -> Object:
    metadata = each["metadata"]
    if each["kind"] not in _GLOBAL and "namespace" not in metadata:
        metadata = {**metadata, "namespace": stack.engine.namespace}
    made = {**each, "metadata": metadata}
    if each["kind"] in WORKLOADS:
        made["spec"] = _pulled(each["spec"], stack.images.mirrors)
    name, key = _HOSTS
    if (each["kind"], metadata["name"]) == ("ConfigMap", name) and known_hosts:
        made["data"] = {**each["data"], key: _added(each["data"].get(key, ""), known_hosts)}
    return made


def _added(there: str, known_hosts: str) -> str:
    """Only what the engine does not know by itself."""
    known = there.splitlines()
    new = [line for line in known_hosts.splitlines() if line not in known]
    return there + "".join(f"{line}\n" for line in new)


def _pulled(spec: Any, mirrors: Mapping[str, str]) -> Any:
    """With every container's image under its mirror."""
    pod = spec["template"]["spec"]
    lists = {name: list(_mirrored(pod[name], mirrors)) for name in ("initContainers", "containers") if name in pod}
    return {**spec, "template": {**spec["template"], "spec": {**pod, **lists}}}


def _mirrored(containers: Sequence[Object], mirrors: Mapping[str, str]) -> Iterator[Object]:
    for each in containers:
        repository, at, digest = each["image"].partition("@")
        name, colon, tag = repository.rpartition(":")
        if not colon or "/" in tag:
            name, colon, tag = repository, "", ""
        yield {**each, "image": f"{mirrored(name, mirrors)[0]}{colon}{tag}{at}{digest}"}
