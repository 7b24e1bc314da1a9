"""Bootstraps with Oracle's own SDK against the cloud of tests/oci, which says itself what it cannot show."""

from collections import Counter
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from gpuyard.bootstrap.apply import Step
from gpuyard.bootstrap.difference import Action
from gpuyard.doors.oci import NoCapacity
from gpuyard.errors import ToolError
from tests.oci.fixture import Running
from tests.oci.world import domains
from tests.ociruns import Runs, kinds, leave, stack

REGION = "us-phoenix-1"
SHAPE = "VM.GPU.A10.2"


@pytest.fixture
def runs(oci_cloud: Running, tmp_path: Path) -> Runs:
    return Runs(oci_cloud, tmp_path)


def test_an_empty_compartment_becomes_a_cluster_and_then_there_is_nothing_to_do(
    runs: Runs, whole: Counter[tuple[str, str]]
) -> None:
    found = runs.apply()
    assert {change.action for change in found.changes} == {Action.CREATE}
    assert {event.step for event in runs.events} == {Step.BEGUN, Step.DONE}
    again = runs.plan()
    assert [change.id for change in again.changes if change.action is not Action.KEEP] == []
    assert runs.last
    assert runs.last.requests < 60
    tagged = {name: count for (_, name), count in kinds(runs.cloud).items() if name}
    assert set(tagged.values()) == {1}
    assert tagged.keys() <= {change.id for change in found.changes}
    assert kinds(runs.cloud) == whole


def test_three_clusters_are_read_in_fewer_than_sixty_requests(oci_cloud: Running, tmp_path: Path) -> None:
    three = [
        {"name": name, "oci": {"cidr": f"10.{number}.0.0/18"}} for number, name in enumerate(("one", "two", "three"))
    ]
    runs = Runs(oci_cloud, tmp_path, stack(None, *three))
    oci_cloud.limits = {"mount-target-count": 10}
    runs.apply()
    before = len(oci_cloud.log)
    assert not runs.plan().writes
    assert runs.last
    assert runs.last.requests == len(oci_cloud.log) - before < 60


def test_lists_are_asked_for_in_parallel(runs: Runs) -> None:
    """Of the eight kinds of the network, four get their answer only when four are asked for."""
    runs.apply()
    trips: list[int] = []

    def trip() -> None:
        trips.append(len(runs.cloud.log))
        if len(trips) == 2:
            runs.cloud.together = None

    runs.cloud.together = Barrier(4, trip)
    assert not runs.plan().writes
    assert len(trips) == 2


def test_the_cluster_is_made_as_it_should_be(runs: Runs) -> None:
    runs.apply()
    (cluster,) = runs.cloud.all("cluster")
    assert cluster.has["type"] == "ENHANCED_CLUSTER"
    assert cluster.has["kubernetesVersion"] == "v1.34.2"
    pools = {pool.has["name"]: pool for pool in runs.cloud.all("node_pool")}
    assert {pool.has["nodeConfigDetails"]["size"] for pool in pools.values()} == {0, 1, 3}
    assert all("Gen2-GPU" in pool.has["nodeSource"]["sourceName"] for name, pool in pools.items() if "GPU" in name)
    order = [entry.operation for entry in runs.cloud.log]
    assert order.index("install_addon") > order.index("create_node_pool")


def test_what_iam_does_not_show_at_once_is_waited_for(oci_cloud: Running, tmp_path: Path) -> None:
    oci_cloud.lag = 5
    runs = Runs(oci_cloud, tmp_path)
    runs.apply()
    assert not runs.plan().writes


def test_a_list_of_many_pages_is_read_to_its_end(oci_cloud: Running, tmp_path: Path) -> None:
    oci_cloud.page = 2
    runs = Runs(oci_cloud, tmp_path)
    runs.apply()
    assert not runs.plan().writes


