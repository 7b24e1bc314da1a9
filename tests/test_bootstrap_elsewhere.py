"""What a stack has in regions that it no longer names, and next to another stack: found, told, and never made twice."""

from pathlib import Path
from typing import Any

import pytest

from gpuyard.bootstrap.difference import Action
from gpuyard.errors import GpuyardError, ToolError
from tests import ociruns
from tests.oci.fixture import Running
from tests.oci.world import domains
from tests.ociruns import SPEC, Runs, kinds, stack

PHX, IAD, FRA = "us-phoenix-1", "us-ashburn-1", "eu-frankfurt-1"


def cluster(name: str, region: str, number: int = 0, **oci: Any) -> dict[str, Any]:
    return {"name": name, "region": region, "oci": {"cidr": f"10.{number}.0.0/18", **oci}}


@pytest.fixture
def cloud(oci_cloud: Running) -> Running:
    oci_cloud.subscribed = [IAD, PHX, FRA]
    oci_cloud.limits = {"mount-target-count": 10}
    return oci_cloud


@pytest.fixture
def two(cloud: Running, tmp_path: Path) -> Running:
    """A cluster in each of two regions."""
    Runs(cloud, tmp_path / "two", stack(None, cluster("a", PHX), cluster("b", IAD, 1))).apply()
    return cloud


def of(cloud: Running, name: str) -> set[str]:
    return {resource for _, resource in kinds(cloud) if resource.startswith(f"{name}/")}


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_last_cluster_of_a_region_goes_whole(two: Running, tmp_path: Path, name: str) -> None:
    other = cluster("b", IAD, 1) if name == "a" else cluster("a", PHX)
    runs = Runs(two, tmp_path / "one", stack(None, other))
    runs.apply()
    assert of(two, name) == {f"{name}/file-system"}
    assert not runs.plan().writes


def test_one_whose_cluster_was_never_made_goes_as_well(cloud: Running, tmp_path: Path) -> None:
    cloud.script.fail("create_cluster", status=400, times=9)
    both = Runs(cloud, tmp_path / "two", stack(None, cluster("a", PHX), cluster("b", FRA, 1)))
    with pytest.raises(GpuyardError):
        both.apply()
    cloud.script.revive()
    assert "b/vcn" in of(cloud, "b")
    Runs(cloud, tmp_path / "one", stack(None, cluster("a", PHX))).settle()
    assert of(cloud, "b") <= {"b/file-system"}


def test_destroy_takes_away_what_is_in_regions_that_the_stack_no_longer_names(two: Running, tmp_path: Path) -> None:
    Runs(two, tmp_path / "one", stack(None, cluster("b", IAD, 1))).destroy(data=True)
    assert not kinds(two)


@pytest.mark.parametrize(
    ("clusters", "moved"),
    [
        ((cluster("a", PHX), cluster("b", FRA, 1)), ["b: it is in us-ashburn-1, and moving it to eu-frankfurt-1"]),
        (
            (cluster("a", IAD), cluster("b", PHX, 1)),
            ["a: it is in us-phoenix-1, and moving it to us-ashburn-1", "b: it is in us-ashburn-1, and moving it to"],
        ),
    ],
)
def test_a_cluster_is_not_moved_and_no_second_one_is_made(
    two: Running, tmp_path: Path, clusters: tuple[dict[str, Any], ...], moved: list[str]
) -> None:
    before = kinds(two)
    runs = Runs(two, tmp_path / "moved", stack(None, *clusters))
    refused = [check.message for check in runs.plan().refused]
    assert len(refused) == len(moved)
    for text, expected in zip(refused, moved, strict=True):
        assert text.startswith(expected)
        assert "is not supported yet; keep its region, or give the cluster" in text
    assert not any(change.drift for change in runs.plan().changes)
    with pytest.raises(ToolError):
        runs.apply()
    assert kinds(two) == before


