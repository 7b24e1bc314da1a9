"""Node pools of tests/oci, and where hosts are free for them; add-ons and kubeconfigs."""

from typing import Any

import oci
import pytest
import yaml

from tests.oci.fixture import Running
from tests.oci.site import CORE, OKE, Site, built, finished
from tests.oci.world import domains

ONE, TWO, _ = domains("us-ashburn-1")
A10 = "VM.GPU.A10.1"


def refused(call: Any, *arguments: Any, **more: Any) -> tuple[int, str, str]:
    """How a call is refused."""
    with pytest.raises(oci.exceptions.ServiceError) as error:
        call(*arguments, **more)
    return error.value.status, error.value.code, error.value.message


def pool(site: Site, **more: Any) -> tuple[Any, Any]:
    """The work request of a new node pool, and the pool when it has ended."""
    engine = site.cloud.client("container_engine")
    work = finished(engine, engine.create_node_pool(site.pool(**more)))
    return work, engine.get_node_pool(work.resources[0].identifier).data


WRONG = {
    "image without a driver": ({"node_shape": "VM.Standard.A1.Flex"}, "Node shape and image are not compatible."),
    "shape": ({"node_shape": "VM.GPU.A10.3"}, "Invalid nodeShape: VM.GPU.A10.3"),
    "version of the image": ({"kubernetes_version": "v1.34.2"}, "the image is of Kubernetes 1.35.2"),
    "newer than the cluster": ({"kubernetes_version": "v1.36.1"}, "the cluster has v1.35.2"),
    "domain": ({"domain": "AD-1"}, "availabilityDomain AD-1 is none of us-ashburn-1"),
    "fault domain": ({"fault_domains": ["FAULT-DOMAIN-9"]}, "faultDomains: FAULT-DOMAIN-9"),
    "size": ({"size": -1}, "size: has to be 0 to 1000"),
    "no configuration": ({"node_config_details": None}, "nodeConfigDetails is required"),
    "boot volume": (
        {"node_source_details": OKE.NodeSourceViaImageDetails(image_id="IMAGE", boot_volume_size_in_gbs=49)},
        "bootVolumeSizeInGBs: has to be 50 to 32768",
    ),
    "image of nobody": ({"node_source_details": OKE.NodeSourceViaImageDetails(image_id="x")}, "an image is required"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_pool_that_cannot_be_is_refused(oci_cloud: Running, name: str) -> None:
    change, message = WRONG[name]
    site = built(oci_cloud)
    about = site.pool(**change)
    if about.node_source_details.image_id == "IMAGE":
        about.node_source_details.image_id = site.image("Gen2-GPU")
    said = refused(oci_cloud.client("container_engine").create_node_pool, about)
    assert said[:2] == (400, "InvalidParameter")
    assert message in said[2]


def test_pods_of_a_native_cluster_need_a_subnet(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    about = site.pool()
    about.node_config_details.node_pool_pod_network_option_details = None
    assert "podSubnetIds are required" in refused(oci_cloud.client("container_engine").create_node_pool, about)[2]


def test_nodes_are_instances_with_addresses(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    work, made = pool(site, size=2)
    assert (work.status, made.lifecycle_state) == ("SUCCEEDED", "ACTIVE")
    assert [each.lifecycle_state for each in made.nodes] == ["ACTIVE", "ACTIVE"]
    assert sorted(each.private_ip for each in made.nodes) == ["10.0.1.2", "10.0.1.3"]
    assert len({each.fault_domain for each in made.nodes}) == 2
    compute, network = oci_cloud.client("compute"), oci_cloud.client("virtual_network")
    assert {each.id for each in compute.list_instances(oci_cloud.tenancy).data} == {each.id for each in made.nodes}
    assert len(network.list_private_ips(subnet_id=site.subnets["pods"]).data) == 2
    assert len(network.list_network_security_group_vnics(site.group).data) == 2
    limits = oci_cloud.client("limits")
    left = limits.get_resource_availability("compute", "gpu-a10-count", oci_cloud.tenancy, availability_domain=ONE).data
    assert (left.used, left.available) == (2, 30)


CAPACITY = {
    "none anywhere": ({A10: 0}, {}, 0),
    "one in the domain": ({f"{A10}/{ONE}": 1}, {}, 1),
    "none in this domain": ({f"{A10}/{ONE}": 0}, {}, 0),
    "none in the other one": ({f"{A10}/{TWO}": 0}, {}, 2),
    "this fault domain": ({f"{A10}/{ONE}/FAULT-DOMAIN-1": 1}, {"fault_domains": ["FAULT-DOMAIN-1"]}, 1),
    "another fault domain": ({f"{A10}/{ONE}/FAULT-DOMAIN-1": 0}, {}, 2),
    "another shape": ({"VM.GPU.A10.2": 0}, {}, 2),
}


@pytest.mark.parametrize("name", CAPACITY)
def test_out_of_host_capacity(oci_cloud: Running, name: str) -> None:
    capacity, more, nodes = CAPACITY[name]
    site = built(oci_cloud)
    oci_cloud.capacity = capacity
    work, made = pool(site, size=2, **more)
    assert [each.lifecycle_state for each in made.nodes] == ["ACTIVE"] * nodes + ["FAILING"] * (2 - nodes)
    assert len(list(oci_cloud.all("instance"))) == nodes
    errors = oci_cloud.client("container_engine").list_work_request_errors(oci_cloud.tenancy, work.id).data
    if nodes == 2:
        assert (work.status, errors) == ("SUCCEEDED", [])
        return
    assert (work.status, made.lifecycle_state) == ("FAILED", "NEEDS_ATTENTION")
    assert [each.message for each in errors] == [
        f"{2 - nodes} node(s) launch failure due to: (500, InternalError) Out of host capacity."
    ]
    assert {each.node_error.message for each in made.nodes if each.node_error} == {"Out of host capacity."}


def test_a_pool_is_filled_when_hosts_come(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.capacity = {A10: 1}
    _, made = pool(site, size=3)
    oci_cloud.capacity = {A10: 3}
    engine = oci_cloud.client("container_engine")
    config = OKE.UpdateNodePoolNodeConfigDetails(size=3)
    update = engine.update_node_pool(made.id, OKE.UpdateNodePoolDetails(node_config_details=config))
    assert finished(engine, update).status == "SUCCEEDED"
    after = engine.get_node_pool(made.id).data
    assert (after.lifecycle_state, [each.lifecycle_state for each in after.nodes]) == ("ACTIVE", ["ACTIVE"] * 3)
    assert {each.id for each in made.nodes if not each.node_error} < {each.id for each in after.nodes}


def test_a_pool_shrinks_and_loses_a_node(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    _, made = pool(site, size=3)
    engine = oci_cloud.client("container_engine")
    config = OKE.UpdateNodePoolNodeConfigDetails(size=2)
    finished(engine, engine.update_node_pool(made.id, OKE.UpdateNodePoolDetails(node_config_details=config)))
    gone = engine.get_node_pool(made.id).data.nodes[0].id
    finished(engine, engine.delete_node(made.id, gone))
    after = engine.get_node_pool(made.id).data
    assert (after.node_config_details.size, len(after.nodes)) == (1, 1)
    assert gone not in {each.id for each in after.nodes}
    assert len(list(oci_cloud.all("instance"))) == 1


CYCLING = {
    "not": ({}, False, ["v1.34.2", "v1.34.2", "v1.35.2"]),
    "by instances": ({"cycle_modes": ["INSTANCE_REPLACE"]}, True, ["v1.35.2"] * 3),
    "by boot volumes": ({"cycle_modes": ["BOOT_VOLUME_REPLACE"]}, False, ["v1.35.2"] * 3),
}


@pytest.mark.parametrize("name", CYCLING)
def test_nodes_keep_their_version_until_they_are_cycled(oci_cloud: Running, name: str) -> None:
    more, replaced, versions = CYCLING[name]
    site = built(oci_cloud)
    old = OKE.NodeSourceViaImageDetails(image_id=site.image("Gen2-GPU", "1.34.2"))
    _, made = pool(site, size=2, kubernetes_version="v1.34.2", node_source_details=old)
    engine = oci_cloud.client("container_engine")
    update = OKE.UpdateNodePoolDetails(
        kubernetes_version="v1.35.2",
        node_source_details=OKE.NodeSourceViaImageDetails(image_id=site.image("Gen2-GPU")),
        node_config_details=OKE.UpdateNodePoolNodeConfigDetails(size=3),
        node_pool_cycling_details=OKE.NodePoolCyclingDetails(is_node_cycling_enabled=bool(more), **more),
    )
    finished(engine, engine.update_node_pool(made.id, update))
    after = engine.get_node_pool(made.id).data
    assert after.node_image_name.endswith("OKE-1.35.2-1421")
    assert [each.kubernetes_version for each in after.nodes] == versions
    before = {each.id for each in made.nodes}
    assert before.isdisjoint(each.id for each in after.nodes) == replaced


def test_nodes_are_spread_over_domains(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    about = site.pool(size=3)
    places = [
        OKE.NodePoolPlacementConfigDetails(availability_domain=each, subnet_id=site.subnets["workers"])
        for each in (ONE, TWO)
    ]
    about.node_config_details.placement_configs = places
    engine = oci_cloud.client("container_engine")
    work = finished(engine, engine.create_node_pool(about))
    made = engine.get_node_pool(work.resources[0].identifier).data
    assert sorted(each.availability_domain for each in made.nodes) == [ONE, ONE, TWO]
    config = OKE.UpdateNodePoolNodeConfigDetails(size=4)
    finished(engine, engine.update_node_pool(made.id, OKE.UpdateNodePoolDetails(node_config_details=config)))
    after = engine.get_node_pool(made.id).data
    assert sorted(each.availability_domain for each in after.nodes) == [ONE, ONE, TWO, TWO]


@pytest.mark.parametrize("cores, status", [(4, "SUCCEEDED"), (5, "FAILED")])
def test_cores_count_against_their_limit(oci_cloud: Running, cores: int, status: str) -> None:
    site = built(oci_cloud)
    oci_cloud.limits["standard-e4-core-count"] = 4
    image = OKE.NodeSourceViaImageDetails(image_id=site.image("8.10-2026.07.31"))
    config = OKE.CreateNodeShapeConfigDetails(ocpus=float(cores), memory_in_gbs=16.0)
    work, _ = pool(site, node_shape="VM.Standard.E4.Flex", node_shape_config=config, node_source_details=image)
    assert work.status == status


def test_a_limit_stops_a_launch(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.limits[f"gpu-a10-count/{ONE}"] = 1
    work, made = pool(site, size=2)
    assert work.status == "FAILED"
    assert [each.node_error.code for each in made.nodes if each.node_error] == ["LimitExceeded"]


def test_a_subnet_runs_out_of_addresses(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    network = oci_cloud.client("virtual_network")
    oci_cloud.pace = 0
    about = CORE.CreateSubnetDetails(compartment_id=oci_cloud.tenancy, vcn_id=site.vcn, cidr_block="10.0.9.0/30")
    site.subnets["workers"] = network.create_subnet(about).data.id
    _, made = pool(site, size=2)
    assert [each.node_error and "does not have any available private IPs" in each.node_error.message
            for each in made.nodes] == [None, True]  # fmt: skip


def report(cloud: Running, shape: str, domain: str = ONE, fault_domain: str | None = None) -> tuple[str, int | None]:
    """What a capacity report says of a shape."""
    asked = CORE.CreateCapacityReportShapeAvailabilityDetails(instance_shape=shape, fault_domain=fault_domain)
    details = CORE.CreateComputeCapacityReportDetails(
        compartment_id=cloud.tenancy, availability_domain=domain, shape_availabilities=[asked]
    )
    said = cloud.client("compute").create_compute_capacity_report(details).data.shape_availabilities[0]
    return said.availability_status, said.available_count


def test_a_capacity_report_agrees_with_launches(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.capacity = {f"{A10}/{ONE}": 2, f"{A10}/{TWO}": 0, f"{A10}/{TWO}/FAULT-DOMAIN-1": 0}
    assert report(oci_cloud, A10) == ("AVAILABLE", 2)
    pool(site, size=1)
    assert report(oci_cloud, A10) == ("AVAILABLE", 1)
    assert report(oci_cloud, A10, TWO) == ("OUT_OF_HOST_CAPACITY", 0)
    assert report(oci_cloud, A10, TWO, "FAULT-DOMAIN-1") == ("OUT_OF_HOST_CAPACITY", 0)
    assert report(oci_cloud, "BM.GPU.X.8") == ("HARDWARE_NOT_SUPPORTED", None)
    assert refused(report, oci_cloud, A10, "AD-1")[:2] == (400, "InvalidParameter")


def test_a_reservation_keeps_hosts(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.capacity, oci_cloud.pace = {f"{A10}/{ONE}": 2}, 0
    config = CORE.InstanceReservationConfigDetails(instance_shape=A10, reserved_count=2)
    details = CORE.CreateComputeCapacityReservationDetails(
        compartment_id=oci_cloud.tenancy, availability_domain=ONE, instance_reservation_configs=[config]
    )
    made = oci_cloud.client("compute").create_compute_capacity_reservation(details).data
    assert report(oci_cloud, A10) == ("OUT_OF_HOST_CAPACITY", 0)
    assert pool(site, size=1)[0].status == "FAILED"
    assert pool(site, size=2, reservation=made.id, name="b")[0].status == "SUCCEEDED"
    assert pool(site, size=1, reservation=made.id, name="c")[0].status == "FAILED"
    again = refused(oci_cloud.client("compute").create_compute_capacity_reservation, details)
    assert again == (500, "InternalError", "Out of host capacity.")
    compute = oci_cloud.client("compute")
    assert refused(compute.delete_compute_capacity_reservation, made.id)[:2] == (409, "Conflict")


def test_a_reservation_is_deleted_by_a_work_request(oci_cloud: Running) -> None:
    oci_cloud.pace = 0
    compute = oci_cloud.client("compute")
    config = CORE.InstanceReservationConfigDetails(instance_shape=A10, reserved_count=1)
    details = CORE.CreateComputeCapacityReservationDetails(
        compartment_id=oci_cloud.tenancy, availability_domain=ONE, instance_reservation_configs=[config]
    )
    made = compute.create_compute_capacity_reservation(details).data
    work = oci.work_requests.WorkRequestClient(
        {**compute.base_client.config, "user": "ocid1.user.oc1..x"},
        signer=compute.base_client.signer,
        service_endpoint=oci_cloud.endpoint("compute"),
    )
    id = compute.delete_compute_capacity_reservation(made.id).headers["opc-work-request-id"]
    assert work.get_work_request(id).data.status == "SUCCEEDED"
    composite = oci.core.ComputeClientCompositeOperations(compute, work_request_client=work)
    again = compute.create_compute_capacity_reservation(details).data
    said = composite.delete_compute_capacity_reservation_and_wait_for_work_request(again.id)
    assert said.data.status == "SUCCEEDED"
    assert oci_cloud.live() == []


def test_images_fit_shapes(oci_cloud: Running) -> None:
    compute = oci_cloud.client("compute")
    names = [each.display_name for each in compute.list_images(oci_cloud.tenancy, shape="VM.Standard.A1.Flex").data]
    assert names and all("aarch64" in each for each in names)
    image = compute.list_images(
        oci_cloud.tenancy, shape=A10, display_name="Oracle-Linux-8.10-Gen2-GPU-2026.07.31-0"
    ).data
    entries = compute.list_image_shape_compatibility_entries(image[0].id).data
    assert A10 in {each.shape for each in entries} and "VM.Standard.E4.Flex" not in {each.shape for each in entries}
    shapes = {each.shape: each for each in compute.list_shapes(oci_cloud.tenancy).data}
    assert (shapes[A10].gpus, shapes[A10].quota_names) == (1, ["gpu-a10-count"])


def test_options_are_of_a_version(oci_cloud: Running) -> None:
    engine = oci_cloud.client("container_engine")
    said = engine.get_node_pool_options("all", node_pool_k8s_version="v1.34.2", node_pool_os_arch="AARCH64").data
    assert [each.source_name for each in said.sources] == ["Oracle-Linux-8.10-aarch64-2026.07.31-0-OKE-1.34.2-1421"]
    assert engine.get_cluster_options("all").data.kubernetes_versions[-1] == "v1.36.1"


@pytest.mark.parametrize(
    "version, possible", [("v1.36.1", True), ("v1.35.2", True), ("v1.34.2", False), ("v1.37.0", False)]
)
def test_a_cluster_goes_up_one_minor_version(oci_cloud: Running, version: str, possible: bool) -> None:
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    details = OKE.UpdateClusterDetails(kubernetes_version=version)
    if not possible:
        assert "is no upgrade of v1.35.2" in refused(engine.update_cluster, site.cluster, details)[2]
        return
    finished(engine, engine.update_cluster(site.cluster, details))
    assert engine.get_cluster(site.cluster).data.kubernetes_version == version


# Add-ons.


def test_addons_come_in_their_order(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    assert {each.name for each in engine.list_addons(site.cluster).data} == {"CoreDNS", "KubeProxy", "OciVcnIpNative"}
    metrics = OKE.InstallAddonDetails(addon_name="KubernetesMetricsServer")
    assert finished(engine, engine.install_addon(site.cluster, metrics)).status == "FAILED"
    failed = engine.get_addon(site.cluster, "KubernetesMetricsServer").data
    assert (failed.lifecycle_state, failed.addon_error.message) == (
        "NEEDS_ATTENTION",
        "requires the add-on CertManager",
    )
    manager = OKE.InstallAddonDetails(
        addon_name="CertManager", configurations=[OKE.AddonConfiguration(key="a", value="1")]
    )
    assert finished(engine, engine.install_addon(site.cluster, manager, opc_retry_token="t")).status == "SUCCEEDED"
    assert engine.install_addon(site.cluster, manager, opc_retry_token="t").status == 202
    assert refused(engine.install_addon, site.cluster, manager)[:2] == (409, "Conflict")
    engine.update_addon(site.cluster, "KubernetesMetricsServer", OKE.UpdateAddonDetails())
    states = [engine.get_addon(site.cluster, "KubernetesMetricsServer").data.lifecycle_state for _ in range(3)]
    assert states == ["UPDATING", "UPDATING", "ACTIVE"]
    finished(engine, engine.disable_addon(site.cluster, "CertManager", True))
    assert "CertManager" not in {each.name for each in engine.list_addons(site.cluster).data}


@pytest.mark.parametrize("name", ["NvidiaGpuPlugins", "gpu"])
def test_addons_are_known(oci_cloud: Running, name: str) -> None:
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    assert name not in {each.name for each in engine.list_addon_options("v1.35.2").data}
    assert refused(engine.install_addon, site.cluster, OKE.InstallAddonDetails(addon_name=name))[0] == 400


# Kubeconfigs.


@pytest.mark.parametrize("endpoint, server", [
    ("PUBLIC_ENDPOINT", "https://203.0.113.10:6443"), ("PRIVATE_ENDPOINT", "https://10.0.0.2:6443"),
])  # fmt: skip
def test_a_kubeconfig_names_the_endpoint(oci_cloud: Running, endpoint: str, server: str) -> None:
    site = built(oci_cloud)
    details = OKE.CreateClusterKubeconfigContentDetails(token_version="2.0.0", endpoint=endpoint)
    engine = oci_cloud.client("container_engine")
    said = engine.create_kubeconfig(site.cluster, create_cluster_kubeconfig_content_details=details).data.text
    config = yaml.safe_load(said)
    assert config["clusters"][0]["cluster"]["server"] == server
    run = config["users"][0]["user"]["exec"]
    assert [run["command"], *run["args"][:5]] == [
        "oci",
        "ce",
        "cluster",
        "generate-token",
        "--cluster-id",
        site.cluster,
    ]


def test_a_kubeconfig_may_name_a_real_server(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.kubernetes = {"server": "https://127.0.0.1:6443", "ca": "Y2E="}
    said = oci_cloud.client("container_engine").create_kubeconfig(site.cluster).data.text
    assert yaml.safe_load(said)["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:6443",
        "certificate-authority-data": "Y2E=",
    }