def nodes(cloud: Running) -> dict[str, int]:
    """By availability domain."""
    found: dict[str, int] = {}
    for pool in cloud.all("node_pool"):
        if pool.has["nodeShape"] == SHAPE:
            domain = pool.has["nodeConfigDetails"]["placementConfigs"][0]["availabilityDomain"]
            found[domain] = pool.has["nodeConfigDetails"]["size"]
    return found


def test_without_capacity_the_next_availability_domain_is_tried(runs: Runs) -> None:
    first, second, third = domains(REGION)
    runs.cloud.capacity = {f"{SHAPE}/{first}": 0}
    runs.apply()
    assert nodes(runs.cloud) == {first: 0, second: 1, third: 0}
    assert not runs.plan().writes


def test_without_any_capacity_everything_else_is_made_and_the_next_run_tries_again(runs: Runs) -> None:
    runs.cloud.capacity = {SHAPE: 0}
    with pytest.raises(NoCapacity, match="no availability domain has 1 more") as caught:
        runs.apply()
    assert caught.value.exit_code == 75
    assert sum(nodes(runs.cloud).values()) == 0
    assert [change.id for change in runs.plan().writes] == [f"phx/nodes-{SHAPE}"]
    assert "no capacity for VM.GPU.A10.2 in AD-1, AD-2, AD-3" in " ".join(check.message for check in runs.plan().checks)
    runs.cloud.capacity = {}
    runs.apply()
    assert sum(nodes(runs.cloud).values()) == 1
    assert not runs.plan().writes


def test_a_limit_of_nothing_is_said_before_the_first_write(runs: Runs) -> None:
    runs.cloud.limits = {"gpu-a10-count": 0}
    with pytest.raises(ToolError) as caught:
        runs.apply()
    assert "phx: 1 VM.GPU.A10.2 cannot start. AD-1: limit gpu-a10-count leaves 0 GPUs, 2 are needed" in str(
        caught.value
    )
    assert [
        each for each in runs.cloud.log if each.operation.startswith("create_") and "report" not in each.operation
    ] == []


def test_a_limit_in_one_availability_domain_is_no_obstacle(runs: Runs) -> None:
    first, *_ = domains(REGION)
    runs.cloud.limits = {f"gpu-a10-count/{first}": 0}
    runs.apply()
    assert nodes(runs.cloud)[first] == 0
    assert sum(nodes(runs.cloud).values()) == 1


def test_a_name_that_somebody_else_has_is_said_before_the_first_write(runs: Runs) -> None:
    runs.cloud.add(
        "compartment", runs.cloud.home, {"name": "gpu", "description": "x", "compartmentId": runs.cloud.tenancy}
    )
    with pytest.raises(ToolError, match="a compartment gpu is there that gpuyard did not make"):
        runs.apply()
    assert runs.cloud.count("create_compartment") == 0


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({"kubernetes": "1.32"}, "OKE does not offer Kubernetes 1.32 in us-phoenix-1; offered are 1.33, 1.34, 1.35"),
        ({"region": "eu-frankfurt-1"}, "the tenancy is not subscribed to eu-frankfurt-1"),
        ({"oci": {"cidr": "10.96.0.0/16"}}, "cidr 10.96.0.0/16 overlaps with 10.96.0.0/16, the addresses of Services"),
        ({"oci": {"cidr": "10.0.0.0/22", "system": {"nodes": 9}}}, "addresses for pods"),
    ],
)
def test_what_cannot_work_is_said_before_the_first_write(
    oci_cloud: Running, tmp_path: Path, cluster: dict[str, Any], expected: str
) -> None:
    runs = Runs(oci_cloud, tmp_path, stack(None, cluster))
    with pytest.raises(ToolError) as caught:
        runs.apply()
    assert expected in str(caught.value)
    assert not runs.cloud.live()


