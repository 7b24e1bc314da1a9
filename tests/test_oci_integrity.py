"""tests/oci keeps its things whole: what is needed stays, what was asked for twice is made once."""

from typing import Any

import oci
import pytest

from tests.oci import leftovers
from tests.oci.fixture import Running
from tests.oci.site import CORE, Site, built, finished
from tests.oci.world import domains

FILES = oci.file_storage.models


def refused(call: Any, *arguments: Any, **more: Any) -> tuple[int, str]:
    """How a call is refused."""
    with pytest.raises(oci.exceptions.ServiceError) as error:
        call(*arguments, **more)
    return error.value.status, error.value.code


def vcn_details(cloud: Running, **more: Any) -> Any:
    return CORE.CreateVcnDetails(**{"compartment_id": cloud.tenancy, "cidr_blocks": ["10.1.0.0/16"], **more})


NEEDED = {
    "a VCN with subnets": ("virtual_network", "delete_vcn", lambda site: site.vcn),
    "a gateway with routes": ("virtual_network", "delete_internet_gateway", lambda site: site.gateway),
    "a route table of subnets": ("virtual_network", "delete_route_table", lambda site: site.routes),
    "a subnet of a cluster": ("virtual_network", "delete_subnet", lambda site: site.subnets["endpoint"]),
    "a subnet of a node pool": ("virtual_network", "delete_subnet", lambda site: site.subnets["workers"]),
    "a subnet of pods": ("virtual_network", "delete_subnet", lambda site: site.subnets["pods"]),
    "a subnet of a mount target": ("virtual_network", "delete_subnet", lambda site: site.subnets["files"]),
    "a subnet of a load balancer": ("virtual_network", "delete_subnet", lambda site: site.subnets["balancers"]),
    "a group of nodes": ("virtual_network", "delete_network_security_group", lambda site: site.group),
    "a file system with an export": ("file_storage", "delete_file_system", lambda site: first(site, "file_system")),
    "a mount target with one": ("file_storage", "delete_mount_target", lambda site: first(site, "mount_target")),
    "a default route table": ("virtual_network", "delete_route_table", lambda site: default(site, "RouteTable")),
    "a default security list": ("virtual_network", "delete_security_list", lambda site: default(site, "SecurityList")),
}


def first(site: Site, kind: str) -> str:
    return next(site.cloud.all(kind)).id


def default(site: Site, what: str) -> str:
    return str(site.cloud.things[site.vcn].has[f"default{what}Id"])


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_needed_is_not_deleted(oci_cloud: Running, name: str) -> None:
    service, call, which = NEEDED[name]
    site = built(oci_cloud)
    oci_cloud.pace = 0
    oci_cloud.client("container_engine").create_node_pool(site.pool())
    leftovers.mount_target(oci_cloud, site.subnets["files"])
    leftovers.load_balancer(oci_cloud, site.subnets["balancers"])
    before = oci_cloud.live()
    assert refused(getattr(oci_cloud.client(service), call), which(site)) == (409, "Conflict")
    assert oci_cloud.live() == before


