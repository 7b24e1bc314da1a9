"""A network and a cluster in it, made at once, for tests of what comes afterwards."""

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import oci

from tests.oci.fixture import Running, running
from tests.oci.thing import Thing
from tests.oci.world import domains

CORE, OKE = oci.core.models, oci.container_engine.models
ROLES = ("endpoint", "workers", "pods", "files", "balancers")


@dataclass(frozen=True)
class Site:
    """What stands, by its ids."""

    cloud: Running
    vcn: str
    gateway: str
    routes: str
    group: str
    subnets: dict[str, str]
    cluster: str

    def pool(self, **more: Any) -> Any:
        """What a node pool of one A10 is made of; `more` replaces fields; `size`, `domain` and the like inner ones."""
        place = OKE.NodePoolPlacementConfigDetails(
            availability_domain=more.pop("domain", domains(self.cloud.home)[0]),
            subnet_id=self.subnets["workers"],
            fault_domains=more.pop("fault_domains", None),
            capacity_reservation_id=more.pop("reservation", None),
        )
        pods = OKE.OciVcnIpNativeNodePoolPodNetworkOptionDetails(pod_subnet_ids=[self.subnets["pods"]])
        config = OKE.CreateNodePoolNodeConfigDetails(
            size=more.pop("size", 1), placement_configs=[place], nsg_ids=[self.group],
            node_pool_pod_network_option_details=pods,
        )  # fmt: skip
        about = {
            "cluster_id": self.cluster,
            "compartment_id": self.cloud.tenancy,
            "name": "a10",
            "node_shape": "VM.GPU.A10.1",
            "kubernetes_version": "v1.35.2",
            "node_source_details": OKE.NodeSourceViaImageDetails(image_id=self.image("Gen2-GPU")),
            "node_config_details": config,
        }
        return OKE.CreateNodePoolDetails(**{**about, **more})

    def image(self, word: str, version: str = "1.35.2") -> str:
        """The id of the newest of OKE's images with a word in its name."""
        said = self.cloud.client("container_engine").get_node_pool_options("all", node_pool_k8s_version=version).data
        return next(each.image_id for each in reversed(said.sources) if word in each.source_name)


def built(cloud: Running) -> Site:
    """A site in a cloud where nothing is: made by the SDK once for a region, and copied from then on."""
    things, made, site = _made(cloud.home)
    cloud.things, cloud.made = deepcopy(things), made
    return replace(site, cloud=cloud, subnets=dict(site.subnets))


@cache
def _made(home: str) -> tuple[dict[str, Thing], int, Site]:
    with running(home=home, pace=0, lag=0) as cloud:
        site = _build(cloud)
    return cloud.things, cloud.made, site


def _build(cloud: Running) -> Site:
    network = cloud.client("virtual_network")
    shared = {"compartment_id": cloud.tenancy}
    vcn = network.create_vcn(CORE.CreateVcnDetails(**shared, cidr_blocks=["10.0.0.0/16"])).data.id
    inside = {**shared, "vcn_id": vcn}
    gateway = network.create_internet_gateway(CORE.CreateInternetGatewayDetails(**inside, is_enabled=True)).data.id
    rules = [CORE.RouteRule(network_entity_id=gateway, destination="0.0.0.0/0")]
    routes = network.create_route_table(CORE.CreateRouteTableDetails(**inside, route_rules=rules)).data.id
    group = network.create_network_security_group(CORE.CreateNetworkSecurityGroupDetails(**inside)).data.id
    subnets = {
        name: network.create_subnet(
            CORE.CreateSubnetDetails(
                **inside, cidr_block=f"10.0.{number}.0/24", route_table_id=routes, display_name=name
            )
        ).data.id
        for number, name in enumerate(ROLES)
    }
    engine = cloud.client("container_engine")
    endpoint = OKE.CreateClusterEndpointConfigDetails(subnet_id=subnets["endpoint"], is_public_ip_enabled=True)
    engine.create_cluster(
        OKE.CreateClusterDetails(
            **inside,
            name="gpu",
            kubernetes_version="v1.35.2",
            type="ENHANCED_CLUSTER",
            endpoint_config=endpoint,
            cluster_pod_network_options=[OKE.OciVcnIpNativeClusterPodNetworkOptionDetails()],
        )
    )
    cluster = engine.list_clusters(cloud.tenancy).data[0].id
    return Site(cloud, vcn, gateway, routes, group, subnets, cluster)


def finished(engine: Any, said: Any) -> Any:
    """The work request that an answer names, when it has ended."""
    while True:
        work = engine.get_work_request(said.headers["opc-work-request-id"]).data
        if work.status not in {"ACCEPTED", "IN_PROGRESS"}:
            return work
