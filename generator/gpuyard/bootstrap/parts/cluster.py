"""The OKE cluster: enhanced, with pods that have addresses of the VCN."""

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.ground import Ground
from gpuyard.bootstrap.resource import MANAGED, STACK, Kind, Resource
from gpuyard.catalogue.oracle import oracle

__all__ = ["KINDS", "SERVICES", "cluster", "cluster_tags"]

SERVICES = "10.96.0.0/16"
"""Addresses of Services, which are of no subnet."""


def cluster_tags(stack: str) -> dict[str, str]:
    """Of what a cluster's controllers make."""
    return {MANAGED: "gpuyard-cluster", STACK: stack}


def cluster(ground: Ground) -> Resource:
    """One of the stack's; what its controllers make carries the stack's name, so that it is found again."""
    tags = cluster_tags(ground.stack)
    body = {
        "compartmentId": ground.compartment,
        "name": ground.display("cluster"),
        "vcnId": ground.link("vcn"),
        "kubernetesVersion": ground.kubernetes,
        "type": "ENHANCED_CLUSTER",
        "endpointConfig": {
            "subnetId": ground.link("subnet-control-plane"),
            "nsgIds": [ground.link("group-control-plane")],
            "isPublicIpEnabled": bool(ground.landing.api),
        },
        "clusterPodNetworkOptions": [{"cniType": "OCI_VCN_IP_NATIVE"}],
        "options": {
            "serviceLbSubnetIds": [ground.link("subnet-public-balancers")],
            "kubernetesNetworkConfig": {"servicesCidr": SERVICES},
            "serviceLbConfig": {"freeformTags": tags},
            "persistentVolumeConfig": {"freeformTags": tags},
        },
    }
    return Resource(
        id=ground.named("cluster"),
        kind="cluster",
        region=ground.region.name,
        body=body,
        after=(ground.named("policy-cluster"), *(ground.named(f"rules-{name}") for name in oracle().groups)),
        usd_per_hour=oracle().prices.cluster,
    )


KINDS = (
    Kind(
        name="cluster", title="OKE cluster", service="container_engine", noun="cluster", works=True,
        terraform="oci_containerengine_cluster", changes=frozenset({"name", "kubernetesVersion"}),
        unseen=frozenset({"options"}), seconds=480,
        find=standard.find, create=standard.create, update=standard.update, delete=standard.delete,
    ),
)  # fmt: skip
