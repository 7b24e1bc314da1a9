"""Karpenter on OCI: what keeps it from starting nodes with GPUs is said, and nothing where nobody uses it so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpuyard.bootstrap.probes.nodescaler import starts_gpus
from gpuyard.bootstrap.probes.probed import Verdict
from gpuyard.doors.kubernetes import Kubernetes, UnansweredError, opened
from tests.fakekubernetes import FakeKubernetes, serving

POOLS = "/apis/karpenter.sh/v1/nodepools"
PROGRAMS = "/apis/apps/v1/deployments"
TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
USER = {"token": "secret"}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeKubernetes]:
    with serving(tmp_path, FakeKubernetes()) as found:
        found.lists[PROGRAMS] = [program("1.3.0")]
        yield found


@pytest.fixture
def api(fake: FakeKubernetes) -> Kubernetes:
    return opened(fake.kubeconfig(**USER))


def program(version: str) -> dict[str, Any]:
    agent = {"name": "OCI_SDK_APPEND_USER_AGENT", "value": f"karpenter-provider-oci/{version}"}
    container = {"name": "controller", "env": [{"name": "SYSTEM_NAMESPACE", "valueFrom": {}}, agent]}
    return {"metadata": {"name": "karpenter"}, "spec": {"template": {"spec": {"containers": [container]}}}}


def pool(name: str, shape: str, *taints: dict[str, str]) -> dict[str, Any]:
    requirements = [
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
        {"key": "oci.oraclecloud.com/instance-shape", "operator": "In", "values": [shape]},
    ]
    spec = {"requirements": requirements, **({"taints": list(taints)} if taints else {})}
    return {"metadata": {"name": name}, "spec": {"template": {"spec": spec}}}


def test_one_that_can_is_good(fake: FakeKubernetes, api: Kubernetes) -> None:
    fake.lists[POOLS] = [pool("a10", "VM.GPU.A10.2", TAINT), pool("plain", "VM.Standard.E5.Flex")]
    assert starts_gpus(api) == (Verdict.GOOD, "1 of 1 NodePools with GPUs can start nodes")


@pytest.mark.parametrize("version", ["1.2.0", "v1.2.9", "0.9.11"])
def test_a_release_that_counts_no_gpus_is_said(fake: FakeKubernetes, api: Kubernetes, version: str) -> None:
    fake.lists[POOLS] = [pool("a10", "VM.GPU.A10.2", TAINT)]
    fake.lists[PROGRAMS] = [program(version)]
    verdict, message = starts_gpus(api) or (None, "")
    assert verdict is Verdict.BAD
    assert message == (
        f"Karpenter {version.removeprefix('v')} knows no GPUs of a node"
        " (https://github.com/oracle/karpenter-provider-oci/issues/31): upgrade it to 1.3.0"
    )


@pytest.mark.parametrize("taints", [(), ({"key": "other", "effect": "NoSchedule"},)])
def test_a_node_pool_without_the_taint_is_said(fake: FakeKubernetes, api: Kubernetes, taints: Any) -> None:
    fake.lists[POOLS] = [pool("good", "VM.GPU.A10.1", TAINT), pool("a10", "BM.GPU.A10.4", *taints)]
    verdict, message = starts_gpus(api) or (None, "")
    assert verdict is Verdict.BAD
    assert message.startswith("the NodePool a10 lacks the taint nvidia.com/gpu")
    assert "good" not in message


def test_both_are_said(fake: FakeKubernetes, api: Kubernetes) -> None:
    fake.lists[POOLS] = [pool("a10", "VM.GPU.A10.2")]
    fake.lists[PROGRAMS] = [program("1.2.0")]
    _, message = starts_gpus(api) or (None, "")
    assert message.index("issues/31") < message.index("the NodePool a10 lacks")


@pytest.mark.parametrize("pools", [None, [], [pool("plain", "VM.Standard.E5.Flex")]])
def test_where_nobody_uses_it_for_gpus_nothing_is_said(
    fake: FakeKubernetes, api: Kubernetes, pools: list[Any] | None
) -> None:
    if pools is not None:
        fake.lists[POOLS] = pools
    assert starts_gpus(api) is None


def test_what_may_not_be_read_is_no_answer(fake: FakeKubernetes, api: Kubernetes) -> None:
    fake.refuses["/nodepools"] = 403
    with pytest.raises(UnansweredError):
        starts_gpus(api)
