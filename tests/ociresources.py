"""Resources that a bootstrap wants, without a cloud: regions as OCI describes them."""

from collections.abc import Mapping
from typing import Any

from gpuyard.bootstrap.desired import desired
from gpuyard.bootstrap.fleet import fleets
from gpuyard.bootstrap.ground import Lodging, Region, Reserved
from gpuyard.bootstrap.resource import Resource
from gpuyard.project.load import Project
from gpuyard.resolve import Resolved, resolve

__all__ = ["KUBERNETES", "VALUES", "region", "values", "wanted"]

KUBERNETES = "v1.34.2"
VALUES = {
    "compartment": "ocid1.compartment.oc1..aaaacompartment",
    "tenancy": "ocid1.tenancy.oc1..aaaatenancy",
}


def region(name: str, resolved: Resolved) -> Region:
    """One with three availability domains, and an image for every shape that is asked for."""
    shapes = {each.oci.system.shape for each in resolved.stack.clusters}
    shapes |= {fleet.node.name for each in resolved.stack.clusters for fleet in fleets(resolved, each)}
    return Region(
        name=name,
        domains=tuple(f"Uocm:{name.upper()}-AD-{number}" for number in (1, 2, 3)),
        namespace="axyard",
        service_id="ocid1.service.oc1..aaaaservices",
        service_label="all-phx-services-in-oracle-services-network",
        images={(shape, KUBERNETES): f"ocid1.image.oc1..{shape.lower()}" for shape in shapes},
    )


def wanted(project: Project, resolved: Resolved | None = None) -> dict[str, Resource]:
    """Everything that follows from a project."""
    resolved = resolved or resolve(project)
    stack = resolved.stack
    assert stack.oci
    names = {each.region or "" for each in stack.clusters}
    return desired(
        resolved,
        stack.oci,
        home="us-ashburn-1",
        parent=VALUES["tenancy"],
        regions={name: region(name, resolved) for name in names},
        versions={each.name: KUBERNETES for each in stack.clusters},
        reserved={
            each.name: {
                shape: Reserved(id=ocid, shape=shape, domain=f"Uocm:{(each.region or '').upper()}-AD-2", free=1)
                for shape, ocid in each.oci.reservations.items()
            }
            for each in stack.clusters
        },
        lodgings={
            each.name: Lodging(
                cluster=each.oci.cluster,
                subnets={"": "ocid1.subnet.oc1..nodes"},
                groups=(),
                pods=("ocid1.subnet.oc1..pods",),
                pod_groups=(),
            )
            for each in stack.clusters
            if each.oci.cluster
        },
        given={each.name: {"vcn": each.oci.vcn} for each in stack.clusters if each.oci.vcn},
    )


def values(resources: Mapping[str, Resource]) -> dict[str, dict[str, Any]]:
    """An OCID for each, and what OCI adds to some."""
    return {
        name: {"id": f"ocid1.{each.kind}.oc1..{name.replace('/', '')}", "exportSetId": "ocid1.exportset.oc1..aaaa"}
        for name, each in resources.items()
    }
