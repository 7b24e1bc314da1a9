"""What pods may do that they need not, as their specs say it."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.review.podspecs import containers_of, pod_specs

__all__ = ["weak"]

Object = Mapping[str, Any]

_HOST = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
_AUTOMOUNT = "automountServiceAccountToken"
_ROOTS = ("runAsGroup", "fsGroup")
_PROFILES = ("RuntimeDefault", "Localhost")
_UNCONFINED = "Unconfined"


def weak(obj: Object) -> Iterator[tuple[str, str]]:
    """Each with its container, empty for the pod."""
    for pod in pod_specs(obj):
        yield from (("", text) for text in _of_pod(pod))
        own = pod.get("securityContext") or {}
        for container in containers_of(pod):
            context = {**own, **(container.get("securityContext") or {})}
            found = [*_of_user(context), *_of_kernel(context), *_of_ports(container)]
            yield from ((str(container.get("name")), text) for text in found)
    for annotations in _annotations(obj):
        for name, value in annotations.items():
            if "apparmor" in name and str(value) == "unconfined":
                yield name.rpartition("/")[2], "has no AppArmor profile"


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name} is true" for name in _HOST if pod.get(name) is True)
    if pod.get(_AUTOMOUNT) is not False:
        yield f"{_AUTOMOUNT} is not false"
        yield f"runs as the ServiceAccount {pod.get('serviceAccountName') or 'default'}"
    for volume in pod.get("volumes") or ():
        if "hostPath" in volume:
            path = (volume["hostPath"] or {}).get("path")
            yield f"volume {volume.get('name')} is {path} of the host"
        sources = (volume.get("projected") or {}).get("sources") or ()
        if any("serviceAccountToken" in source for source in sources):
            yield f"volume {volume.get('name')} has a token of the API server"
    own = pod.get("securityContext") or {}
    yield from (f"sets {each.get('name')} of the kernel" for each in own.get("sysctls") or ())
    if 0 in (own.get("supplementalGroups") or ()):
        yield "is in the group of root"


def _of_user(context: Mapping[str, Any]) -> Iterator[str]:
    if context.get("privileged") is True:
        yield "privileged is true"
    for key, wanted in (("allowPrivilegeEscalation", False), ("runAsNonRoot", True), ("readOnlyRootFilesystem", True)):
        if context.get(key) is not wanted:
            yield f"{key} is not {str(wanted).lower()}"
    if context.get("runAsUser") == 0:
        yield "runs as root"
    yield from (f"{key} is the group of root" for key in _ROOTS if context.get(key) == 0)


def _of_kernel(context: Mapping[str, Any]) -> Iterator[str]:
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "keeps capabilities of Linux"
    yield from (f"gets the capability {each}" for each in capabilities.get("add") or ())
    if (context.get("seccompProfile") or {}).get("type") not in _PROFILES:
        yield "has no seccomp profile"
    if (context.get("appArmorProfile") or {}).get("type") == _UNCONFINED:
        yield "has no AppArmor profile"
    if context.get("procMount") not in (None, "Default"):
        yield f"procMount is {context['procMount']}"
    if (context.get("windowsOptions") or {}).get("hostProcess") is True:
        yield "is a process of the host"
    if options := context.get("seLinuxOptions"):
        yield f"has its own options of SELinux: {', '.join(f'{key} {value}' for key, value in sorted(options.items()))}"


def _of_ports(container: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"takes port {each['hostPort']} of the host" for each in container.get("ports") or () if each.get("hostPort")
    )


def _annotations(value: Any) -> Iterator[Mapping[str, Any]]:
    """Of the object and of its pods."""
    if isinstance(value, Mapping):
        metadata = value.get("metadata")
        if isinstance(metadata, Mapping) and isinstance(metadata.get("annotations"), Mapping):
            yield metadata["annotations"]
        for each in value.values():
            yield from _annotations(each)
