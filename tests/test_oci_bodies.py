"""tests/oci takes bodies as the SDK's models have them, and answers such that the SDK reads all of it."""

from typing import Any

import oci
import pytest

from tests.oci.fixture import Running
from tests.oci.kinds import KINDS, served
from tests.oci.models import problems, project
from tests.oci.operations import operation
from tests.oci.site import built


def refused(call: Any, *arguments: Any, **more: Any) -> tuple[int, str, str]:
    """How a call is refused."""
    with pytest.raises(oci.exceptions.ServiceError) as error:
        call(*arguments, **more)
    return error.value.status, error.value.code, error.value.message


VCN = {"compartmentId": "TENANCY", "cidrBlocks": ["10.0.0.0/16"]}
BODIES = {
    "unknown field": ({"bogus": 1}, "InvalidParameter", "bogus: unknown field of CreateVcnDetails"),
    "wrong type": ({"displayName": 1}, "InvalidParameter", "displayName: 1 is not str"),
    "wrong type in a list": ({"cidrBlocks": [16]}, "InvalidParameter", "cidrBlocks[0]: 16 is not str"),
    "no list": ({"cidrBlocks": "10.0.0.0/16"}, "InvalidParameter", "cidrBlocks: '10.0.0.0/16' is not a list"),
    "no map": ({"freeformTags": []}, "InvalidParameter", "freeformTags: [] is not a map"),
    "value of a map": ({"freeformTags": {"a": True}}, "InvalidParameter", "freeformTags.a: True is not str"),
    "bool for str": ({"dnsLabel": True}, "InvalidParameter", "dnsLabel: True is not str"),
    "required": ({"compartmentId": None}, "MissingParameter", "compartmentId: required by CreateVcnDetails"),
    "two at once": ({"x": 1, "displayName": 2}, "InvalidParameter", "displayName: 2 is not str"),
    "too small": ({"cidrBlocks": ["10.0.0.0/31"]}, "InvalidParameter", "the prefix has to be /16 to /30"),
    "no network": ({"cidrBlocks": ["10.0.0.1/16"]}, "InvalidParameter", "not a network address"),
    "overlap": ({"cidrBlocks": ["10.0.0.0/16", "10.0.1.0/24"]}, "InvalidParameter", "overlaps with 10.0.0.0/16"),
    "label": ({"dnsLabel": "a-b"}, "InvalidParameter", "dnsLabel: a-b has to be"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_wrong_is_refused(oci_cloud: Running, name: str) -> None:
    change, code, message = BODIES[name]
    body = {**VCN, "compartmentId": oci_cloud.tenancy, **change}
    status, said, text = refused(oci_cloud.client("virtual_network").create_vcn, body)
    assert (status, said) == (400, code)
    assert message in text
    assert oci_cloud.live() == []


ENGINE = {
    "enum": ({"type": "BETTER_CLUSTER"}, "type: 'BETTER_CLUSTER' is none of BASIC_CLUSTER, ENHANCED_CLUSTER"),
    "of a subtype": (
        {"clusterPodNetworkOptions": [{"cniType": "OCI_VCN_IP_NATIVE", "podSubnetIds": []}]},
        "clusterPodNetworkOptions[0].podSubnetIds: unknown field of OciVcnIpNativeClusterPodNetworkOptionDetails",
    ),
    "discriminator": (
        {"clusterPodNetworkOptions": [{"cniType": "CILIUM"}]},
        "clusterPodNetworkOptions[0].cniType: 'CILIUM' is none of FLANNEL_OVERLAY, OCI_VCN_IP_NATIVE",
    ),
    "deep": (
        {"options": {"kubernetesNetworkConfig": {"podsCidr": 10}}},
        "options.kubernetesNetworkConfig.podsCidr: 10 is not str",
    ),
    "version": ({"kubernetesVersion": "1.35.2"}, "Invalid kubernetesVersion: 1.35.2 is none of v1.33.10"),
    "no endpoint": ({"endpointConfig": None}, "endpointConfig.subnetId is required"),
}


@pytest.mark.parametrize("name", ENGINE)
def test_so_is_one_of_the_container_engine(oci_cloud: Running, name: str) -> None:
    change, message = ENGINE[name]
    site = built(oci_cloud)
    body = {"name": "b", "compartmentId": oci_cloud.tenancy, "vcnId": site.vcn, "kubernetesVersion": "v1.35.2",
            "endpointConfig": {"subnetId": site.subnets["endpoint"]}, **change}  # fmt: skip
    assert refused(oci_cloud.client("container_engine").create_cluster, body)[:2] == (400, "InvalidParameter")
    assert message in refused(oci_cloud.client("container_engine").create_cluster, body)[2]
    assert oci_cloud.client("container_engine").list_clusters(oci_cloud.tenancy).data[0].name == "gpu"


def test_a_required_query_parameter_is_required(oci_cloud: Running) -> None:
    client = oci_cloud.client("virtual_network")
    with pytest.raises(oci.exceptions.ServiceError) as error:
        client.base_client.call_api(resource_path="/vcns", method="GET", response_type="list[Vcn]")
    assert (error.value.status, error.value.code) == (400, "MissingParameter")


def test_what_is_not_here_says_so(oci_cloud: Running) -> None:
    status, code, message = refused(oci_cloud.client("virtual_network").list_drgs, oci_cloud.tenancy)
    assert (status, code) == (404, "NotFound")
    assert "no operation of virtual_network at GET" in message


def test_a_region_without_a_subscription_is_not_found(oci_cloud: Running) -> None:
    client = oci_cloud.client("virtual_network", region="eu-frankfurt-1")
    assert refused(client.list_vcns, oci_cloud.tenancy)[:2] == (404, "NotAuthorizedOrNotFound")


@pytest.mark.parametrize("key", sorted(served()))
def test_every_operation_of_a_kind_is_read_from_the_sdk(key: tuple[str, str]) -> None:
    verb, kind = served()[key]
    found = operation(*key)
    assert found.method == {"create": "POST", "get": "GET", "list": "GET", "update": "PUT", "delete": "DELETE"}[verb]
    assert (found.body is not None) == (verb in {"create", "update"})
    assert found.path.startswith("/20")
    if verb in {"get", "update", "delete"}:
        assert found.path.endswith("}")
    assert found.token >= (verb == "create" and kind.name != "export_set")


def test_a_body_may_be_all_that_its_model_has() -> None:
    made = operation("virtual_network", "create_vcn")
    body = {"compartmentId": "c", "cidrBlocks": ["10.0.0.0/16"], "isIpv6Enabled": False, "freeformTags": {"a": "b"},
            "definedTags": {"a": {"b": 1}}}  # fmt: skip
    assert list(problems(body, "CreateVcnDetails", made.models)) == []


CYCLES = {
    "one": (["BOOT_VOLUME_REPLACE"], []),
    "unknown": (["REBOOT"], ["'REBOOT' is none of BOOT_VOLUME_REPLACE, INSTANCE_REPLACE"]),
    "no text": ([1], ["1 is none of BOOT_VOLUME_REPLACE, INSTANCE_REPLACE"]),
}


@pytest.mark.parametrize("name", CYCLES)
def test_an_enumeration_may_have_no_model(name: str) -> None:
    modes, said = CYCLES[name]
    made = operation("container_engine", "create_node_pool")
    found = problems({"cycleModes": modes}, "NodePoolCyclingDetails", made.models)
    assert [each.what for each in found] == said


def test_a_summary_has_what_its_model_has() -> None:
    whole = {"id": "i", "name": "gpu", "lifecycleState": "ACTIVE", "securityRules": [], "metadata": None}
    shown = project([whole], "list[ClusterSummary]", operation("container_engine", "list_clusters").models)
    assert shown == [{"id": "i", "name": "gpu", "lifecycleState": "ACTIVE"}]


def whole(value: Any) -> None:
    """Nothing in what the SDK made of an answer is unknown to it."""
    if isinstance(value, list):
        for each in value:
            whole(each)
    elif hasattr(value, "attribute_map"):
        for name in value.attribute_map:
            whole(getattr(value, name))
    else:
        assert value != "UNKNOWN_ENUM_VALUE"


def test_answers_are_whole(oci_cloud: Running) -> None:
    """All that a site has, listed and got one by one, with the time of its making and its tags."""
    site = built(oci_cloud)
    engine = oci_cloud.client("container_engine")
    oci_cloud.pace = 0
    engine.create_node_pool(site.pool(freeform_tags={"stack": "a"}))
    listed = 0
    for kind in ("vcn", "subnet", "route_table", "security_list", "dhcp_options", "internet_gateway", "cluster",
                 "network_security_group", "node_pool", "instance", "vnic_attachment"):  # fmt: skip
        client = oci_cloud.client(KINDS[kind].service)
        call = getattr(client, KINDS[kind].operations["list"])
        got = getattr(client, KINDS[kind].operations["get"])
        said = call(compartment_id=oci_cloud.tenancy).data
        assert said, kind
        for each in said:
            whole(each)
            one = got(each.id)
            whole(one.data)
            assert one.headers["opc-request-id"] and one.headers["etag"]
            assert (one.data.id, one.data.lifecycle_state) == (each.id, each.lifecycle_state)
            listed += 1
    assert listed == 17
    assert engine.list_node_pools(oci_cloud.tenancy).data[0].freeform_tags == {"stack": "a"}
