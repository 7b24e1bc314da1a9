"""Things of tests/oci go through their states as they are read, by themselves or by a work request."""

import re
from types import SimpleNamespace
from typing import Any

import oci
import pytest

from tests.oci.fixture import Running, running
from tests.oci.site import CORE, OKE, built, finished

IAM = oci.identity.models


@pytest.fixture(autouse=True)
def waits_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(time=lambda: 0, sleep=lambda _: None)
    monkeypatch.setattr("oci.waiter.time", clock)


def vcn(cloud: Running, **more: Any) -> Any:
    about = {"compartment_id": cloud.tenancy, "cidr_blocks": ["10.0.0.0/16"], **more}
    return cloud.client("virtual_network").create_vcn(CORE.CreateVcnDetails(**about)).data


@pytest.mark.parametrize("pace", [0, 1, 3])
def test_a_vcn_is_available_after_some_reads(oci_cloud: Running, pace: int) -> None:
    oci_cloud.pace = pace
    client, made = oci_cloud.client("virtual_network"), vcn(oci_cloud)
    seen = [made.lifecycle_state, *(client.get_vcn(made.id).data.lifecycle_state for _ in range(pace + 1))]
    assert seen == ["PROVISIONING"] * (pace + 1 if pace else 0) + ["AVAILABLE"] * (1 if pace else 2)


def test_a_kind_may_take_longer(oci_cloud: Running) -> None:
    oci_cloud.paces["vcn"] = 2
    client, made = oci_cloud.client("virtual_network"), vcn(oci_cloud)
    assert [client.get_vcn(made.id).data.lifecycle_state for _ in range(3)] == ["PROVISIONING"] * 2 + ["AVAILABLE"]


def test_a_deleted_vcn_is_seen_once_more_and_then_not_found(oci_cloud: Running) -> None:
    client, made = oci_cloud.client("virtual_network"), vcn(oci_cloud)
    client.get_vcn(made.id)
    client.delete_vcn(made.id)
    assert [client.get_vcn(made.id).data.lifecycle_state for _ in range(2)] == ["TERMINATING", "TERMINATED"]
    with pytest.raises(oci.exceptions.ServiceError) as error:
        client.get_vcn(made.id)
    assert (error.value.status, error.value.code) == (404, "NotAuthorizedOrNotFound")
    assert oci_cloud.live() == []
    assert list(oci_cloud.all("route_table")) == []


def test_the_sdk_waits_for_it(oci_cloud: Running) -> None:
    client = oci.core.VirtualNetworkClientCompositeOperations(oci_cloud.client("virtual_network"))
    about = CORE.CreateVcnDetails(compartment_id=oci_cloud.tenancy, cidr_blocks=["10.0.0.0/16"])
    made = client.create_vcn_and_wait_for_state(about, ["AVAILABLE"]).data
    assert made.lifecycle_state == "AVAILABLE"
    client.delete_vcn_and_wait_for_state(made.id, ["TERMINATED"])
    assert oci_cloud.live() == []


def test_what_is_not_ready_cannot_be_used(oci_cloud: Running) -> None:
    client, made = oci_cloud.client("virtual_network"), vcn(oci_cloud)
    about = CORE.CreateSubnetDetails(compartment_id=oci_cloud.tenancy, vcn_id=made.id, cidr_block="10.0.0.0/24")
    with pytest.raises(oci.exceptions.ServiceError) as error:
        client.create_subnet(about)
    assert (error.value.status, error.value.code) == (409, "IncorrectState")
    assert client.create_subnet(about).data.lifecycle_state == "PROVISIONING"


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_a_policy_is_seen_later(oci_cloud: Running, lag: int) -> None:
    oci_cloud.lag = lag
    client = oci_cloud.client("identity")
    about = IAM.CreatePolicyDetails(
        compartment_id=oci_cloud.tenancy,
        name="p",
        description="",
        statements=["Allow any-user to use vnics in tenancy"],
    )
    made = client.create_policy(about).data
    for _ in range(lag):
        with pytest.raises(oci.exceptions.ServiceError) as error:
            client.get_policy(made.id)
        assert (error.value.status, error.value.code) == (404, "NotAuthorizedOrNotFound")
    assert client.get_policy(made.id).data.name == "p"


def test_nor_is_a_list_complete_at_once(oci_cloud: Running) -> None:
    oci_cloud.lags["vcn"] = 1
    client, made = oci_cloud.client("virtual_network"), vcn(oci_cloud)
    assert [[each.id for each in client.list_vcns(oci_cloud.tenancy).data] for _ in range(2)] == [[], [made.id]]


