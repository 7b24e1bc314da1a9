"""The export for Terraform against the arguments that the documentation of Oracle's provider lists."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.terraform import terraform
from tests.oci.fixture import Running
from tests.ociruns import Runs

# oracle/terraform-provider-oci, website/docs/r: required arguments, those of the others that are of use here, and what
# is in their blocks. Written from there and not from what the export has.
_PLACE = "compartment_id display_name freeform_tags"
_RANGE = "destination_port_range.min destination_port_range.max"
DOCUMENTED: dict[str, tuple[str, str]] = {
    "oci_artifacts_container_repository": ("compartment_id display_name", "is_public freeform_tags"),
    "oci_containerengine_addon": (
        "addon_name cluster_id remove_addon_resources_on_delete", "configurations.key configurations.value version"
    ),
    "oci_containerengine_cluster": (
        "compartment_id kubernetes_version name vcn_id",
        """cluster_pod_network_options.cni_type endpoint_config.is_public_ip_enabled endpoint_config.nsg_ids
        endpoint_config.subnet_id freeform_tags options.kubernetes_network_config.services_cidr
        options.kubernetes_network_config.pods_cidr options.persistent_volume_config.freeform_tags
        options.service_lb_config.freeform_tags options.service_lb_subnet_ids type""",
    ),
    "oci_containerengine_node_pool": (
        "cluster_id compartment_id name node_shape",
        """initial_node_labels.key initial_node_labels.value kubernetes_version node_config_details.nsg_ids
        node_config_details.size node_config_details.placement_configs.availability_domain
        node_config_details.placement_configs.subnet_id node_config_details.placement_configs.capacity_reservation_id
        node_config_details.node_pool_pod_network_option_details.cni_type
        node_config_details.node_pool_pod_network_option_details.max_pods_per_node
        node_config_details.node_pool_pod_network_option_details.pod_nsg_ids
        node_config_details.node_pool_pod_network_option_details.pod_subnet_ids node_metadata
        node_shape_config.memory_in_gbs node_shape_config.ocpus node_source_details.boot_volume_size_in_gbs
        node_source_details.image_id node_source_details.source_type freeform_tags""",
    ),
    "oci_core_internet_gateway": ("compartment_id vcn_id", "display_name enabled freeform_tags"),
    "oci_core_nat_gateway": ("compartment_id vcn_id", "display_name freeform_tags"),
    "oci_core_network_security_group": ("compartment_id vcn_id", "display_name freeform_tags"),
    "oci_core_network_security_group_security_rule": (
        "network_security_group_id direction protocol",
        f"""description destination destination_type source source_type stateless tcp_options.{_RANGE.split()[0]}
        tcp_options.{_RANGE.split()[1]} udp_options.{_RANGE.split()[0]} udp_options.{_RANGE.split()[1]}""",
    ),
    "oci_core_route_table": (
        "compartment_id vcn_id",
        """display_name freeform_tags route_rules.destination route_rules.destination_type
        route_rules.network_entity_id""",
    ),
    "oci_core_security_list": (
        "compartment_id vcn_id", "display_name freeform_tags egress_security_rules ingress_security_rules"
    ),
    "oci_core_service_gateway": ("compartment_id services.service_id vcn_id", "display_name freeform_tags"),
    "oci_core_subnet": (
        "compartment_id vcn_id",
        "cidr_block display_name dns_label freeform_tags prohibit_public_ip_on_vnic route_table_id security_list_ids",
    ),
    "oci_core_vcn": ("compartment_id", "cidr_blocks display_name dns_label freeform_tags"),
    "oci_file_storage_export": (
        "export_set_id file_system_id path",
        """export_options.access export_options.anonymous_gid export_options.anonymous_uid
        export_options.identity_squash export_options.require_privileged_source_port export_options.source""",
    ),
    "oci_file_storage_file_system": ("availability_domain compartment_id", "display_name freeform_tags"),
    "oci_file_storage_mount_target": (
        "availability_domain compartment_id subnet_id", "display_name freeform_tags nsg_ids"
    ),
    "oci_identity_compartment": ("compartment_id description name", "freeform_tags"),
    "oci_identity_policy": ("compartment_id description name statements", "freeform_tags"),
    "oci_objectstorage_bucket": ("compartment_id name namespace", "access_type freeform_tags versioning"),
}  # fmt: skip
EXPORTED = {"id", "export_set_id", "mount_ip"}
"""Attributes of resources that others may name."""
_OWN = ("provider", "depends_on", "lifecycle")
"""Of Terraform, in every resource."""
_MAPS = ("freeform_tags", "node_metadata")
"""Arguments whose keys are somebody's own."""


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Of all arguments, with those of blocks."""
    if isinstance(value, Mapping) and path.rpartition(".")[2] not in _MAPS:
        for key, each in value.items():
            yield from paths(each, f"{path}.{key}".removeprefix("."))
    elif isinstance(value, list) and all(isinstance(each, Mapping) for each in value):  # none: there is no such block
        for each in value:
            yield from paths(each, path)
    else:
        yield path


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from tests.oci.fixture import running

    with running() as cloud:
        return terraform(plan_of(cloud, tmp_path_factory.mktemp("oci")))


def plan_of(cloud: Running, folder: Path) -> Any:
    cloud.pace = cloud.lag = 0
    return Runs(cloud, folder).plan()


def test_the_provider_knows_every_argument_and_has_all_that_it_needs(exported: dict[str, Any]) -> None:
    assert exported["resource"].keys() == {kind.terraform for kind in KINDS.values() if kind.name != "nodes"}
    for kind, rows in exported["resource"].items():
        required, others = (set(each.split()) for each in DOCUMENTED[kind])
        for name, row in rows.items():
            found = set(paths({key: value for key, value in row.items() if key not in _OWN}))
            assert found <= required | others, (kind, name)
            assert required <= found, (kind, name)


def test_every_reference_is_to_an_attribute_of_a_resource_that_is_there(exported: dict[str, Any]) -> None:
    known = {f"{kind}.{name}" for kind, rows in exported["resource"].items() for name in rows}
    aliases = {each["alias"] for each in exported["provider"]["oci"]}
    for kind, rows in exported["resource"].items():
        for name, row in rows.items():
            for text in strings({key: value for key, value in row.items() if key not in _OWN}):
                for address, attribute in re.findall(r"\$\{(\w+\.\w+)\.(\w+)\}", text):
                    assert address in known, (kind, name)
                    assert attribute in EXPORTED, (kind, name)
                assert text.count("${") == len(re.findall(r"\$\{\w+\.\w+\.\w+\}", text)), text
            assert set(row.get("depends_on", ())) <= known
            assert row["provider"].removeprefix("oci.") in aliases
            assert re.fullmatch(r"[a-z_][a-z0-9_]*", name), name


def strings(value: Any) -> Iterator[str]:
    """All that are in a value."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value
