"""What a lifecycle state of OCI's means: every state of every family, and what a run does about it."""

from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gpuyard.bootstrap.destroy import ALL_KINDS
from gpuyard.bootstrap.difference import Action
from gpuyard.bootstrap.states import Standing, standing
from gpuyard.errors import GpuyardError, ToolError
from tests.oci.fixture import Running
from tests.ociruns import Runs, kinds, stack

U, P, B, X = Standing.USABLE, Standing.PENDING, Standing.BROKEN, Standing.BLOCKED
ODD, G = Standing.ODD, Standing.GONE
_IAM = {"CREATING": P, "ACTIVE": U, "INACTIVE": X, "DELETING": G, "DELETED": G}
_NETWORK = {"PROVISIONING": P, "AVAILABLE": U, "TERMINATING": G, "TERMINATED": G}
_USUAL = {"CREATING": P, "ACTIVE": U, "UPDATING": P, "DELETING": G, "DELETED": G}
TABLE: dict[str, tuple[str, dict[str, Standing]]] = {
    "compartment": ("identity.Compartment", _IAM),
    "policy": ("identity.Policy", _IAM),
    "vcn": ("core.Vcn", {**_NETWORK, "UPDATING": P}),
    "internet-gateway": ("core.InternetGateway", _NETWORK),
    "nat-gateway": ("core.NatGateway", _NETWORK),
    "service-gateway": ("core.ServiceGateway", _NETWORK),
    "routes": ("core.RouteTable", _NETWORK),
    "security-list": ("core.SecurityList", _NETWORK),
    "group": ("core.NetworkSecurityGroup", _NETWORK),
    "subnet": ("core.Subnet", {**_NETWORK, "UPDATING": P}),
    "cluster": ("container_engine.Cluster", {**_USUAL, "FAILED": B}),
    "system-pool": ("container_engine.NodePool", {**_USUAL, "FAILED": B, "INACTIVE": X, "NEEDS_ATTENTION": ODD}),
    "gpu-pool": ("container_engine.NodePool", {**_USUAL, "FAILED": B, "INACTIVE": X, "NEEDS_ATTENTION": ODD}),
    "addon": ("container_engine.Addon", {**_USUAL, "FAILED": B, "NEEDS_ATTENTION": ODD}),
    "file-system": ("file_storage.FileSystem", {**_USUAL, "FAILED": X}),
    "mount-target": ("file_storage.MountTarget", {**_USUAL, "FAILED": B}),
    "export": ("file_storage.Export", {"CREATING": P, "ACTIVE": U, "DELETING": G, "DELETED": G}),
    "repository": ("artifacts.ContainerRepository", {"AVAILABLE": U, "DELETING": G, "DELETED": G}),
    "load-balancer": (
        "load_balancer.LoadBalancer",
        {"CREATING": P, "ACTIVE": U, "FAILED": B, "DELETING": G, "DELETED": G},
    ),
    "network-load-balancer": ("network_load_balancer.NetworkLoadBalancer", {**_USUAL, "FAILED": B}),
    "secret": (
        "vault.SecretSummary",
        {**_USUAL, "FAILED": X, "CANCELLING_DELETION": P, "SCHEDULING_DELETION": G, "PENDING_DELETION": G},
    ),
    "volume": ("core.Volume", {**_NETWORK, "RESTORING": P, "FAULTY": X}),
    "machine": (
        "core.Instance",
        {
            "MOVING": P, "PROVISIONING": P, "RUNNING": U, "STARTING": P, "STOPPING": P, "STOPPED": ODD,
            "CREATING_IMAGE": P, "TERMINATING": G, "TERMINATED": G,
        },
    ),
}  # fmt: skip
STATELESS = {"bucket", "rules", "nodes"}


def states(model: str) -> set[str]:
    """All that the SDK knows of a model."""
    module, name = model.split(".")
    of = vars(getattr(import_module(f"oci.{module}.models"), name))
    return {value for key, value in of.items() if key.startswith("LIFECYCLE_STATE_")}


def test_every_family_is_in_the_table() -> None:
    assert TABLE.keys() | STATELESS == ALL_KINDS.keys()
    assert {standing(ALL_KINDS[name], "") for name in STATELESS} == {Standing.USABLE}


@pytest.mark.parametrize("family", TABLE)
def test_each_state_of_a_family_means_one_thing(family: str) -> None:
    model, table = TABLE[family]
    assert states(model) == table.keys()
    assert {state: standing(ALL_KINDS[family], state) for state in table} == table


def test_a_state_that_is_newer_than_gpuyard_is_told_and_no_obstacle() -> None:
    assert standing(ALL_KINDS["cluster"], "HIBERNATING") is Standing.ODD


@pytest.fixture
def runs(oci_cloud: Running, tmp_path: Path) -> Runs:
    return Runs(oci_cloud, tmp_path)


WORKS = {
    "CLUSTER_CREATE": "phx/cluster",
    "NODEPOOL_CREATE": "phx/pool-",
    "ENABLE_ADDON": "phx/addon-",
}