def test_what_somebody_changed_is_said_and_changed_back(runs: Runs) -> None:
    runs.apply()
    (gateway,) = runs.cloud.all("internet_gateway")
    gateway.has["isEnabled"] = False
    network = runs.cloud.client("virtual_network", REGION)
    group = next(each for each in runs.cloud.all("network_security_group") if each.has["displayName"].endswith("pods"))
    rule = network.list_network_security_group_security_rules(group.id).data[0]
    network.remove_network_security_group_security_rules(group.id, {"securityRuleIds": [rule.id]})
    found = {change.id: change for change in runs.plan().writes}
    assert found.keys() == {"phx/internet-gateway", "phx/rules-pods"}
    assert all(change.action is Action.UPDATE and change.drift for change in found.values())
    assert found["phx/rules-pods"].fields[0].path == f"rules.{rule.description}"
    runs.apply()
    assert gateway.has["isEnabled"] is True
    assert not runs.plan().writes


def test_a_newer_kubernetes_is_an_upgrade_in_place(runs: Runs, tmp_path: Path) -> None:
    runs.apply()
    later = Runs(runs.cloud, tmp_path / "later", stack(None, {"kubernetes": "1.35"}))
    found = {change.id: [field.path for field in change.fields] for change in later.plan().writes}
    assert found["phx/cluster"] == ["kubernetesVersion"]
    assert "kubernetesVersion" in found["phx/pool-system"]
    assert len(found) == 5
    later.apply()
    assert not later.plan().writes
    assert sum(nodes(runs.cloud).values()) == 1
    skipped = Runs(runs.cloud, tmp_path / "skipped", stack(None, {"kubernetes": "1.33"}))
    with pytest.raises(ToolError, match=r"the cluster phx has Kubernetes v1.35.2: OKE upgrades by one minor version"):
        skipped.plan()


def test_a_cluster_that_the_stack_no_longer_has_goes(oci_cloud: Running, tmp_path: Path) -> None:
    oci_cloud.limits = {"mount-target-count": 10}
    second = {"name": "two", "oci": {"cidr": "10.1.0.0/18"}}
    Runs(oci_cloud, tmp_path / "both", stack(None, {}, second)).apply()
    one = Runs(oci_cloud, tmp_path / "one", stack())
    found = one.apply()
    assert {change.id for change in found.changes if change.action is Action.LEAVE} == {"two/file-system"}
    left = {name for _, name in kinds(oci_cloud) if name.startswith("two/")}
    assert left == {"two/file-system"}
    assert not one.plan().writes


def foreign(cloud: Running, cidr: str = "10.0.0.0/16") -> dict[str, str]:
    """A network of somebody else's, with a gateway and a subnet."""
    network = cloud.client("virtual_network", REGION)
    cloud.pace = 0
    inside: dict[str, Any] = {"compartmentId": cloud.tenancy}
    vcn = network.create_vcn({**inside, "cidrBlocks": [cidr]}).data.id
    inside["vcnId"] = vcn
    nat = network.create_nat_gateway(inside).data.id
    subnet = network.create_subnet({**inside, "cidrBlock": "10.0.9.0/24", "displayName": "theirs"}).data.id
    return {"vcn": vcn, "nat": nat, "subnet": subnet}


def test_a_vcn_that_is_there_is_used_and_stays(oci_cloud: Running, tmp_path: Path) -> None:
    there = foreign(oci_cloud)
    runs = Runs(oci_cloud, tmp_path, stack(None, {"oci": {"vcn": there["vcn"], "cidr": "10.0.64.0/18"}}))
    before = kinds(oci_cloud)
    made = {change.id for change in runs.apply().changes}
    assert not {"phx/vcn", "phx/nat-gateway"} & made
    assert {"phx/internet-gateway", "phx/service-gateway"} <= made
    assert not runs.plan().writes
    (cluster,) = oci_cloud.all("cluster")
    assert cluster.has["vcnId"] == there["vcn"]
    private = next(each for each in oci_cloud.all("route_table") if each.has["displayName"].endswith("private"))
    assert there["nat"] in {rule["networkEntityId"] for rule in private.has["routeRules"]}
    runs.destroy(data=True)
    assert kinds(oci_cloud) == before


