"""What charts/vllm names in its pods, with every part of it switched on, and what it leaves to others."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["CONTAINERS", "PATHS", "POD", "VOLUMES", "volumes"]

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


def volumes(values: Mapping[str, Any]) -> Iterator[str]:
    """Those that the chart gives a pod by these values, defaults left out."""
    model = values.get("model") or {}
    source = model.get("source", "hf")
    downloads, trusts = (values.get("download") or {}).get("enabled"), values.get("ca")
    key, token = values.get("apiKey"), model.get("token")
    yield from ("shm", "cache", "tmp", "home")
    if values.get("scripts") and (trusts or downloads or key):
        yield "scripts"
    if trusts:
        yield from ("ca", "trust")
    if key:
        yield from ("config", "api-key")
    if token and source == "hf" and not downloads:
        yield "hf-token"
    if source != "hf":
        yield "bucket" if source == "bucket" else "weights"
    if values.get("files"):
        yield "files"