def test_all_of_it_goes_in_the_right_order(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.pace = 0
    engine, network = oci_cloud.client("container_engine"), oci_cloud.client("virtual_network")
    files, balancers = oci_cloud.client("file_storage"), oci_cloud.client("load_balancer")
    engine.create_node_pool(site.pool())
    leftovers.mount_target(oci_cloud, site.subnets["files"])
    leftovers.load_balancer(oci_cloud, site.subnets["balancers"])
    leftovers.load_balancer(oci_cloud, site.subnets["balancers"], network=True)
    leftovers.machine(oci_cloud, site.subnets["workers"])
    leftovers.volume(oci_cloud, oci_cloud.tenancy)
    engine.delete_node_pool(engine.list_node_pools(oci_cloud.tenancy).data[0].id)
    engine.delete_cluster(site.cluster)
    oci_cloud.client("compute").terminate_instance(first(site, "instance"))
    oci_cloud.client("blockstorage").delete_volume(first(site, "volume"))
    balancers.delete_load_balancer(first(site, "load_balancer"))
    oci_cloud.client("network_load_balancer").delete_network_load_balancer(first(site, "network_load_balancer"))
    for kind in ("export", "mount_target", "file_system"):
        getattr(files, f"delete_{kind}")(first(site, kind))
    network.delete_network_security_group(site.group)
    for subnet in site.subnets.values():
        network.delete_subnet(subnet)
    network.delete_route_table(site.routes)
    network.delete_internet_gateway(site.gateway)
    network.delete_vcn(site.vcn)
    assert oci_cloud.live() == []
    assert [each for each in oci_cloud.things.values() if not each.gone and each.name_of_kind != "work_request"][
        1:
    ] == []


def test_a_subnet_waits_until_a_mount_target_is_gone(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    files, network = oci_cloud.client("file_storage"), oci_cloud.client("virtual_network")
    leftovers.mount_target(oci_cloud, site.subnets["files"])
    oci_cloud.paces["mount_target"] = 2
    oci_cloud.end(next(oci_cloud.all("export")))
    files.delete_mount_target(first(site, "mount_target"))
    for _ in range(2):
        assert refused(network.delete_subnet, site.subnets["files"]) == (409, "Conflict")
    network.delete_subnet(site.subnets["files"])


MISSING = {
    "vcn": lambda site: CORE.CreateSubnetDetails(
        compartment_id=site.cloud.tenancy, vcn_id="ocid1.vcn.oc1.iad.x", cidr_block="10.0.9.0/24"
    ),
    "compartment": lambda site: CORE.CreateSubnetDetails(
        compartment_id="ocid1.compartment.oc1..x", vcn_id=site.vcn, cidr_block="10.0.9.0/24"
    ),
    "of another kind": lambda site: CORE.CreateSubnetDetails(
        compartment_id=site.cloud.tenancy, vcn_id=site.gateway, cidr_block="10.0.9.0/24"
    ),
    "in a list": lambda site: CORE.CreateSubnetDetails(
        compartment_id=site.cloud.tenancy, vcn_id=site.vcn, cidr_block="10.0.9.0/24", security_list_ids=["ocid1.x"]
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_what_a_body_names_has_to_be_there(oci_cloud: Running, name: str) -> None:
    site = built(oci_cloud)
    call = oci_cloud.client("virtual_network").create_subnet
    assert refused(call, MISSING[name](site)) == (404, "NotAuthorizedOrNotFound")


SUBNETS = {
    "outside": ({"cidr_block": "10.9.0.0/24"}, "not within 10.0.0.0/16"),
    "overlap": ({"cidr_block": "10.0.1.128/25"}, "overlaps with 10.0.1.0/24"),
    "domain": ({"availability_domain": "AD-1"}, "availabilityDomain AD-1 is none of us-ashburn-1"),
    "label": ({"dns_label": "a"}, "the VCN has none"),
    "no block": ({"cidr_block": None}, "cidrBlock is required"),
}


@pytest.mark.parametrize("name", SUBNETS)
def test_a_subnet_fits_its_vcn(oci_cloud: Running, name: str) -> None:
    change, message = SUBNETS[name]
    site = built(oci_cloud)
    about = {"compartment_id": oci_cloud.tenancy, "vcn_id": site.vcn, "cidr_block": "10.0.9.0/24", **change}
    with pytest.raises(oci.exceptions.ServiceError, match=message) as error:
        oci_cloud.client("virtual_network").create_subnet(CORE.CreateSubnetDetails(**about))
    assert (error.value.status, error.value.code) == (400, "InvalidParameter")


# Retry tokens.


def test_the_same_token_makes_one(oci_cloud: Running) -> None:
    client = oci_cloud.client("virtual_network")
    ids = {client.create_vcn(vcn_details(oci_cloud), opc_retry_token="a" * 64).data.id for _ in range(3)}
    assert len(ids) == len(oci_cloud.live()) == 1
    assert client.create_vcn(vcn_details(oci_cloud), opc_retry_token="b").data.id not in ids


def test_a_work_request_is_said_again(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    first_said = engine.create_node_pool(site.pool(), opc_retry_token="t")
    finished(engine, first_said)
    again = engine.create_node_pool(site.pool(), opc_retry_token="t")
    assert again.headers["opc-work-request-id"] == first_said.headers["opc-work-request-id"]
    assert len(engine.list_node_pools(oci_cloud.tenancy).data) == 1


@pytest.mark.parametrize("name", ["another body", "deleted", "being deleted"])
def test_a_token_is_invalidated(oci_cloud: Running, name: str) -> None:
    oci_cloud.pace = 0 if name == "deleted" else 1
    client = oci_cloud.client("virtual_network")
    made = client.create_vcn(vcn_details(oci_cloud), opc_retry_token="t").data
    client.get_vcn(made.id)
    again = vcn_details(oci_cloud, display_name="other") if name == "another body" else vcn_details(oci_cloud)
    if name != "another body":
        client.delete_vcn(made.id)
    assert refused(client.create_vcn, again, opc_retry_token="t") == (409, "InvalidatedRetryToken")
    assert client.create_vcn(again, opc_retry_token="u").data.id != made.id


def test_a_token_lasts_a_day(oci_cloud: Running) -> None:
    client = oci_cloud.client("virtual_network")
    made = client.create_vcn(vcn_details(oci_cloud), opc_retry_token="t").data
    oci_cloud.pass_time(hours=23)
    assert client.create_vcn(vcn_details(oci_cloud), opc_retry_token="t").data.id == made.id
    oci_cloud.pass_time(hours=25)
    assert client.create_vcn(vcn_details(oci_cloud), opc_retry_token="t").data.id != made.id


def test_a_token_is_of_its_operation(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    client = oci_cloud.client("virtual_network")
    group = CORE.CreateNetworkSecurityGroupDetails(compartment_id=oci_cloud.tenancy, vcn_id=site.vcn)
    options = CORE.CreateVcnDetails(compartment_id=oci_cloud.tenancy, cidr_blocks=["10.1.0.0/16"])
    assert client.create_network_security_group(group, opc_retry_token="t").status == 200
    assert client.create_vcn(options, opc_retry_token="t").status == 200


def test_a_token_is_not_too_long(oci_cloud: Running) -> None:
    client = oci_cloud.client("virtual_network")
    call = client.create_vcn
    assert refused(call, vcn_details(oci_cloud), opc_retry_token="t" * 65) == (400, "InvalidParameter")


# ETags.


def test_only_who_knows_the_newest_changes_it(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    client = oci_cloud.client("virtual_network")
    old = client.get_vcn(site.vcn).headers["etag"]
    new = client.update_vcn(site.vcn, CORE.UpdateVcnDetails(freeform_tags={"a": "1"}), if_match=old).headers["etag"]
    other = CORE.UpdateVcnDetails(freeform_tags={"a": "2"})
    assert old != new == client.get_vcn(site.vcn).headers["etag"]
    assert refused(client.update_vcn, site.vcn, other, if_match=old) == (412, "NoEtagMatch")
    assert refused(client.delete_vcn, site.vcn, if_match=old) == (412, "NoEtagMatch")
    assert client.get_vcn(site.vcn).data.freeform_tags == {"a": "1"}
    assert client.update_vcn(site.vcn, other, if_match=new).data.freeform_tags == {"a": "2"}
    assert client.update_vcn(site.vcn, CORE.UpdateVcnDetails(display_name="n")).data.freeform_tags == {"a": "2"}


# Lists.


@pytest.mark.parametrize("page, limit, pages", [(100, None, 1), (2, None, 3), (100, 2, 3), (2, 100, 3), (5, None, 1)])
def test_lists_come_in_pages(oci_cloud: Running, page: int, limit: int | None, pages: int) -> None:
    site = built(oci_cloud)
    oci_cloud.page = page
    client = oci_cloud.client("virtual_network")
    more = {} if limit is None else {"limit": limit}
    said = oci.pagination.list_call_get_all_results(client.list_subnets, oci_cloud.tenancy, vcn_id=site.vcn, **more)
    assert [each.id for each in said.data] == list(site.subnets.values())
    assert oci_cloud.count("list_subnets") == pages


FILTERS = {
    "name": ({"display_name": "pods"}, ["pods"]),
    "name that is not there": ({"display_name": "pod"}, []),
    "state": ({"lifecycle_state": "AVAILABLE"}, ["endpoint", "workers", "pods", "files", "balancers"]),
    "another state": ({"lifecycle_state": "TERMINATED"}, []),
    "VCN": ({"vcn_id": "ocid1.vcn.oc1.iad.x"}, []),
}


@pytest.mark.parametrize("name", FILTERS)
def test_lists_are_filtered(oci_cloud: Running, name: str) -> None:
    wanted, names = FILTERS[name]
    built(oci_cloud)
    found = oci_cloud.client("virtual_network").list_subnets(oci_cloud.tenancy, **wanted).data
    assert [each.display_name for each in found] == names


def test_clusters_are_listed_by_several_states(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    found = engine.list_clusters(oci_cloud.tenancy, lifecycle_state=["CREATING", "ACTIVE"]).data
    assert [each.id for each in found] == [site.cluster]
    assert engine.list_clusters(oci_cloud.tenancy, lifecycle_state=["FAILED", "DELETED"]).data == []


# Names and limits.


def test_names_of_iam_are_unique(oci_cloud: Running) -> None:
    client, models = oci_cloud.client("identity"), oci.identity.models
    about = models.CreateCompartmentDetails(compartment_id=oci_cloud.tenancy, name="gpu", description="")
    client.create_compartment(about)
    assert refused(client.create_compartment, about) == (409, "CompartmentAlreadyExists")


LIMITS = {
    "vcn-count": lambda cloud: cloud.client("virtual_network").create_vcn(vcn_details(cloud)),
    "file-system-count": lambda cloud: cloud.client("file_storage").create_file_system(
        FILES.CreateFileSystemDetails(compartment_id=cloud.tenancy, availability_domain=domains(cloud.home)[0])
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_kept(oci_cloud: Running, name: str) -> None:
    oci_cloud.limits[name] = 1
    LIMITS[name](oci_cloud)
    assert refused(LIMITS[name], oci_cloud) == (400, "LimitExceeded")


def test_what_is_left_of_a_limit_is_said(oci_cloud: Running) -> None:
    oci_cloud.limits[f"gpu-a10-count/{domains(oci_cloud.home)[1]}"] = 7
    limits, (one, two, _) = oci_cloud.client("limits"), domains(oci_cloud.home)
    ask = limits.get_resource_availability
    said = [ask("compute", "gpu-a10-count", oci_cloud.tenancy, availability_domain=each).data for each in (one, two)]
    assert [(each.used, each.available) for each in said] == [(0, 32), (0, 7)]
    assert ask("vcn", "vcn-count", oci_cloud.tenancy).data.available == 50
    assert refused(ask, "compute", "gpu-a10-count", oci_cloud.tenancy) == (400, "InvalidParameter")
    assert refused(ask, "vcn", "vcn-count", oci_cloud.tenancy, availability_domain=one) == (400, "InvalidParameter")
    assert refused(ask, "compute", "gpu-x-count", oci_cloud.tenancy)[0] == 404


def test_mount_targets_are_made_one_by_one(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    client = oci_cloud.client("file_storage")
    about = FILES.CreateMountTargetDetails(
        compartment_id=oci_cloud.tenancy,
        availability_domain=domains(oci_cloud.home)[0],
        subnet_id=site.subnets["files"],
    )
    made = client.create_mount_target(about).data
    assert refused(client.create_mount_target, about) == (409, "Conflict")
    address = oci_cloud.client("virtual_network").get_private_ip(made.private_ip_ids[0]).data.ip_address
    assert address.startswith("10.0.3.")
    client.get_mount_target(client.create_mount_target(about).data.id)
    assert refused(client.create_mount_target, about) == (400, "LimitExceeded")
