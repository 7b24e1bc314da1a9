"""Bootstraps that are killed, and requests that fail: afterwards there is one of each resource, or none.

`make crash` tries all of it, `make test` some. A client that is "killed" is not heard any more; that of a real process
is in test_bootstrap_command.py.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gpuyard.doors.oci import cloud as door
from gpuyard.errors import GpuyardError
from tests.crashtable import CRASH
from tests.oci.faults import How
from tests.oci.fixture import Running, running
from tests.ociruns import Runs, furnished, kinds, leave

EVERY = os.environ.get("GPUYARD_CRASH") == "all"
"""Whether to try every request, fault and pair of faults, or some."""
REGION = "us-phoenix-1"
REQUESTS, REMOVALS = 200, 200
"""More than an apply and a destroy make; how many there are depends on which thread comes first."""
RE_RUNS = 3
PAIRS = 500
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"status": 429},
    "500": {"status": 500},
    "503": {"status": 503},
    "409": {"status": 409},
    "conflict": {"status": 409, "code": "Conflict"},
    "drop before": {"how": How.DROP_BEFORE},
    "drop after": {"how": How.DROP_AFTER},
    "hang": {"how": How.HANG},
    "kill before": {"how": How.KILL_BEFORE},
    "kill after": {"how": How.KILL_AFTER},
}
STEPS = (
    "create_compartment", "create_policy", "create_vcn", "create_subnet", "create_network_security_group",
    "add_network_security_group_security_rules", "create_bucket", "create_mount_target", "create_export",
    "create_cluster", "create_node_pool", "update_node_pool", "install_addon", "get_work_request",
)  # fmt: skip
REMOVAL_STEPS = (
    "delete_node_pool", "delete_cluster", "terminate_instance", "delete_load_balancer", "delete_volume",
    "delete_mount_target", "delete_export", "delete_file_system", "delete_bucket", "delete_subnet",
    "remove_network_security_group_security_rules", "delete_network_security_group", "delete_vcn", "delete_policy",
    "delete_compartment", "get_work_request",
)  # fmt: skip
SAMPLE = [
    ("create_policy", "409"),
    ("create_subnet", "503"),
    ("add_network_security_group_security_rules", "drop after"),
    ("create_mount_target", "conflict"),
    ("create_cluster", "kill after"),
    ("update_node_pool", "kill before"),
    ("create_vcn", "hang"),
]
REMOVAL_SAMPLE = [("delete_cluster", "drop after"), ("delete_compartment", "conflict")]
Fault = tuple[str, str]
Record = Callable[[str, object], None]


def pairs(count: int) -> list[tuple[Fault, Fault]]:
    """Two faults each, always the same."""
    chosen = random.Random(20261129)  # noqa: S311 - no secret
    every = [(step, fault) for step in STEPS for fault in FAULTS]
    return [(chosen.choice(every), chosen.choice(every)) for _ in range(count)]


def all_of(steps: tuple[str, ...], sample: list[Fault]) -> list[Fault]:
    """Each step with each fault, or some."""
    return [(step, fault) for step in steps for fault in FAULTS] if EVERY else sample


@pytest.fixture
def runs(oci_cloud: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Runs:
    if hasattr(request.node, "callspec") and "hang" in str(request.node.callspec.params):
        monkeypatch.setattr(door, "_TIMEOUT", (10, 5))  # nobody waits a minute here
    return Runs(oci_cloud, tmp_path)


def tried(runs: Runs, work: Callable[[], object]) -> None:
    """Do it, whatever becomes of it; the next one is another process."""
    with suppress(GpuyardError):
        work()
    runs.cloud.script.revive()


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """After a bootstrap, and with what controllers leave behind."""
    with running(lag=0) as cloud:  # long ago
        Runs(cloud, tmp_path_factory.mktemp("complete")).apply()
        leave(cloud)
        yield cloud


def rules(cloud: Running) -> set[int]:
    """How often a rule is there in its group."""
    network = cloud.client("virtual_network", REGION)
    found = Counter(
        (group.id, rule.description)
        for group in cloud.all("network_security_group")
        for rule in network.list_network_security_group_security_rules(group.id).data
    )
    return set(found.values())


@pytest.mark.parametrize("number", range(1, REQUESTS) if EVERY else [19, 139])
def test_killed_after_any_request_the_next_run_goes_on(
    runs: Runs, whole: Counter[tuple[str, str]], number: int, record_property: Record
) -> None:
    runs.cloud.script.fail(at=number, how=How.KILL_AFTER)
    tried(runs, runs.apply)
    more = runs.settle(1)
    record_property(CRASH, f"apply|killed after request k|{more}")
    assert kinds(runs.cloud) == whole
    assert rules(runs.cloud) == {1}


def test_one_that_was_killed_does_not_know_how_it_ends(runs: Runs) -> None:
    """Of the kills here: what comes after them is not heard."""
    runs.cloud.script.fail(at=60, how=How.KILL_AFTER)
    with pytest.raises(GpuyardError):
        runs.apply()
    assert len(runs.cloud.log) == 60


@pytest.mark.parametrize(("operation", "name"), all_of(STEPS, SAMPLE))
def test_a_fault_of_any_request_leaves_no_second_one(
    runs: Runs, whole: Counter[tuple[str, str]], operation: str, name: str, record_property: Record
) -> None:
    runs.cloud.script.fail(operation, **FAULTS[name])
    tried(runs, runs.apply)
    more = runs.settle(RE_RUNS)
    record_property(CRASH, f"apply|{name}|{more}")
    assert kinds(runs.cloud) == whole
    assert rules(runs.cloud) == {1}


@pytest.mark.parametrize(("first", "second"), pairs(PAIRS if EVERY else 2))
def test_two_faults_leave_no_second_one_either(
    runs: Runs, whole: Counter[tuple[str, str]], first: Fault, second: Fault, record_property: Record
) -> None:
    """The second one of the same run, and of the next one where the first one ended it."""
    runs.cloud.pace = 0
    for operation, name in (first, second):
        runs.cloud.script.fail(operation, **FAULTS[name])
    tried(runs, runs.apply)
    runs.cloud.script.fail(second[0], **FAULTS[second[1]])
    tried(runs, runs.apply)
    more = runs.settle(RE_RUNS - 1) + 1
    record_property(CRASH, f"apply|two faults|{more}")
    assert kinds(runs.cloud) == whole
    assert rules(runs.cloud) == {1}


def emptied(runs: Runs) -> int:
    """Destroy until nothing is left; how often it took."""
    count = 0
    while runs.cloud.live():
        count += 1
        assert count <= RE_RUNS, runs.cloud.live()
        tried(runs, lambda: runs.destroy(data=True))
    return count


@pytest.mark.parametrize("number", range(1, REMOVALS) if EVERY else [61])
def test_a_destroy_that_was_killed_goes_on(runs: Runs, complete: Running, number: int, record_property: Record) -> None:
    furnished(runs.cloud, complete)
    runs.cloud.script.fail(at=len(runs.cloud.log) + number, how=How.KILL_AFTER)
    tried(runs, lambda: runs.destroy(data=True))
    record_property(CRASH, f"destroy|killed after request k|{emptied(runs)}")


@pytest.mark.parametrize(("operation", "name"), all_of(REMOVAL_STEPS, REMOVAL_SAMPLE))
def test_a_fault_of_a_destroy_leaves_nothing(
    runs: Runs, complete: Running, operation: str, name: str, record_property: Record
) -> None:
    furnished(runs.cloud, complete)
    before = runs.cloud.count(operation)
    runs.cloud.script.fail(operation, **FAULTS[name])
    tried(runs, lambda: runs.destroy(data=True))
    assert runs.cloud.count(operation) > before
    record_property(CRASH, f"destroy|{name}|{emptied(runs)}")
    assert not runs.removal().changes


@pytest.mark.parametrize("number", range(1, REQUESTS, 5) if EVERY else [90])
def test_what_was_killed_half_way_can_be_taken_away(runs: Runs, number: int, record_property: Record) -> None:
    runs.cloud.script.fail(at=number, how=How.KILL_AFTER)
    tried(runs, runs.apply)
    # What was asked for as it died is not in any list yet, and keeps the compartment: the first run may say so.
    record_property(CRASH, f"destroy|apply was killed after request k|{emptied(runs)}")