@pytest.mark.parametrize(
    ("cidr", "expected"),
    [
        ("172.16.0.0/16", "phx: cidr 172.16.0.0/16 is not inside the VCN, which has 10.0.0.0/16"),
        ("10.0.0.0/18", "phx: cidr 10.0.0.0/18 overlaps with the subnet theirs (10.0.9.0/24) of the VCN"),
    ],
)
def test_addresses_that_a_vcn_does_not_have_are_said_before_the_first_write(
    oci_cloud: Running, tmp_path: Path, cidr: str, expected: str
) -> None:
    there = foreign(oci_cloud)
    runs = Runs(oci_cloud, tmp_path, stack(None, {"oci": {"vcn": there["vcn"], "cidr": cidr}}))
    with pytest.raises(ToolError) as caught:
        runs.apply()
    assert expected in str(caught.value)
    assert oci_cloud.count("create_compartment") == 0


def test_two_of_one_resource_are_not_chosen_between(runs: Runs) -> None:
    runs.apply()
    (vcn,) = runs.cloud.all("vcn")
    runs.cloud.add("vcn", REGION, {**vcn.has, "id": None})
    with pytest.raises(ToolError, match="phx/vcn is there twice: ocid1"):
        runs.plan()


def test_destroy_leaves_only_data_and_then_nothing(runs: Runs) -> None:
    runs.apply()
    leave(runs.cloud)
    found = runs.destroy()
    left = {each["kind"] for each in runs.cloud.live()}
    assert left == {"compartment", "bucket", "container_repository", "file_system", "volume"}
    assert len(runs.cloud.live()) == len(found.stays) == 6
    assert any("USD/month 2.12" in why for _, why in found.stays)
    assert not runs.destroy(data=True).stays
    assert runs.cloud.live() == []
    assert not runs.removal().changes


def test_what_makes_things_anew_goes_before_them_and_what_is_used_after_its_users(runs: Runs) -> None:
    """The clusters' controllers, and Oracle's own: no request of this cloud shows that they are at work."""
    runs.apply()
    leave(runs.cloud)
    order = [change.kind for change in runs.removal(data=True).changes]
    first = {kind: order.index(kind) for kind in order}
    last = {kind: len(order) - 1 - order[::-1].index(kind) for kind in order}
    made_by_controllers = ("machine", "load-balancer", "network-load-balancer", "volume", "mount-target")
    assert {*made_by_controllers, "policy", "compartment"} <= set(order)
    for pool in ("gpu-pool", "system-pool"):
        assert last[pool] < first["cluster"]
    for kind in made_by_controllers:
        assert last["cluster"] < first[kind], kind
    assert last["export"] < first["mount-target"]
    for kind in set(order) - {"policy", "compartment"}:
        assert last[kind] < first["policy"], kind
    assert order[-1] == "compartment"


def test_what_somebody_else_made_keeps_its_compartment(runs: Runs) -> None:
    runs.apply()
    (compartment,) = (each for each in runs.cloud.all("compartment") if each.has["name"] == "gpu")
    files = {"compartmentId": compartment.id, "availabilityDomain": domains(REGION)[0], "meteredBytes": 5_000_000_000}
    runs.cloud.add("file_system", REGION, files)
    found = runs.destroy(data=True)
    assert [why for _, why in found.stays] == [
        "gpuyard did not make it, USD/month 1.50 (list prices of 2026-08-14)", "it holds what stays"
    ]  # fmt: skip
    assert {each["kind"] for each in runs.cloud.live()} == {"compartment", "file_system"}


def test_made_again_within_a_day(runs: Runs, whole: Counter[tuple[str, str]]) -> None:
    """OCI keeps retry tokens for a day, and takes none for what was deleted."""
    runs.apply()
    runs.destroy()
    runs.apply()
    assert not runs.plan().writes
    assert kinds(runs.cloud) == whole


