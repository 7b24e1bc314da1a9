"""The compartment, and the policies under which the cluster's own parts work; they live in the home region."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.ground import Ground
from gpuyard.bootstrap.resource import Found, Kind, Place, Resource
from gpuyard.doors.oci import Cloud
from gpuyard.project.oraclecloud import Infrastructure

__all__ = ["COMPARTMENT", "KINDS", "compartment", "of_autoscaler", "of_clusters", "of_pools", "policies"]
__all__ += ["pool_policies"]

COMPARTMENT = "compartment"
_AUTOSCALER = (
    "manage cluster-node-pools",
    "manage instance-family",
    "use subnets",
    "read virtual-network-family",
    "use vnics",
    "inspect compartments",
    "read cluster-work-requests",  # without it a failed launch is never seen, and no other pool is tried
)
_CLUSTER = ("manage file-family", "use virtual-network-family", "manage network-security-groups")


def compartment(stack: str, infrastructure: Infrastructure, home: str, parent: str) -> Resource:
    """The compartment that the stack asks for."""
    body = {
        "compartmentId": infrastructure.parent or parent,
        "name": infrastructure.compartment,
        "description": f"Clusters of the gpuyard stack {stack}",
    }
    return Resource(id=COMPARTMENT, kind=COMPARTMENT, region=home, body=body)


def policies(ground: Ground, home: str) -> Iterator[Resource]:
    """What a cluster's own parts may do: storage and load balancers, and nodes by its autoscaler."""
    cluster, autoscaler = of_clusters(ground.compartment), of_autoscaler(ground.compartment, ground.link("cluster"))
    yield _policy(ground, home, "policy-cluster", cluster)
    yield _policy(ground, home, "policy-autoscaler", autoscaler)
    yield from pool_policies(ground, home)


def pool_policies(ground: Ground, home: str) -> Iterator[Resource]:
    """What its node pools may do."""
    if ground.reserved:
        yield _policy(ground, home, "policy-pools", of_pools(ground.compartment))


def _policy(ground: Ground, home: str, name: str, statements: Iterable[str]) -> Resource:
    body = {
        "compartmentId": ground.compartment,
        "name": ground.display(name),
        "description": f"What the cluster {ground.cluster.name} of the gpuyard stack {ground.stack} may do",
        "statements": list(statements),
    }
    return Resource(id=ground.named(name), kind="policy", region=home, body=body)


def of_clusters(where: str) -> Iterator[str]:
    """The policy of a compartment's clusters; no dynamic group, which would need rights in the whole tenancy."""
    for verb in _CLUSTER:
        yield f"Allow any-user to {verb} in compartment id {where} where request.principal.type = 'cluster'"


def of_pools(where: str) -> Iterator[str]:
    """The policy of node pools that start from a capacity reservation."""
    yield (
        f"Allow any-user to use compute-capacity-reservations in compartment id {where}"
        " where request.principal.type = 'nodepool'"
    )


def of_autoscaler(where: str, cluster: str) -> Iterator[str]:
    """The policy of a cluster's autoscaler, which has the workload identity of its service account."""
    autoscaler = (
        "all {request.principal.type = 'workload', request.principal.namespace = 'kube-system', "
        f"request.principal.service_account = 'cluster-autoscaler', request.principal.cluster_id = '{cluster}'}}"
    )
    for verb in _AUTOSCALER:
        yield f"Allow any-user to {verb} in compartment id {where} where {autoscaler}"


def _find(cloud: Cloud, kind: Kind, place: Place, before: Iterable[Found]) -> Iterator[Found]:
    """One that was made a moment ago, by a run that was interrupted, does not hold everywhere either."""
    for each in standard.find(cloud, kind, place, before):
        if each.tags.get("managed-by") == "gpuyard" and (made := each.data.get("timeCreated")):
            ago = (datetime.now(UTC) - datetime.fromisoformat(str(made))).total_seconds()
            cloud.unsettle(max(0, ago))
        yield each


KINDS = (
    Kind(
        name=COMPARTMENT, title="compartment", service="identity", noun="compartment", home=True,
        terraform="oci_identity_compartment", changes=frozenset({"name", "description"}), unique="name", seconds=10,
        find=_find, create=standard.create, update=standard.update, delete=standard.delete,
    ),
    Kind(
        name="policy", title="policy", service="identity", noun="policy", listing="list_policies", home=True,
        terraform="oci_identity_policy", changes=frozenset({"description", "statements"}), unique="name",
        find=_find, create=standard.create, update=standard.update, delete=standard.delete,
    ),
)  # fmt: skip
