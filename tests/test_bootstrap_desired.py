"""What a bootstrap wants: resources that follow from the stack alone, each as OCI takes it."""

import base64
from ipaddress import ip_network
from typing import Any

import pytest

from gpuyard.bootstrap.addressplan import addresses_per_node, subnets, usable
from gpuyard.bootstrap.families import KINDS
from gpuyard.bootstrap.fleet import packed
from gpuyard.bootstrap.links import filled, linked
from gpuyard.bootstrap.nodeimages import chosen, latest
from gpuyard.bootstrap.parts.identity import of_autoscaler, of_clusters
from gpuyard.bootstrap.resource import Resource
from gpuyard.catalogue.oracle import oracle
from gpuyard.catalogue.shapes import catalogue
from gpuyard.project.load import parse
from tests.ociresources import values, wanted
from tests.projects import STACK, sources

FSS = {"storage": {"cache": {"kind": "fss"}}}
CLUSTER = STACK["spec"]["clusters"][0]


def resources(
    spec: dict[str, Any] | None = None,
    *,
    oci: dict[str, Any] | None = None,
    landing: dict[str, Any] | None = None,
    shapes: dict[str, Any] | None = None,
) -> dict[str, Resource]:
    """Of a stack with one cluster; `oci` is the stack's key, `landing` the cluster's."""
    own: dict[str, Any] = {"oci": landing or {}, **({"shapes": shapes} if shapes else {})}
    return wanted(
        parse(sources(spec or FSS, {"oci": {"compartment": "gpu", **(oci or {})}, "clusters": [{**CLUSTER, **own}]}))
    )


def test_everything_that_is_needed_is_wanted() -> None:
    found = resources()
    for each in found.values():
        assert each.needs <= found.keys(), each.id
        assert each.kind in KINDS


def test_each_name_is_one_resource_s() -> None:
    found = resources(oci={"bucket": "weights", "repositories": ["vllm/vllm-openai", "ghcr/sidecar"]})
    names = [(each.kind, each.region, each.body.get("displayName") or each.body.get("name")) for each in found.values()]
    named = [each for each in names if each[2]]
    assert len(named) == len(set(named))


def test_two_clusters_have_a_network_each() -> None:
    two = {"clusters": [CLUSTER, {**CLUSTER, "name": "iad", "region": "us-ashburn-1"}], "oci": {"compartment": "gpu"}}
    found = wanted(parse(sources(FSS, two)))
    phx = {name.partition("/")[2] for name in found if name.startswith("phx/")}
    iad = {name.partition("/")[2] for name in found if name.startswith("iad/")}
    assert phx == iad
    assert {each.region for name, each in found.items() if name.startswith("iad/") and each.kind != "policy"} == {
        "us-ashburn-1"
    }
    assert {each.region for each in found.values() if KINDS[each.kind].home} == {"us-ashburn-1"}


def test_an_adopted_compartment_is_not_made() -> None:
    ocid = "ocid1.compartment.oc1..aaaamine"
    found = resources(oci={"compartment": ocid})
    assert "compartment" not in found
    assert found["phx/vcn"].body["compartmentId"] == ocid


def test_no_file_storage_where_nothing_uses_it() -> None:
    assert "phx/mount-target" in resources()
    assert "phx/mount-target" not in resources({"storage": {"cache": {"kind": "ephemeral"}}})


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.16.0.0/18", "192.168.0.0/22"])
def test_subnets_fill_the_vcn_without_overlap(cidr: str) -> None:
    ranges = [ip_network(each) for each in subnets(cidr).values()]
    assert all(each.subnet_of(ip_network(cidr)) for each in ranges)  # type: ignore[arg-type]  # both are of version 4
    for index, one in enumerate(ranges):
        assert not any(one.overlaps(other) for other in ranges[index + 1 :])
    assert usable(subnets(cidr)["pods"]) == ip_network(cidr).num_addresses // 2 - 3


@pytest.mark.parametrize(
    ("pods", "expected"), [(1, 16), (16, 16), (17, 32), (31, 32), (93, 128), (110, 128), (250, 256)]
)
def test_addresses_of_a_node_s_pods(pods: int, expected: int) -> None:
    """In VNICs of 16 before version 3.2.0 of the add-on, then in a block of a power of two: whichever is more."""
    assert addresses_per_node(pods) == expected