@pytest.mark.parametrize("work", WORKS)
def test_what_oci_failed_to_make_is_made_anew_by_the_next_run(
    runs: Runs, whole: Counter[tuple[str, str]], work: str
) -> None:
    runs.cloud.script.fail_work(work, message="a reason of OCI's")
    with pytest.raises(ToolError, match="a reason of OCI's"):
        runs.apply()
    (failed,) = [change for change in runs.plan().writes if change.action is Action.REPLACE]
    assert failed.id.startswith(WORKS[work])
    assert [(field.path, field.before, field.after) for field in failed.fields] == [
        ("lifecycleState", "FAILED", "ACTIVE")
    ]
    (told,) = [check for check in runs.plan().checks if check.name == "state"]
    assert told.message.startswith(f"{failed.id} is FAILED: ")
    assert told.message.endswith("; it is deleted and created again")
    assert not told.fatal
    runs.apply()
    assert not runs.plan().writes
    assert kinds(runs.cloud) == whole


def test_a_mount_target_that_failed_is_made_anew(runs: Runs, whole: Counter[tuple[str, str]]) -> None:
    runs.cloud.script.turn("mount_target", "FAILED")
    with pytest.raises(ToolError, match="create mount target phx/mount-target: it is FAILED"):
        runs.apply()
    runs.apply()
    assert not runs.plan().writes
    assert kinds(runs.cloud) == whole


def changed(cloud: Running, kind: str, state: str, **more: Any) -> str:
    """Put the first of a kind that is gpuyard's into a state; its resource."""
    thing = next(each for each in cloud.all(kind) if each.has["freeformTags"].get("gpuyard-resource"))
    thing.state = state
    thing.has.update(more)
    return str(thing.has["freeformTags"]["gpuyard-resource"])


@pytest.mark.parametrize(
    ("kind", "state"),
    [("file_system", "FAILED"), ("policy", "INACTIVE"), ("compartment", "INACTIVE"), ("node_pool", "INACTIVE")],
)
def test_what_only_its_owner_can_judge_stops_the_run_before_it_writes(runs: Runs, kind: str, state: str) -> None:
    runs.apply()
    name = changed(runs.cloud, kind, state)
    before = len(runs.cloud.log)
    with pytest.raises(ToolError, match=f"{name} is {state}: OCI does not say why; make it usable in the Console"):
        runs.apply()
    assert [each.operation for each in runs.cloud.log[before:] if each.writes] == []


def test_what_needs_attention_is_told_and_used(runs: Runs) -> None:
    runs.apply()
    name = changed(runs.cloud, "node_pool", "NEEDS_ATTENTION", lifecycleDetails="a node does not come.")
    found = runs.plan()
    assert not found.writes
    (told,) = [check for check in found.checks if check.name == "state"]
    assert told.message.startswith(f"{name} is NEEDS_ATTENTION: a node does not come; look at it in the Console (ocid1")
    assert not found.refused


def test_a_cluster_that_failed_with_pools_in_it_is_not_made_anew(runs: Runs) -> None:
    runs.apply()
    changed(runs.cloud, "cluster", "FAILED")
    before = len(runs.cloud.live())
    with pytest.raises(ToolError, match="phx/pool-system: clusterId cannot be changed in place"):
        runs.apply()
    assert len(runs.cloud.live()) == before


def test_an_autoscaler_hears_of_a_pool_that_was_made_anew(runs: Runs) -> None:
    runs.apply()
    pool = next(each for each in runs.cloud.all("node_pool") if each.has["name"].endswith("-ad3"))
    pool.state = "FAILED"
    assert {change.action for change in runs.plan().writes} == {Action.REPLACE, Action.UPDATE}
    runs.apply()
    assert not runs.plan().writes
    (scaler,) = (each for each in runs.cloud.all("addon") if each.has["name"] == "ClusterAutoscaler")
    (new,) = (each for each in runs.cloud.all("node_pool") if each.has["name"].endswith("-ad3"))
    assert new.id != pool.id
    assert new.id in str(scaler.has["configurations"])
    assert pool.id not in str(scaler.has["configurations"])


@pytest.mark.parametrize("kind", ["cluster", "node_pool", "vcn", "subnet", "mount_target", "addon"])
def test_what_is_still_being_changed_is_waited_for_and_kept(runs: Runs, kind: str) -> None:
    runs.apply()
    thing = next(each for each in runs.cloud.all(kind) if kind != "addon" or "Autoscaler" in str(each.has))
    ready, thing.state = thing.kind.ready, "UPDATING"
    runs.cloud.go(thing, ready)
    thing.reads = 4
    assert not runs.plan().writes
    runs.apply()
    assert thing.state == ready


def test_what_is_still_being_made_is_deleted_when_it_is_made(runs: Runs) -> None:
    """OCI deletes nothing that it works on."""
    runs.cloud.paces = {"cluster": 3}
    runs.cloud.script.fail("get_work_request", status=400, skip=1)
    with pytest.raises(GpuyardError):
        runs.apply()
    runs.cloud.script.revive()
    runs.destroy(data=True)
    assert runs.cloud.live() == []


def test_a_vcn_of_somebody_elses_that_is_going_is_not_used(oci_cloud: Running, tmp_path: Path) -> None:
    network = oci_cloud.client("virtual_network", "us-phoenix-1")
    oci_cloud.pace = 0
    vcn = network.create_vcn({"compartmentId": oci_cloud.tenancy, "cidrBlocks": ["10.0.0.0/16"]}).data.id
    oci_cloud.things[vcn].state = "TERMINATING"
    runs = Runs(oci_cloud, tmp_path, stack(None, {"oci": {"vcn": vcn, "cidr": "10.0.64.0/18"}}))
    with pytest.raises(ToolError, match=f"phx: the VCN {vcn} is TERMINATING; name another one"):
        runs.apply()
