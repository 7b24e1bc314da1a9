"""Whether Karpenter, where somebody uses it, can start GPU nodes on OCI: two faults leave their pods pending."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.bootstrap.probes.probed import Verdict
from gpuyard.doors.kubernetes import Kubernetes, UnansweredError

__all__ = ["starts_gpus"]

_POOLS = "/apis/karpenter.sh/v1/nodepools"
_PROGRAMS = "/apis/apps/v1/deployments?labelSelector=app.kubernetes.io/name%3Dkarpenter"
_ISSUES = "https://github.com/oracle/karpenter-provider-oci/issues"
_SHAPE, _TAINT = "oci.oraclecloud.com/instance-shape", "nvidia.com/gpu"
_AGENT = re.compile(r"karpenter-provider-oci/v?(\d+)\.(\d+)\.(\d+)")
_SINCE = (1, 3, 0)
"""The first release in which a node counts GPUs (oracle/karpenter-provider-oci 31 and 44; read 2026-11-29)."""


def starts_gpus(api: Kubernetes) -> tuple[Verdict, str] | None:
    """None: no NodePool of Karpenter's is about GPU shapes of OCI."""
    pools = [each for each in _items(api, _POOLS) if _has_gpus(each)]
    if not pools:
        return None
    wrong = [*_old(api), *_untainted(pools)]
    if wrong:
        return Verdict.BAD, "; ".join(wrong)
    return Verdict.GOOD, f"{len(pools)} of {len(pools)} NodePools with GPUs can start nodes"


def _items(api: Kubernetes, path: str) -> list[Mapping[str, Any]]:
    try:
        found: list[Mapping[str, Any]] = api.get(path)["items"]
    except UnansweredError as error:
        if error.status != 404:
            raise
        return []  # it is not installed
    return found


def _template(pool: Mapping[str, Any]) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = pool["spec"]["template"]["spec"]
    return spec


def _has_gpus(pool: Mapping[str, Any]) -> bool:
    """Whether it names a GPU shape of OCI."""
    return any(
        each["key"] == _SHAPE and each.get("operator") == "In" and any(".GPU" in shape for shape in each["values"])
        for each in _template(pool).get("requirements") or ()
    )


def _old(api: Kubernetes) -> Iterator[str]:
    for program in _items(api, _PROGRAMS):
        for container in program["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env") or ():
                match = _AGENT.fullmatch(str(variable.get("value") or ""))
                if match and tuple(map(int, match.groups())) < _SINCE:
                    version, since = ".".join(match.groups()), ".".join(map(str, _SINCE))
                    yield f"Karpenter {version} knows no GPUs of a node ({_ISSUES}/31): upgrade it to {since}"


def _untainted(pools: list[Mapping[str, Any]]) -> Iterator[str]:
    """OCI's GPU nodes have the taint, and a shape is offered only to a NodePool that has it as well."""
    for pool in pools:
        if not any(each.get("key") == _TAINT for each in _template(pool).get("taints") or ()):
            name = pool["metadata"]["name"]
            yield f"the NodePool {name} lacks the taint {_TAINT}: without it Karpenter is offered no GPU shape; add it"