def test_a_new_compartment_is_no_compartment_yet(oci_cloud: Running) -> None:
    client = oci_cloud.client("identity")
    oci_cloud.lag, oci_cloud.apart = 2, False
    about = IAM.CreateCompartmentDetails(compartment_id=oci_cloud.tenancy, name="gpu", description="")
    made = client.create_compartment(about).data
    statements = [f"Allow any-user to use vnics in compartment id {made.id}"]
    policy = IAM.CreatePolicyDetails(compartment_id=oci_cloud.tenancy, name="p", description="", statements=statements)
    with pytest.raises(
        oci.exceptions.ServiceError, match="does not exist or is not part of the policy compartment"
    ) as error:
        client.create_policy(policy)
    assert (error.value.status, error.value.code) == (400, "InvalidParameter")
    with pytest.raises(oci.exceptions.ServiceError) as error:
        vcn(oci_cloud, compartment_id=made.id)
    assert (error.value.status, error.value.code) == (404, "NotAuthorizedOrNotFound")
    assert client.create_policy(policy).data.name == "p"
    with pytest.raises(oci.exceptions.ServiceError) as error:
        vcn(oci_cloud, compartment_id=made.id)
    assert (error.value.status, error.value.code) == (409, "IncorrectState")
    assert vcn(oci_cloud, compartment_id=made.id).compartment_id == made.id


@pytest.mark.parametrize("apart", [False, True])
def test_each_service_may_see_it_later_by_itself(oci_cloud: Running, apart: bool) -> None:
    oci_cloud.lag, oci_cloud.pace, oci_cloud.apart = 1, 0, apart
    client = oci_cloud.client("identity")
    about = IAM.CreateCompartmentDetails(compartment_id=oci_cloud.tenancy, name="gpu", description="")
    made = client.create_compartment(about).data.id
    with pytest.raises(oci.exceptions.ServiceError):
        client.get_compartment(made)
    client.get_compartment(made)
    statements = [f"Allow any-user to use vnics in compartment id {made}"]
    policy = IAM.CreatePolicyDetails(compartment_id=made, name="p", description="", statements=statements)
    asks = [
        lambda: client.create_policy(policy),
        lambda: vcn(oci_cloud, compartment_id=made),
        lambda: oci_cloud.client("file_storage").list_file_systems(made, "Uocm:US-ASHBURN-AD-1"),
    ]
    for ask in asks:
        if apart:
            with pytest.raises(oci.exceptions.ServiceError):
                ask()
        ask()