def reserved(cloud: Running, count: int, **more: Any) -> str:
    """A capacity reservation in the second availability domain, in the compartment of the stack if there is one."""
    body: dict[str, Any] = {
        "compartmentId": cloud.tenancy,
        "availabilityDomain": domains(REGION)[1],
        "instanceReservationConfigs": [{"instanceShape": SHAPE, "reservedCount": count}],
        **more,
    }
    cloud.pace = 0
    made = cloud.client("compute", REGION).create_compute_capacity_reservation(body)
    return str(made.data.id)


def of_reservation(cloud: Running, folder: Path, ocid: str, **more: Any) -> Runs:
    return Runs(cloud, folder, stack(None, {"oci": {"reservations": {SHAPE: ocid}, **more}}))


def test_nodes_start_from_a_capacity_reservation_where_it_is(oci_cloud: Running, tmp_path: Path) -> None:
    ocid = reserved(oci_cloud, 1)
    oci_cloud.capacity = {SHAPE: 0}
    runs = of_reservation(oci_cloud, tmp_path, ocid)
    found = runs.apply()
    assert {change.id for change in found.changes if change.kind == "gpu-pool"} == {f"phx/pool-{SHAPE}-ad2"}
    (pool,) = [each for each in oci_cloud.all("node_pool") if each.has["nodeShape"] == SHAPE]
    (place,) = pool.has["nodeConfigDetails"]["placementConfigs"]
    assert (place["capacityReservationId"], place["availabilityDomain"]) == (ocid, domains(REGION)[1])
    assert nodes(oci_cloud) == {domains(REGION)[1]: 1}
    policies = [text for each in oci_cloud.all("policy") for text in each.has["statements"]]
    assert any("use compute-capacity-reservations" in each for each in policies)
    assert not runs.plan().writes
    told = [check.message for check in found.checks if check.name == "reservation"]
    assert len(told) == 1
    assert f"in compartment id {oci_cloud.tenancy} where request.principal.type = 'nodepool'" in told[0]


WRONG_RESERVATIONS: dict[str, tuple[int, dict[str, Any], dict[str, Any], str]] = {
    "too small": (0, {}, {}, f"1 more {SHAPE} are needed, and its capacity reservation has 0 free"),
    "of another shape": (
        1,
        {"instanceReservationConfigs": [{"instanceShape": "BM.GPU.A10.4", "reservedCount": 1}]},
        {},
        f"holds no {SHAPE}; name one that does",
    ),
    "elsewhere": (1, {}, {"availabilityDomains": [1]}, "which availabilityDomains of the cluster leaves out"),
}


@pytest.mark.parametrize("name", WRONG_RESERVATIONS)
def test_a_capacity_reservation_that_cannot_be_used_is_said_before_the_first_write(
    oci_cloud: Running, tmp_path: Path, name: str
) -> None:
    count, body, landing, expected = WRONG_RESERVATIONS[name]
    runs = of_reservation(oci_cloud, tmp_path, reserved(oci_cloud, count, **body), **landing)
    with pytest.raises(ToolError) as caught:
        runs.apply()
    assert expected in str(caught.value)
    assert oci_cloud.count("create_compartment") == 0


@pytest.mark.parametrize(("version", "count"), [("v1.34.2", 1), ("v1.33.0", 2), ("v1.36.2", 0)])
def test_an_autoscaler_with_a_known_defect_is_said_before_it_is_installed_and_after(
    oci_cloud: Running, tmp_path: Path, version: str, count: int
) -> None:
    oci_cloud.addons = {"ClusterAutoscaler": version}
    oci_cloud.pace = 0
    runs = Runs(oci_cloud, tmp_path)

    def told() -> list[str]:
        return [check.message for check in runs.plan().checks if check.name == "autoscaler"]

    before = told()
    assert len(before) == count
    assert all(f"phx: autoscaler {version.removeprefix('v')} " in each for each in before)
    runs.apply()
    asked = oci_cloud.count("list_addon_options")
    assert told() == before
    assert oci_cloud.count("list_addon_options") == asked, "what is installed says its version itself"