def test_what_is_kept_beside_the_clusters_stays_where_it_is(two: Running, tmp_path: Path) -> None:
    turned = Runs(two, tmp_path / "turned", stack(None, cluster("b", IAD, 1), cluster("a", PHX)))
    assert not turned.plan().writes
    alone = Runs(two, tmp_path / "alone", stack(None, cluster("b", IAD, 1)))
    alone.apply()
    assert not alone.plan().writes
    assert {(each["kind"], each["region"]) for each in two.live() if each["kind"] in STORES} == {
        (kind, PHX) for kind in STORES
    }


STORES = ("bucket", "container_repository")


def shared(cloud: Running, folder: Path, name: str, oci: dict[str, Any], *clusters: dict[str, Any]) -> Runs:
    """A stack of this name."""
    own = {"bucket": f"weights-{name}", "repositories": [f"{name}/vllm"], **oci}
    return Runs(cloud, folder / name, stack(own, *clusters), name)


def test_two_stacks_in_one_compartment_know_their_own(cloud: Running, tmp_path: Path) -> None:
    """Their clusters have the same name, too."""
    place = cloud.add("compartment", IAD, {"name": "all", "description": "x", "compartmentId": cloud.tenancy}).id
    one, two = (shared(cloud, tmp_path, name, {"compartment": place}) for name in ("one", "two"))
    one.apply()
    two.apply()
    assert not one.plan().writes
    assert not two.plan().writes
    stays = {text.partition(",")[0] for change, text in one.removal(data=True).stays}
    assert stays == {"it is of the gpuyard stack two"}
    one.destroy(data=True)
    assert not two.plan().writes


def test_a_compartment_in_which_another_stack_is_stays(cloud: Running, tmp_path: Path) -> None:
    one = shared(cloud, tmp_path, "one", {})
    one.apply()
    (place,) = (each for each in cloud.all("compartment") if each.has["name"] == "gpu")
    refused = [each.message for each in shared(cloud, tmp_path, "two", {}).plan().refused]
    assert refused == [
        f"a compartment gpu is there that is of the gpuyard stack one ({place.id}); choose another name, or set"
        " spec.oci.compartment to its OCID"
    ]
    network = cloud.client("virtual_network", PHX)
    network.create_vcn({"compartmentId": place.id, "cidrBlocks": ["10.9.0.0/16"], "displayName": "theirs"})
    done = one.destroy(data=True)
    assert [(change.id, text) for change, text in done.stays] == [
        ("compartment", "it holds what stays, such as the VCN theirs")
    ]
    assert kinds(cloud) == {("compartment", "compartment"): 1, ("vcn", ""): 1}


@pytest.mark.parametrize("own", [False, True], ids=["in its compartment", "in one of the stacks"])
def test_another_stack_s_gateways_and_subnets_in_a_vcn_are_somebody_else_s(
    cloud: Running, tmp_path: Path, *, own: bool
) -> None:
    cloud.pace = 0
    place = {"name": "all", "description": "x", "compartmentId": cloud.tenancy}
    made = {"compartmentId": cloud.tenancy, "cidrBlocks": ["10.0.0.0/16"]}
    vcn = cloud.client("virtual_network", PHX).create_vcn(made).data.id
    here = {"compartment": cloud.add("compartment", IAD, place).id if own else cloud.tenancy}
    shared(cloud, tmp_path, "one", here, cluster("phx", PHX, vcn=vcn)).apply()
    same = shared(cloud, tmp_path, "two", here, cluster("phx", PHX, vcn=vcn))
    assert any("overlaps with the subnet one-phx-subnet-pods" in each.message for each in same.plan().refused)
    apart = shared(cloud, tmp_path, "two", here, cluster("phx", PHX, vcn=vcn, cidr="10.0.64.0/18"))
    apart.apply()
    assert not apart.plan().writes
    assert len(list(cloud.all("internet_gateway"))) == 1


