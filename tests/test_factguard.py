"""The file of facts, which engines apply and no lock has: let through as far as it is one."""

from typing import Any

import pytest

from gpuyard.commit.factguard import only_facts
from gpuyard.doors import yamlio
from gpuyard.project.load import parse
from gpuyard.project.stack import Stack
from tests.ociruns import SPEC, stack
from tests.projects import merged, sources

pytestmark = pytest.mark.attack("A22 engine-read folders")

CLASS: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "oci-fss"},
    "provisioner": "fss.csi.oraclecloud.com",
    "parameters": {"mountTargetOcid": "ocid1.mounttarget.oc1.phx.a"},
}
MAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "demo-oci", "namespace": "flux-system"},
    "data": {"region": "us-phoenix-1"},
}


def of(spec: dict[str, Any]) -> Stack:
    return parse(sources(SPEC, spec)).stack


def test_what_bootstrap_writes_passes() -> None:
    assert only_facts(of(stack()), yamlio.dump(CLASS, MAP))
    assert only_facts(of(stack()), yamlio.dump(MAP))


@pytest.mark.parametrize(
    "text",
    [
        yamlio.dump(CLASS, MAP, merged(MAP, {"kind": "Secret"})),
        yamlio.dump(
            merged(CLASS, {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}})
        ),
        yamlio.dump(merged(CLASS, {"provisioner": "elsewhere.example.com"})),
        yamlio.dump(merged(CLASS, {"mountOptions": ["nosuid"]})),
        yamlio.dump(merged(CLASS, {"parameters": {"mountTargetOcid": {"a": "b"}}})),
        yamlio.dump(merged(MAP, {"metadata": {"name": "argocd-cm"}})),
        yamlio.dump(merged(MAP, {"metadata": {"namespace": "kube-system"}})),
        yamlio.dump(merged(MAP, {"binaryData": {"x": "eA=="}})),
        "- 1\n",
        f"{yamlio.dump(MAP)}--- \n{yamlio.dump(merged(MAP, {'kind': 'Secret'}))}",
        f"{yamlio.dump(MAP)}...\n{yamlio.dump(merged(MAP, {'kind': 'Secret'}))}",
        "a: &a [1]\nb: *a\n",
        "{",
    ],
)
def test_what_a_pull_request_brings_along_does_not(text: str) -> None:
    assert not only_facts(of(stack()), text)


def test_a_stack_without_infrastructure_has_no_facts() -> None:
    assert not only_facts(of({}), yamlio.dump(MAP))