# The whole table, group by group: way, protocol, ports and peer, without those of clients from outside.
RULES = {
    "control-plane": """egress tcp all services; egress tcp 10250 workers; egress tcp 12250 workers; ingress tcp 12250
        workers; egress tcp 6443 control-plane; ingress tcp 6443 control-plane; ingress tcp 6443 workers; ingress tcp
        6443 pods; ingress tcp 12250 pods; egress tcp all pods; egress icmp all workers; ingress icmp all workers""",
    "workers": """egress tcp all services; egress all all workers; ingress all all workers; egress tcp 6443
        control-plane; egress tcp 12250 control-plane; egress tcp 10250 control-plane; ingress all all control-plane;
        egress icmp all internet; ingress icmp all internet; egress all all pods; ingress all all pods; egress all all
        internet; ingress tcp 30000-32767 internal-balancers; ingress udp 30000-32767 internal-balancers; ingress tcp
        10256 internal-balancers; ingress tcp 30000-32767 public-balancers; ingress udp 30000-32767 public-balancers;
        ingress tcp 10256 public-balancers; egress tcp 111 files; ingress tcp 111 files; egress udp 111 files; ingress
        udp 111 files; egress tcp 2048-2050 files; ingress tcp 2048-2050 files; egress udp 2048 files; ingress udp 2048
        files""",
    "pods": """egress tcp all services; egress all all pods; ingress all all pods; egress tcp 6443 control-plane; egress
        tcp 12250 control-plane; ingress all all control-plane; egress all all workers; ingress all all workers; egress
        all all internal-balancers; ingress all all internal-balancers; egress all all public-balancers; ingress all all
        public-balancers; egress icmp all internet; ingress icmp all internet; egress all all internet""",
    "internal-balancers": """egress tcp 30000-32767 workers; egress udp 30000-32767 workers; egress tcp 10256 workers;
        egress icmp all workers; egress all all pods; ingress tcp 80 vcn; ingress tcp 443 vcn""",
    "public-balancers": """egress tcp 30000-32767 workers; egress udp 30000-32767 workers; egress tcp 10256 workers;
        egress icmp all workers; egress all all pods; ingress tcp 80 internet; ingress tcp 443 internet""",
    "files": """ingress tcp 111 workers; egress tcp 111 workers; ingress udp 111 workers; egress udp 111 workers;
        ingress tcp 2048-2050 workers; egress tcp 2048-2050 workers; ingress udp 2048 workers; egress udp 2048
        workers""",
}


@pytest.mark.parametrize("group", oracle().groups)
def test_rules_are_those_of_the_table(group: str) -> None:
    rules = resources()[f"phx/rules-{group}"].body["rules"]
    expected = {" ".join(each.split()) for each in RULES[group].split(";")}
    assert {name.removeprefix("gpuyard: ") for name in rules} == expected


def test_a_rule_is_as_oci_takes_it() -> None:
    rules = resources()["phx/rules-pods"].body["rules"]
    assert rules["gpuyard: egress tcp 12250 control-plane"] == {
        "direction": "EGRESS",
        "protocol": "6",
        "isStateless": False,
        "description": "gpuyard: egress tcp 12250 control-plane",
        "destination": "${phx/group-control-plane}",
        "destinationType": "NETWORK_SECURITY_GROUP",
        "tcpOptions": {"destinationPortRange": {"min": 12250, "max": 12250}},
    }


def test_who_reaches_the_api_server_from_outside() -> None:
    closed = resources()
    assert closed["phx/cluster"].body["endpointConfig"]["isPublicIpEnabled"] is False
    assert closed["phx/subnet-control-plane"].body["prohibitPublicIpOnVnic"] is True
    found = resources(landing={"api": ["203.0.113.0/24", "198.51.100.7/32"]})
    rules = found["phx/rules-control-plane"].body["rules"].values()
    assert [each["source"] for each in rules if each.get("sourceType") == "CIDR_BLOCK"] == [
        "203.0.113.0/24",
        "198.51.100.7/32",
    ]
    assert found["phx/cluster"].body["endpointConfig"]["isPublicIpEnabled"] is True
    assert found["phx/subnet-control-plane"].body["prohibitPublicIpOnVnic"] is False
    assert found["phx/subnet-control-plane"].body["routeTableId"] == "${phx/routes-public}"


@pytest.mark.parametrize(
    ("gpus", "replicas", "expected"),
    [
        (8, [(1, 8)], 1),
        (8, [(1, 9)], 2),
        (8, [(8, 2)], 2),
        (8, [(4, 1), (2, 1), (2, 1)], 1),
        (8, [(5, 2), (3, 2)], 2),
        (2, [(2, 1), (1, 3)], 3),
        (4, [(1, 0)], 0),
    ],
)
def test_replicas_share_nodes(gpus: int, replicas: list[tuple[int, int]], expected: int) -> None:
    assert packed(gpus, replicas) == expected


def test_gpu_pools_are_made_empty_one_for_each_availability_domain() -> None:
    found = resources({**FSS, "scaling": {"min": 2, "max": 6}}, shapes={"a10": "VM.GPU.A10.2"})
    pools = {name: each for name, each in found.items() if each.kind == "gpu-pool"}
    assert sorted(pools) == [f"phx/pool-VM.GPU.A10.2-ad{number}" for number in (1, 2, 3)]
    for pool in pools.values():
        details = pool.body["nodeConfigDetails"]
        assert (details["size"], len(details["placementConfigs"])) == (0, 1)
        assert pool.body["nodeSourceDetails"]["bootVolumeSizeInGBs"] == 200
        assert pool.tags == {"cluster-autoscaler/node-ephemeral-storage": "170Gi"}
        script = base64.b64decode(pool.body["nodeMetadata"]["user_data"]).decode()
        assert script.startswith("#!/bin/bash\n")
        assert script.index("oci-growfs -y") < script.index("bash /var/run/oke-init.sh")
    assert found["phx/nodes-VM.GPU.A10.2"].body["size"] == 2


