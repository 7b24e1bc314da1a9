"""Limits and hosts for all that is new, asked before the first write: each is counted once, over everything."""

from pathlib import Path
from typing import Any

import pytest

from gpuyard.errors import ToolError
from tests import ociruns
from tests.oci.fixture import Running
from tests.oci.world import domains
from tests.ociruns import Runs, kinds, stack

REGION = "us-phoenix-1"
FIRST, SECOND, THIRD = domains(REGION)
MORE = "ask for more in the Console under Limits, Quotas and Usage"


def several(count: int) -> dict[str, Any]:
    return stack(None, *({"name": f"c{number}", "oci": {"cidr": f"10.{number}.0.0/18"}} for number in range(count)))


def told(runs: Runs) -> list[str]:
    return [check.message for check in runs.plan().refused]


@pytest.mark.parametrize(
    ("limits", "clusters", "expected"),
    [
        ({"vcn-count": 1}, 2, f"{REGION}: limit vcn-count leaves 1, 2 are needed; {MORE}"),
        ({"cluster-count": 0}, 1, f"{REGION}: limit cluster-count leaves 0, 1 is needed; {MORE}"),
        ({"file-system-count": 0}, 1, f"{FIRST}: limit file-system-count leaves 0, 1 is needed; {MORE}"),
        ({}, 3, f"{FIRST}: limit mount-target-count leaves 2, 3 are needed; {MORE}"),
        (
            {f"standard-e5-core-count/{SECOND}": 3}, 1,
            f"{SECOND}: limit standard-e5-core-count leaves 3, 4 are needed; {MORE}",
        ),
        (
            {"gpu-a10-count": 0, f"gpu-a10-count/{THIRD}": 2}, 2,
            "c1: 1 VM.GPU.A10.2 cannot start. AD-1: limit gpu-a10-count leaves 0 GPUs, 2 are needed; "
            "AD-2: limit gpu-a10-count leaves 0 GPUs, 2 are needed; AD-3: limit gpu-a10-count leaves 0 GPUs, "
            f"2 are needed; {MORE}",
        ),
    ],
)  # fmt: skip
def test_a_limit_is_said_before_the_first_write(
    oci_cloud: Running, tmp_path: Path, limits: dict[str, int], clusters: int, expected: str
) -> None:
    oci_cloud.limits = limits
    runs = Runs(oci_cloud, tmp_path, several(clusters))
    assert told(runs) == [expected]
    with pytest.raises(ToolError):
        runs.apply()
    assert not kinds(oci_cloud)


def test_nodes_are_counted_over_availability_domains(oci_cloud: Running, tmp_path: Path) -> None:
    """Each of two clusters finds its node in another one."""
    oci_cloud.limits = {"gpu-a10-count": 0, f"gpu-a10-count/{FIRST}": 2, f"gpu-a10-count/{THIRD}": 2}
    runs = Runs(oci_cloud, tmp_path, several(2))
    assert told(runs) == []
    runs.settle()


def test_only_what_is_missing_is_counted(oci_cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three nodes one runs, and there is room for two more."""
    Runs(oci_cloud, tmp_path / "one", stack()).apply()
    oci_cloud.limits = {"gpu-a10-count": 6, "mount-target-count": 1, "vcn-count": 1, "cluster-count": 1}
    for domain in (SECOND, THIRD):
        oci_cloud.limits[f"gpu-a10-count/{domain}"] = 0
    scaling = {"min": 3, "max": 3}
    monkeypatch.setattr(ociruns, "SPEC", {**ociruns.SPEC, "scaling": scaling})
    more = Runs(oci_cloud, tmp_path / "more", stack())
    (nodes,) = (each for each in more.plan().writes if each.kind == "nodes")
    assert [(each.before, each.after) for each in nodes.fields] == [(1, 3)]
    assert told(more) == []
    more.settle()


def test_what_oci_does_not_say_is_no_obstacle(oci_cloud: Running, tmp_path: Path) -> None:
    """Who administers one compartment may not read limits, and not ask for capacity in the tenancy."""
    oci_cloud.script.fail("get_resource_availability", status=404, times=99)
    oci_cloud.script.fail("create_compute_capacity_report", status=404, times=99)
    found = Runs(oci_cloud, tmp_path).plan()
    assert not found.refused
    assert [check.message for check in found.checks if check.name == "capacity"] == [
        "phx: this login may not ask for capacity reports, so whether there are hosts for VM.GPU.A10.2 is not known; a"
        " policy of the tenancy allows it"
    ]


def test_limits_are_those_of_the_compartment(oci_cloud: Running, tmp_path: Path) -> None:
    """An administrator's quota is of a compartment: what the tenancy has is not what the stack gets."""
    place = oci_cloud.add(
        "compartment", "us-ashburn-1", {"name": "all", "description": "x", "compartmentId": oci_cloud.tenancy}
    ).id
    Runs(oci_cloud, tmp_path, stack({"compartment": place})).plan()
    asked = [each.query["compartmentId"] for each in oci_cloud.log if each.operation == "get_resource_availability"]
    assert asked
    assert all(each == [place] for each in asked)


@pytest.mark.parametrize("state", ["DELETING", "DELETED", "INACTIVE"])
def test_a_compartment_that_is_going_holds_nothing_new(oci_cloud: Running, tmp_path: Path, state: str) -> None:
    made = {"name": "all", "description": "x", "compartmentId": oci_cloud.tenancy}
    place = oci_cloud.add("compartment", "us-ashburn-1", made)
    oci_cloud.pace = 1000
    place.state = state
    runs = Runs(oci_cloud, tmp_path, stack({"compartment": place.id}))
    with pytest.raises(ToolError, match=r"all|not found"):
        runs.apply()
    assert not [each for each in oci_cloud.live() if each["kind"] != "compartment"]


def test_a_region_has_only_its_own_availability_domains(oci_cloud: Running, tmp_path: Path) -> None:
    oci_cloud.subscribed = ["us-ashburn-1", "ap-tokyo-1"]
    here = {"name": "nrt", "region": "ap-tokyo-1"}
    with pytest.raises(ToolError) as caught:
        Runs(oci_cloud, tmp_path, stack(None, {**here, "oci": {"availabilityDomains": [3, 2]}})).plan()
    text = "nrt: ap-tokyo-1 has only one availability domain; correct availabilityDomains of the cluster"
    assert str(caught.value) == text
    Runs(oci_cloud, tmp_path, stack(None, {**here, "oci": {"availabilityDomains": [2, 1]}})).apply()