@pytest.mark.parametrize(
    ("cidr", "gateways", "expected"),
    [
        ("10.0.64.0/18", False, "b: it shares its VCN with a, and gateways that bootstrap makes are not shared"),
        ("10.0.0.0/18", True, "b: cidr 10.0.0.0/18 overlaps with that of a (10.0.0.0/18) in the same VCN"),
        ("10.0.64.0/18", True, ""),
    ],
)
def test_two_clusters_in_one_vcn(cloud: Running, tmp_path: Path, cidr: str, *, gateways: bool, expected: str) -> None:
    cloud.pace = 0
    network = cloud.client("virtual_network", PHX)
    made: dict[str, Any] = {"compartmentId": cloud.tenancy}
    vcn = network.create_vcn({**made, "cidrBlocks": ["10.0.0.0/16"]}).data.id
    if gateways:
        service = network.list_services().data[1].id
        network.create_internet_gateway({**made, "vcnId": vcn, "isEnabled": True})
        network.create_nat_gateway({**made, "vcnId": vcn})
        network.create_service_gateway({**made, "vcnId": vcn, "services": [{"serviceId": service}]})
    runs = Runs(cloud, tmp_path, stack(None, cluster("a", PHX, vcn=vcn), cluster("b", PHX, vcn=vcn, cidr=cidr)))
    refused = [each.message for each in runs.plan().refused]
    if expected:
        assert len(refused) == 1
        assert refused[0].startswith(expected)
    else:
        runs.apply()
        assert not runs.plan().writes


def test_tags_of_others_stay(cloud: Running, tmp_path: Path) -> None:
    runs = Runs(cloud, tmp_path)
    runs.apply()
    (gateway,) = cloud.all("internet_gateway")
    (pool,) = (each for each in cloud.all("node_pool") if each.has["name"].endswith("ad1"))
    for each in (gateway, pool):
        each.has["freeformTags"] = {**each.has["freeformTags"], "cost-center": "42"}
    gateway.has["isEnabled"] = False
    del pool.has["freeformTags"]["cluster-autoscaler/node-ephemeral-storage"]
    assert {change.action for change in runs.apply().writes} == {Action.UPDATE}
    for each in (gateway, pool):
        assert each.has["freeformTags"]["cost-center"] == "42"
    assert not runs.plan().writes


def test_made_and_taken_away_many_times_a_day(cloud: Running, tmp_path: Path) -> None:
    """In a compartment that stays every request is one that was sent before."""
    place = cloud.add("compartment", IAD, {"name": "all", "description": "x", "compartmentId": cloud.tenancy}).id
    runs = Runs(cloud, tmp_path, stack({"compartment": place}))
    for _ in range(7):
        runs.apply()
        runs.destroy(data=True)
    assert kinds(cloud) == {("compartment", ""): 1}


@pytest.mark.parametrize("spec", [SPEC, {"shapes": {"a10": {}}}], ids=["file storage", "none"])
def test_three_clusters_in_two_regions_are_read_in_fewer_than_sixty_requests(
    cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: dict[str, Any]
) -> None:
    monkeypatch.setattr(ociruns, "SPEC", spec)
    three = [
        cluster(name, region, number) for number, (name, region) in enumerate(zip("abc", (PHX, IAD, PHX), strict=True))
    ]
    runs = Runs(cloud, tmp_path, stack(None, *three))
    runs.apply()
    assert not runs.plan().writes
    assert runs.last
    assert runs.last.requests < 60


def test_file_storage_in_another_availability_domain_is_found(cloud: Running, tmp_path: Path) -> None:
    """The stack named it first when it was made."""
    Runs(cloud, tmp_path / "1", stack(None, cluster("a", PHX, availabilityDomains=[2, 1]))).apply()
    before = kinds(cloud)
    turned = Runs(cloud, tmp_path / "2", stack(None, cluster("a", PHX, availabilityDomains=[1, 2])))
    turned.apply()
    assert not turned.plan().writes
    assert kinds(cloud) == before
    assert {each.has["availabilityDomain"] for each in cloud.all("mount_target")} == {domains(PHX)[1]}
    other = Runs(cloud, tmp_path / "3", stack(None, cluster("b", PHX, 1)))
    other.apply()
    assert of(cloud, "a") == {"a/file-system"}
    assert before["export", ""] == kinds(cloud)["export", ""] == 1