def test_availability_domains_are_tried_in_the_order_of_the_stack() -> None:
    found = resources(landing={"availabilityDomains": [3, 1]})
    shape = next(each.body["shape"] for each in found.values() if each.kind == "nodes")
    pools = found[f"phx/nodes-{shape}"].body["pools"]
    assert pools == [f"${{phx/pool-{shape}-ad3}}", f"${{phx/pool-{shape}-ad1}}"]
    assert found["phx/mount-target"].body["availabilityDomain"].endswith("-AD-3")


@pytest.mark.parametrize("shape", catalogue().values(), ids=lambda shape: str(shape.name))
def test_what_overlays_select_is_on_the_nodes(shape: Any) -> None:
    """OKE itself sets the label of the instance type and the taint of NVIDIA GPUs; nothing else may be asked for."""
    assert shape.instance_type_label == "node.kubernetes.io/instance-type"
    assert (shape.taint.key, shape.arch) == ("nvidia.com/gpu", "amd64")


def test_the_autoscaler_knows_every_gpu_pool_and_starts_from_none() -> None:
    found = resources({**FSS, "scaling": {"min": 1, "max": 6}}, shapes={"a10": "VM.GPU.A10.2"})
    settings = {each["key"]: each["value"] for each in found["phx/addon-ClusterAutoscaler"].body["configurations"]}
    most = found["phx/nodes-VM.GPU.A10.2"]
    assert settings["authType"] == "workload"
    assert most.kind == "nodes"
    pools = settings["nodes"].split(", ")
    assert [each.split(":", 2)[2] for each in pools] == [f"${{phx/pool-VM.GPU.A10.2-ad{n}}}" for n in (1, 2, 3)]
    assert {each.split(":")[0] for each in pools} == {"0"}
    assert found["phx/addon-ClusterAutoscaler"].needs >= {"phx/pool-system", "phx/policy-autoscaler", "phx/cluster"}


def test_add_ons_come_after_nodes_without_a_taint() -> None:
    found = [each for each in resources().values() if each.kind == "addon"]
    assert len(found) == 4
    assert all("phx/pool-system" in each.needs for each in found)


def test_policies_name_what_they_are_for() -> None:
    for statement in [*of_clusters("ocid1.c"), *of_autoscaler("ocid1.c", "ocid1.k")]:
        assert statement.startswith("Allow any-user to ")
        assert " in compartment id ocid1.c where " in statement
        assert "all-resources" not in statement
        assert statement.count("{") == statement.count("}") <= 1
    assert any("read cluster-work-requests" in each for each in of_autoscaler("c", "k"))
    assert all("request.principal.cluster_id = 'k'" in each for each in of_autoscaler("c", "k"))


def test_links_are_filled_with_what_is_known() -> None:
    found = resources()
    known = values(found)
    for each in found.values():
        assert not list(linked(filled(each.body, known))), each.id
    assert list(linked(filled({"a": "${x}", "b": ["${y:deep.field}"]}, {"x": {"id": "1"}}))) == ["y"]
    assert filled("${y:deep.field}", {"y": {"deep": {"field": 7}}}) == "7"


NAMES = [
    "Oracle-Linux-8.10-Gen2-GPU-2026.05.31-0-OKE-1.34.2-1380",
    "Oracle-Linux-8.10-Gen2-GPU-2026.07.31-0-OKE-1.34.2-1421",
    "Oracle-Linux-8.10-Gen2-GPU-2026.07.31-0-OKE-1.34.2-999",
    "Oracle-Linux-8.10-Gen2-GPU-2026.09.30-0-OKE-1.34.20-1500",
    "Oracle-Linux-8.10-Gen2-GPU-2026.09.30-0",
    "Oracle-Linux-8.10-2026.09.30-0-OKE-1.34.2-1500",
    "Oracle-Linux-8.10-aarch64-2026.10.31-0-OKE-1.34.2-1501",
    "Custom-image",
]
SOURCES = [{"sourceName": name, "imageId": name} for name in NAMES]


@pytest.mark.parametrize(("gpu", "expected"), [(True, NAMES[1]), (False, NAMES[5])])
def test_the_newest_image_of_exactly_this_version(gpu: bool, expected: str) -> None:
    assert chosen(SOURCES, kubernetes="v1.34.2", gpu=gpu, allowed=frozenset(NAMES)) == expected


def test_an_image_that_the_shape_does_not_start_from_is_not_chosen() -> None:
    assert chosen(SOURCES, kubernetes="v1.34.2", gpu=True, allowed=frozenset(NAMES[:1])) == NAMES[0]
    assert chosen(SOURCES, kubernetes="v1.34.2", gpu=True, allowed=frozenset()) is None


def test_versions_are_compared_as_numbers() -> None:
    assert latest(["v1.34.9", "v1.34.10", "v1.33.11", "v1.340.1"], "1.34") == "v1.34.10"
    assert latest(["v1.34.9"], "1.35") is None
