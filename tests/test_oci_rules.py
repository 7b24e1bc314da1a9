"""Security rules, routes and gateways of tests/oci."""

from typing import Any

import oci
import pytest

from tests.oci.fixture import Running
from tests.oci.site import CORE, Site, built


def rule(**more: Any) -> Any:
    """A rule that lets the API server's port in."""
    ports = CORE.TcpOptions(destination_port_range=CORE.PortRange(min=6443, max=6443))
    about = {"direction": "INGRESS", "protocol": "6", "source": "10.0.0.0/16", "tcp_options": ports, **more}
    return CORE.AddSecurityRuleDetails(**about)


def add(site: Site, *rules: Any) -> list[Any]:
    """Add rules to the group of a site."""
    details = CORE.AddNetworkSecurityGroupSecurityRulesDetails(security_rules=list(rules))
    client = site.cloud.client("virtual_network")
    return list(client.add_network_security_group_security_rules(site.group, details).data.security_rules)


def there(site: Site, **more: Any) -> list[Any]:
    """The rules of the group."""
    call = site.cloud.client("virtual_network").list_network_security_group_security_rules
    return list(oci.pagination.list_call_get_all_results(call, site.group, **more).data)


def test_rules_are_added_again_and_again(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    ids = {add(site, rule())[0].id for _ in range(3)}
    assert {each.id for each in there(site)} == ids
    assert len(ids) == 3


def test_rules_are_changed_and_removed(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    client = oci_cloud.client("virtual_network")
    one, two = add(site, rule(description="a"), rule(direction="EGRESS", source=None, destination="0.0.0.0/0"))
    change = CORE.UpdateSecurityRuleDetails(id=one.id, direction="INGRESS", protocol="all", source="10.0.1.0/24")
    client.update_network_security_group_security_rules(
        site.group, CORE.UpdateNetworkSecurityGroupSecurityRulesDetails(security_rules=[change])
    )
    assert {each.id: (each.protocol, each.source, each.description) for each in there(site)} == {
        one.id: ("all", "10.0.1.0/24", None),
        two.id: ("6", None, None),
    }
    assert [each.id for each in there(site, direction="EGRESS")] == [two.id]
    leave = CORE.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[one.id])
    client.remove_network_security_group_security_rules(site.group, leave)
    assert [each.id for each in there(site)] == [two.id]
    with pytest.raises(oci.exceptions.ServiceError) as error:
        client.remove_network_security_group_security_rules(site.group, leave)
    assert error.value.status == 404


WRONG = {
    "26 at once": ([rule()] * 26, "1 to 25 at once, not 26"),
    "none": ([], "1 to 25 at once, not 0"),
    "the other side": ([rule(destination="10.0.0.0/16")], "INGRESS: has source, and no destination"),
    "no side": ([rule(source=None)], "INGRESS: has source, and no destination"),
    "no network": ([rule(source="10.0.0.1/16")], "not a network address"),
    "protocol": ([rule(protocol="tcp")], "protocol: tcp is neither a number nor all"),
    "ports of another protocol": ([rule(protocol="17")], "tcpOptions: not with protocol 17"),
    "label": ([rule(source="all-phx", source_type="SERVICE_CIDR_BLOCK")], "all-phx is no service CIDR label"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_rule_that_cannot_be_is_refused(oci_cloud: Running, name: str) -> None:
    rules, message = WRONG[name]
    site = built(oci_cloud)
    with pytest.raises(oci.exceptions.ServiceError, match=message) as error:
        add(site, *rules)
    assert (error.value.status, error.value.code) == (400, "InvalidParameter")
    assert there(site) == []


def test_a_group_has_no_more_than_120_rules(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    for _ in range(4):
        add(site, *[rule()] * 25)
    add(site, *[rule()] * 20)
    with pytest.raises(oci.exceptions.ServiceError) as error:
        add(site, rule())
    assert (error.value.status, error.value.code) == (400, "LimitExceeded")
    assert len(there(site)) == 120


def test_a_group_that_rules_name_stays(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    oci_cloud.pace = 0
    client = oci_cloud.client("virtual_network")
    details = CORE.CreateNetworkSecurityGroupDetails(compartment_id=oci_cloud.tenancy, vcn_id=site.vcn)
    other = client.create_network_security_group(details).data.id
    mine = add(site, rule(source=other, source_type="NETWORK_SECURITY_GROUP"))[0]
    with pytest.raises(oci.exceptions.ServiceError) as error:
        client.delete_network_security_group(other)
    assert (error.value.status, error.value.code) == (409, "Conflict")
    leave = CORE.RemoveNetworkSecurityGroupSecurityRulesDetails(security_rule_ids=[mine.id])
    client.remove_network_security_group_security_rules(site.group, leave)
    client.delete_network_security_group(other)


def test_a_rule_may_name_its_own_group(oci_cloud: Running) -> None:
    site = built(oci_cloud)
    add(site, rule(source=site.group, source_type="NETWORK_SECURITY_GROUP"))
    oci_cloud.client("virtual_network").delete_network_security_group(site.group)


def test_services_have_labels_of_the_region(oci_cloud: Running) -> None:
    for region, key in (("us-ashburn-1", "iad"), ("us-phoenix-1", "phx")):
        said = oci_cloud.client("virtual_network", region=region).list_services().data
        assert said[-1].cidr_block == f"all-{key}-services-in-oracle-services-network"


ROUTES = {
    "service by a service gateway": ("service_gateway", "LABEL", "SERVICE_CIDR_BLOCK", None),
    "internet by an internet gateway": ("internet_gateway", "0.0.0.0/0", "CIDR_BLOCK", None),
    "internet by a service gateway": ("service_gateway", "0.0.0.0/0", "CIDR_BLOCK", "goes to a service gateway"),
    "service by an internet gateway": ("internet_gateway", "LABEL", "SERVICE_CIDR_BLOCK", "goes to a service gateway"),
    "another label": ("service_gateway", "all-phx", "SERVICE_CIDR_BLOCK", "is one of all-iad-services"),
}


@pytest.mark.parametrize("name", ROUTES)
def test_routes_go_where_they_can(oci_cloud: Running, name: str) -> None:
    kind, destination, type_, message = ROUTES[name]
    site = built(oci_cloud)
    oci_cloud.pace = 0
    client = oci_cloud.client("virtual_network")
    service = client.list_services().data[-1]
    inside = {"compartment_id": oci_cloud.tenancy, "vcn_id": site.vcn}
    services = [CORE.ServiceIdRequestDetails(service_id=service.id)]
    gateway = client.create_service_gateway(CORE.CreateServiceGatewayDetails(**inside, services=services)).data
    assert [each.service_name for each in gateway.services] == [service.name]
    target = gateway.id if kind == "service_gateway" else site.gateway
    one = CORE.RouteRule(network_entity_id=target, destination_type=type_,
                         destination=service.cidr_block if destination == "LABEL" else destination)  # fmt: skip
    details = CORE.UpdateRouteTableDetails(route_rules=[one])
    if message is None:
        assert client.update_route_table(site.routes, details).data.route_rules[0].network_entity_id == target
        return
    with pytest.raises(oci.exceptions.ServiceError, match=message) as error:
        client.update_route_table(site.routes, details)
    assert (error.value.status, error.value.code) == (400, "InvalidParameter")
