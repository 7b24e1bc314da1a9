"""What charts/vllm names in its pods, with every part of it switched on, and what it leaves to others."""

__all__ = ["CONTAINERS", "PATHS", "POD", "VOLUMES"]

VOLUMES = (
    "api-key",
    "bucket",
    "ca",
    "cache",
    "config",
    "files",
    "hf-token",
    "home",
    "scripts",
    "shm",
    "tmp",
    "trust",
    "weights",
)
PATHS = (
    "/cache",
    "/dev/shm",  # noqa: S108 - in pods
    "/etc/bucket",
    "/etc/hf",
    "/etc/trust",
    "/etc/vllm",
    "/etc/vllm/api-key.yaml",
    "/home/vllm",
    "/models",
    "/tmp",  # noqa: S108 - in pods
)
CONTAINERS = ("api-key", "await-weights", "trust", "vllm")
POD = frozenset(
    {
        "activeDeadlineSeconds",
        "dnsConfig",
        "dnsPolicy",
        "ephemeralContainers",
        "hostAliases",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostUsers",
        "hostname",
        "hostnameOverride",
        "nodeName",
        "os",
        "overhead",
        "preemptionPolicy",
        "priority",
        "readinessGates",
        "resourceClaims",
        "resources",
        "restartPolicy",
        "schedulerName",
        "schedulingGates",
        "setHostnameAsFQDN",
        "shareProcessNamespace",
        "subdomain",
    }
)
"""Fields of a pod's spec (Kubernetes 1.35) that extraPodSpec may have."""
