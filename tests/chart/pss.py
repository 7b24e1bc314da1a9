"""The Pod Security Standards, baseline and restricted, for one pod or pod template.

Written from https://kubernetes.io/docs/concepts/security/pod-security-standards/ (Linux pods, 1.37).
"""

from collections.abc import Iterator
from typing import Any

Spec = dict[str, Any]

BASELINE_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
SAFE_SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_rmem", "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
}  # fmt: skip
SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
    "secret",
}  # fmt: skip


def baseline(pod: Spec) -> list[str]:
    """Names of the baseline rules that the pod breaks."""
    return sorted({*_annotations(pod.get("metadata") or {}), *_baseline(pod["spec"])})


def restricted(pod: Spec) -> list[str]:
    """Names of the baseline and restricted rules that the pod breaks."""
    return sorted({*baseline(pod), *_restricted(pod["spec"])})


def _annotations(metadata: Spec) -> Iterator[str]:
    for key, value in (metadata.get("annotations") or {}).items():
        if key.startswith("container.apparmor.security.beta.kubernetes.io/") and value == "unconfined":
            yield "appArmorProfile"


def _containers(spec: Spec) -> list[Spec]:
    return [c for kind in ("initContainers", "containers", "ephemeralContainers") for c in spec.get(kind) or []]


def _contexts(spec: Spec) -> list[Spec]:
    """The pod's security context and those of its containers."""
    return [holder.get("securityContext") or {} for holder in (spec, *_containers(spec))]


def _baseline(spec: Spec) -> Iterator[str]:
    if any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
        yield "hostNamespaces"
    if any("hostPath" in volume for volume in spec.get("volumes") or []):
        yield "hostPathVolumes"
    for sysctl in (spec.get("securityContext") or {}).get("sysctls") or []:
        if sysctl["name"] not in SAFE_SYSCTLS:
            yield "sysctls"
    for context in _contexts(spec):
        yield from _baseline_context(context)
        if context.get("procMount", "Default") != "Default" and spec.get("hostUsers") is not False:
            yield "procMount"
    for container in _containers(spec):
        yield from _baseline_container(container)


def _baseline_context(context: Spec) -> Iterator[str]:
    if context.get("privileged"):
        yield "privileged"
    if set((context.get("capabilities") or {}).get("add") or []) - BASELINE_CAPABILITIES:
        yield "capabilities_baseline"
    if (context.get("appArmorProfile") or {}).get("type", "RuntimeDefault") == "Unconfined":
        yield "appArmorProfile"
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield "seLinuxOptions"
    if (context.get("seccompProfile") or {}).get("type") == "Unconfined":
        yield "seccompProfile_baseline"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "windowsHostProcess"


def _baseline_container(container: Spec) -> Iterator[str]:
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield "hostPorts"
    lifecycle = container.get("lifecycle") or {}
    handlers = [container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness")]
    for handler in [*handlers, lifecycle.get("preStop"), lifecycle.get("postStart")]:
        if any(((handler or {}).get(kind) or {}).get("host") for kind in ("httpGet", "tcpSocket")):
            yield "hostProbesAndHostLifecycle"


def _restricted(spec: Spec) -> Iterator[str]:
    if any(set(volume) - {"name"} - RESTRICTED_VOLUMES for volume in spec.get("volumes") or []):
        yield "restrictedVolumes"
    if any(context.get("runAsUser") == 0 for context in _contexts(spec)):
        yield "runAsUser"
    if any(context.get("procMount", "Default") != "Default" for context in _contexts(spec)):
        yield "procMount"
    pod = spec.get("securityContext") or {}
    for container in _containers(spec):
        context = container.get("securityContext") or {}
        if context.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
            yield "runAsNonRoot"
        if (spec.get("os") or {}).get("name") == "windows":
            continue  # the rest is Linux's alone
        yield from _restricted_container(context)
        profile = context.get("seccompProfile") or pod.get("seccompProfile") or {}
        if profile.get("type") not in {"RuntimeDefault", "Localhost"}:
            yield "seccompProfile_restricted"


def _restricted_container(context: Spec) -> Iterator[str]:
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation"
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []) or set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield "capabilities_restricted"
