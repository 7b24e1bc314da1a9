"""What would be right for a value of charts/vllm, by the definition of its schema, which Helm tells as a pattern."""

from collections.abc import Mapping

__all__ = ["WORDS"]

_NAME = "must be a name: lower-case letters, digits and dashes"

WORDS: Mapping[str, str] = {
    "address": "must be an IP address",
    "absolutePath": "must be an absolute path without a colon",
    "bodySize": "must be a size such as 64m or 512k: a whole number and k or m, or bytes",
    "cidr": "must be a network such as 10.0.20.0/24 or fd12:3456::/64; 10.0.20.7/32 is one address",
    "device": "must be a device with its domain, such as nvidia.com/gpu.shared or amd.com/gpu",
    "dnsName": f"{_NAME}, in parts with dots between them",
    "imageName": "must be an image, such as docker.io/library/busybox:1.37",
    "labelValue": "must be the value of a label: letters, digits, dashes, dots and underscores, 63 at most",
    "line": "must be one line without control characters",
    "name": _NAME,
    "qualifiedName": "must be a name such as example.com/team: letters, digits, dashes, dots and underscores",
    "quantity": "must be an amount such as 500m, 8 or 64Gi: a number and m, k, Ki, M, Mi, G, Gi, T, Ti, P or Pi",
    "resourceName": "must be cpu, memory, ephemeral-storage, hugepages-2Mi or a device such as nvidia.com/rdma-vf",
    "secretKey": "must be a key: letters, digits, dashes, dots and underscores",
    "secretName": f"{_NAME}, in parts with dots between them",
    "size": "must be a size such as 20Gi: a whole number and Mi, Gi or Ti",
    "text": "must have no control characters",
    "variable": "must have value or valueFrom, not both",
    "variableName": "must be an environment variable: letters, digits and underscores",
}
"""`x-error` of a definition."""
