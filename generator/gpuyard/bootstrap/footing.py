"""What a plan stands on: without it there is nothing to plan."""

from collections.abc import Iterator

from gpuyard.bootstrap.observe import Observed
from gpuyard.doors.oci import Cloud
from gpuyard.errors import ToolError
from gpuyard.project.oraclecloud import Infrastructure
from gpuyard.project.stack import Stack

__all__ = ["check_footing"]


def check_footing(cloud: Cloud, stack: Stack, oci: Infrastructure, observed: Observed) -> None:
    """ToolError where the compartment that is named cannot hold anything, or a cluster has no availability domain."""
    if problems := [*_compartment(cloud, oci, observed), *_domains(stack, observed)]:
        raise ToolError(*problems)


def _compartment(cloud: Cloud, oci: Infrastructure, observed: Observed) -> Iterator[str]:
    if not oci.adopted or oci.compartment == cloud.tenancy:
        return
    what = "read the compartment of spec.oci"
    data = cloud.call("identity", "get_compartment", oci.compartment, region=observed.home, what=what).data
    if (state := data["lifecycleState"]) not in ("ACTIVE", "CREATING"):
        text = "set spec.oci.compartment to an active one"
        yield f"the compartment {data['name']} ({oci.compartment}) is {state}; {text}"


def _domains(stack: Stack, observed: Observed) -> Iterator[str]:
    for cluster in stack.clusters:
        there = len(observed.domains[cluster.region or ""])
        wanted = cluster.oci.availability_domains
        if wanted and min(wanted) > there:
            numbers = "only one availability domain" if there == 1 else f"availability domains 1 to {there}"
            yield f"{cluster.name}: {cluster.region} has {numbers}; correct availabilityDomains of the cluster"