STATEMENTS = {
    "Allow any-user to use vnics in compartment outer": None,
    "Allow any-user to use vnics in compartment Inner": None,
    "Allow any-user to use vnics in compartment outer:inner": None,
    "Allow any-user to use vnics in compartment id OUTER": None,
    "allow service oke to {CLUSTER_JOIN} in compartment id INNER where target.cluster.id = 'x'": None,
    "Allow dynamic-group nodes to read repos in compartment id INNER": None,
    "Allow dynamic-group 'Default'/'nodes' to read repos in compartment id INNER": None,
    "Allow any-user to use vnics in compartment beside": "The compartment beside specified in the policy",
    "Allow any-user to use vnics in compartment inner:outer": "The compartment inner:outer specified in the policy",
    "Allow any-user to use vnics in compartment id BESIDE": "not part of the policy compartment subtree",
    "Allow any-user to use vnics in compartment id TENANCY": "not part of the policy compartment subtree",
    "Allow any-user to use vnics in compartment id ocid1.compartment.oc1..x": "does not exist or is not part",
    "Allow any-user to use vnics in tenancy": "belongs into a policy of the tenancy",
    "Allow dynamic-group gpus to read repos in compartment id INNER": "The dynamic group gpus specified in the policy",
    "Alow any-user to use vnics in compartment outer": "unable to parse policy statement",
    "Allow any-user use vnics in compartment outer": "unable to parse policy statement",
    "Allow somebody to use vnics in compartment outer": "unable to parse policy statement",
    "Allow any-user to use vnics": "unable to parse policy statement",
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statements_are_about_what_is_there_and_below(oci_cloud: Running, statement: str) -> None:
    oci_cloud.lag = oci_cloud.pace = 0
    client, message = oci_cloud.client("identity"), STATEMENTS[statement]

    def compartment(name: str, inside: str) -> str:
        about = IAM.CreateCompartmentDetails(compartment_id=inside, name=name, description="")
        return str(client.create_compartment(about).data.id)

    outer, beside = compartment("outer", oci_cloud.tenancy), compartment("beside", oci_cloud.tenancy)
    ids = {"OUTER": outer, "BESIDE": beside, "INNER": compartment("inner", outer), "TENANCY": oci_cloud.tenancy}
    client.create_dynamic_group(
        IAM.CreateDynamicGroupDetails(
            compartment_id=oci_cloud.tenancy, name="nodes", description="", matching_rule="ALL {}"
        )
    )
    said = re.sub("[A-Z]{5,}", lambda found: ids.get(found[0], found[0]), statement)
    policy = IAM.CreatePolicyDetails(compartment_id=outer, name="p", description="", statements=[said])
    if message is None:
        assert client.create_policy(policy).data.statements == [said]
        return
    with pytest.raises(oci.exceptions.ServiceError, match=message) as error:
        client.create_policy(policy)
    assert (error.value.status, error.value.code) == (400, "InvalidParameter")


WRITES = {
    "compartment": lambda cloud, at: at.create_compartment(
        IAM.CreateCompartmentDetails(compartment_id=cloud.tenancy, name="x", description="")
    ),
    "policy": lambda cloud, at: at.create_policy(
        IAM.CreatePolicyDetails(
            compartment_id=cloud.tenancy,
            name="x",
            description="",
            statements=["Allow any-user to use vnics in tenancy"],
        )
    ),
    "dynamic_group": lambda cloud, at: at.create_dynamic_group(
        IAM.CreateDynamicGroupDetails(compartment_id=cloud.tenancy, name="x", description="", matching_rule="ALL {}")
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_iam_is_written_in_the_home_region_and_read_everywhere(oci_cloud: Running, name: str) -> None:
    oci_cloud.lag = 0
    away = oci_cloud.client("identity", region="us-phoenix-1")
    with pytest.raises(oci.exceptions.ServiceError, match="Please go to your home region IAD") as error:
        WRITES[name](oci_cloud, away)
    assert (error.value.status, error.value.code) == (403, "NotAllowed")
    made = WRITES[name](oci_cloud, oci_cloud.client("identity")).data
    assert getattr(away, f"get_{name}")(made.id).data.name == "x"


def test_a_vcn_is_of_its_region(oci_cloud: Running) -> None:
    made = vcn(oci_cloud)
    with pytest.raises(oci.exceptions.ServiceError) as error:
        oci_cloud.client("virtual_network", region="us-phoenix-1").get_vcn(made.id)
    assert error.value.status == 404
    assert oci_cloud.client("virtual_network", region="us-phoenix-1").list_vcns(oci_cloud.tenancy).data == []


def test_the_home_region_is_said(oci_cloud: Running) -> None:
    client = oci_cloud.client("identity", region="us-phoenix-1")
    homes = {each.region_name: each.is_home_region for each in client.list_region_subscriptions(oci_cloud.tenancy).data}
    assert homes == {"us-ashburn-1": True, "us-phoenix-1": False}
    assert client.get_tenancy(oci_cloud.tenancy).data.home_region_key == "IAD"


def test_domains_are_those_of_the_region(oci_cloud: Running) -> None:
    for region, names in (("us-ashburn-1", 3), ("us-phoenix-1", 3)):
        client = oci_cloud.client("identity", region=region)
        found = [each.name for each in client.list_availability_domains(oci_cloud.tenancy).data]
        assert len(found) == names
        parts = client.list_fault_domains(oci_cloud.tenancy, found[0]).data
        assert [each.name for each in parts] == ["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"]
    with pytest.raises(oci.exceptions.ServiceError, match="is none of us-ashburn-1"):
        oci_cloud.client("identity").list_fault_domains(oci_cloud.tenancy, found[0])


def test_compartments_are_listed_by_level_or_all_of_them(oci_cloud: Running) -> None:
    oci_cloud.lag = oci_cloud.pace = 0
    client = oci_cloud.client("identity")
    one = IAM.CreateCompartmentDetails(compartment_id=oci_cloud.tenancy, name="one", description="")
    outer = client.create_compartment(one).data.id
    two = IAM.CreateCompartmentDetails(compartment_id=outer, name="two", description="")
    client.create_compartment(two)
    names = [each.name for each in client.list_compartments(oci_cloud.tenancy).data]
    every = client.list_compartments(oci_cloud.tenancy, compartment_id_in_subtree=True, access_level="ANY").data
    assert (names, [each.name for each in every]) == (["one"], ["one", "two"])
    assert [each.name for each in client.list_compartments(outer, name="two").data] == ["two"]


def test_a_dynamic_group_is_of_the_tenancy(oci_cloud: Running) -> None:
    oci_cloud.lag = oci_cloud.pace = 0
    client = oci_cloud.client("identity")
    about = IAM.CreateCompartmentDetails(compartment_id=oci_cloud.tenancy, name="one", description="")
    inner = client.create_compartment(about).data.id
    group = IAM.CreateDynamicGroupDetails(compartment_id=inner, name="x", description="", matching_rule="ALL {}")
    with pytest.raises(oci.exceptions.ServiceError, match="only be created in the tenancy compartment") as error:
        client.create_dynamic_group(group)
    assert (error.value.status, error.value.code) == (400, "InvalidParameter")


def test_a_work_request_makes_a_cluster(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    said = engine.create_node_pool(site.pool())
    assert said.data is None
    id = said.headers["opc-work-request-id"]
    states = [engine.get_work_request(id).data.status for _ in range(3)]
    assert states == ["ACCEPTED", "IN_PROGRESS", "SUCCEEDED"]
    work = engine.get_work_request(id).data
    assert work.operation_type == "NODEPOOL_CREATE"
    assert [(each.entity_type, each.action_type) for each in work.resources] == [("nodepool", "CREATED")]
    assert engine.get_node_pool(work.resources[0].identifier).data.lifecycle_state == "ACTIVE"
    assert [each.message for each in engine.list_work_request_logs(oci_cloud.tenancy, id).data]
    assert engine.list_work_request_errors(oci_cloud.tenancy, id).data == []
    of_cluster = engine.list_work_requests(oci_cloud.tenancy, cluster_id=site.cluster).data
    assert [each.operation_type for each in of_cluster] == ["CLUSTER_CREATE"]


def test_reading_the_cluster_brings_it_on_as_well(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    engine.update_cluster(site.cluster, OKE.UpdateClusterDetails(name="other"))
    states = [engine.get_cluster(site.cluster).data.lifecycle_state for _ in range(3)]
    assert states == ["UPDATING", "UPDATING", "ACTIVE"]


def test_a_work_request_that_fails_is_no_error_for_the_sdk(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.script.fail_work("NODEPOOL_CREATE", code="LimitExceeded", message="no more")
    engine = oci_cloud.client("container_engine")
    composite = oci.container_engine.ContainerEngineClientCompositeOperations(engine)
    work = composite.create_node_pool_and_wait_for_state(site.pool(), ["SUCCEEDED", "FAILED"]).data
    assert work.status == "FAILED"
    assert [(each.code, each.message) for each in engine.list_work_request_errors(oci_cloud.tenancy, work.id).data] == [
        ("LimitExceeded", "no more")
    ]
    assert engine.get_node_pool(work.resources[0].identifier).data.lifecycle_state == "FAILED"


def test_a_deleted_cluster_is_shown_as_such_for_good(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    finished(engine, engine.create_node_pool(site.pool()))
    assert finished(engine, engine.delete_cluster(site.cluster)).status == "SUCCEEDED"
    assert [engine.get_cluster(site.cluster).data.lifecycle_state for _ in range(3)] == ["DELETED"] * 3
    assert [each.lifecycle_state for each in engine.list_node_pools(oci_cloud.tenancy).data] == ["DELETED"]
    assert list(oci_cloud.all("instance")) == list(oci_cloud.all("vnic")) == []


def test_a_compartment_goes_only_when_it_is_empty(oci_cloud: Running) -> None:
    oci_cloud.lag = oci_cloud.pace = 0
    client, network = oci_cloud.client("identity"), oci_cloud.client("virtual_network")
    about = IAM.CreateCompartmentDetails(compartment_id=oci_cloud.tenancy, name="gpu", description="")
    made = client.create_compartment(about).data
    inside = vcn(oci_cloud, compartment_id=made.id)
    first = client.get_work_request(client.delete_compartment(made.id).headers["opc-work-request-id"]).data
    assert (first.status, client.get_compartment(made.id).data.lifecycle_state) == ("FAILED", "ACTIVE")
    network.delete_vcn(inside.id)
    second = client.get_work_request(client.delete_compartment(made.id).headers["opc-work-request-id"]).data
    assert (second.status, client.get_compartment(made.id).data.lifecycle_state) == ("SUCCEEDED", "DELETED")


def test_two_runs_are_alike() -> None:
    ids = []
    for _ in range(2):
        with running() as cloud:
            site = built(cloud)
            ids.append((site.vcn, site.cluster, site.subnets, vcn(cloud).time_created))
    assert ids[0] == ids[1]
