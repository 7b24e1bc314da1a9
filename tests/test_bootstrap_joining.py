"""A cluster that somebody else made: GPU pools join it, nothing of it changes, and it stays when they go."""

from pathlib import Path
from typing import Any

import pytest

from gpuyard.bootstrap.difference import Action
from gpuyard.bootstrap.factfile import fact_files
from gpuyard.bootstrap.planning import Plan
from gpuyard.doors import yamlio
from gpuyard.errors import ToolError
from tests.oci.fixture import Running, running
from tests.oci.site import Site, built, finished
from tests.oci.world import domains
from tests.ociruns import Runs, kinds, stack
from tests.projects import merged

REGION = "us-phoenix-1"
SHAPE = "VM.GPU.A10.2"


@pytest.fixture
def cloud() -> Any:
    with running(home=REGION, pace=0, lag=0) as found:
        yield found


@pytest.fixture
def site(cloud: Running) -> Site:
    """Their cluster, with a node pool without GPUs."""
    found = built(cloud)
    engine = cloud.client("container_engine", REGION)
    shape = {"node_shape": "VM.Standard.E5.Flex", "node_shape_config": {"ocpus": 2.0, "memoryInGBs": 16.0}}
    details = found.pool(name="theirs", node_source_details=_source(found), **shape)
    assert finished(engine, engine.create_node_pool(details)).status == "SUCCEEDED"
    return found


def _source(site: Site) -> dict[str, Any]:
    return {"sourceType": "IMAGE", "imageId": site.image("8.10-2026")}


def runs(site: Site, folder: Path, cluster: dict[str, Any] | None = None, compartment: str = "gpu") -> Runs:
    given = merged({"oci": {"cluster": site.cluster}, "kubernetes": "1.35"}, cluster or {})
    return Runs(site.cloud, folder, {**stack(None, given), "oci": {"compartment": compartment}})


def cluster_of(site: Site) -> dict[str, Any]:
    (found,) = site.cloud.all("cluster")
    return dict(found.has)


def told(plan: Plan) -> list[str]:
    return [check.message for check in plan.checks if check.name == "cluster"]


def test_gpu_pools_join_it_in_the_network_of_its_own(site: Site, tmp_path: Path) -> None:
    before = cluster_of(site)
    found = runs(site, tmp_path)
    made = {change.id for change in found.apply().changes}
    pools = {f"phx/pool-{SHAPE}-ad{number}" for number in (1, 2, 3)}
    assert made == {"compartment", *pools, f"phx/nodes-{SHAPE}"}
    assert not found.plan().writes
    assert cluster_of(site) == before
    ours = [each.has for each in site.cloud.all("node_pool") if each.has["nodeShape"] == SHAPE]
    assert {each["clusterId"] for each in ours} == {site.cluster}
    details = [each["nodeConfigDetails"] for each in ours]
    assert {each["placementConfigs"][0]["subnetId"] for each in details} == {site.subnets["workers"]}
    assert {tuple(each["nsgIds"]) for each in details} == {(site.group,)}
    assert {tuple(each["nodeConfigDetails"]["nodePoolPodNetworkOptionDetails"]["podSubnetIds"]) for each in ours} == {
        (site.subnets["pods"],)
    }
    assert sum(each["size"] for each in details) == 1
    assert {each["kubernetesVersion"] for each in ours} == {"v1.35.2"}
    writes = {each.operation for each in site.cloud.log if each.method in ("POST", "PUT", "DELETE")}
    assert not writes & {"update_cluster", "delete_cluster", "install_addon", "create_subnet", "create_policy"}
    found.destroy(data=True)


def test_its_own_pools_show_the_network_when_ours_are_in_the_same_compartment(site: Site, tmp_path: Path) -> None:
    found = runs(site, tmp_path, compartment=site.cloud.tenancy)
    found.apply()
    again = found.plan()
    assert not again.writes
    assert [each for each in told(again) if "of the node pool theirs" in each]


def test_it_stays_when_the_rest_goes(site: Site, tmp_path: Path) -> None:
    before, cluster = kinds(site.cloud), cluster_of(site)
    found = runs(site, tmp_path)
    found.apply()
    gone = found.destroy(data=True)
    assert [(change.id, change.action) for change, _ in gone.stays] == [("phx/cluster", Action.LEAVE)]
    assert "gpuyard did not make it" in gone.stays[0][1]
    assert (kinds(site.cloud), cluster_of(site)) == (before, cluster)


def test_gone_itself_it_is_in_nobody_s_way_when_the_rest_goes(site: Site, tmp_path: Path) -> None:
    found = runs(site, tmp_path)
    found.apply()
    engine = site.cloud.client("container_engine", REGION)
    finished(engine, engine.delete_cluster(site.cluster))
    found.destroy(data=True)
    assert not {kind for kind, name in kinds(site.cloud) if name}


def test_what_it_lacks_is_said_and_no_obstacle(site: Site, tmp_path: Path) -> None:
    found = runs(site, tmp_path).plan()
    assert not found.refused
    texts = told(found)
    for part in (
        "GPU nodes get the subnets and groups of the node pool theirs",
        "does not have the add-on NvidiaGpuPlugin",
        "autoscaler does not know the GPU pools",
        "its StorageClass oci-fss has to be yours",
    ):
        assert len([each for each in texts if part in each]) == 1, part


@pytest.mark.parametrize(("version", "issues"), [("v1.34.2", ["9703"]), ("v1.33.0", ["8315", "9703"]), ("v1.37.0", [])])
def test_what_its_autoscaler_lacks_is_said(site: Site, tmp_path: Path, version: str, issues: list[str]) -> None:
    site.cloud.addons = {"ClusterAutoscaler": version}
    engine = site.cloud.client("container_engine", REGION)
    finished(engine, engine.install_addon(site.cluster, {"addonName": "ClusterAutoscaler"}))
    texts = [each for each in told(runs(site, tmp_path).plan()) if "kubernetes/autoscaler/issues/" in each]
    assert [each.partition("issues/")[2].partition(")")[0] for each in texts] == issues


def test_its_facts_are_known_to_the_hand_over(site: Site, tmp_path: Path) -> None:
    found = runs(site, tmp_path)
    found.apply()
    observed = found.plan().observed
    (text,) = fact_files(found.project.stack, {}, observed).values()
    (facts,) = yamlio.parse_manifests(text)
    assert facts["data"]["cluster"] == site.cluster
    assert observed.cluster("phx") is observed.joined["phx"]


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    # changed in their cluster, in the stack, what is said
    "a basic cluster": ({"type": "BASIC_CLUSTER"}, {}, "is a basic cluster; make it an enhanced one"),
    "another CNI": (
        {"clusterPodNetworkOptions": [{"cniType": "FLANNEL_OVERLAY"}]},
        {},
        "has FLANNEL_OVERLAY; name one with VCN-native pod networking",
    ),
    "no CNI at all": ({"clusterPodNetworkOptions": None}, {}, "has no CNI; name one with VCN-native pod networking"),
    "another version": (
        {"kubernetesVersion": "v1.33.1"},
        {},
        "has Kubernetes 1.33.1, and the stack says 1.35; set kubernetes to 1.33, or upgrade the cluster",
    ),
    "being deleted": ({"lifecycleState": "DELETING"}, {}, "is DELETING; name one that is ACTIVE"),
    "being made": ({"lifecycleState": "CREATING"}, {}, "is CREATING; name one that is ACTIVE"),
    "failed": ({"lifecycleState": "FAILED"}, {}, "is FAILED; name one that is ACTIVE"),
    "the stack's own": (
        {"freeformTags": {"managed-by": "gpuyard", "gpuyard-stack": "demo", "gpuyard-resource": "phx/cluster"}},
        {},
        "was made by this stack; remove cluster",
    ),
    "another VCN": ({}, {"vcn": "ocid1.vcn.oc1.phx.aaaaother"}, "and vcn names another one; remove vcn"),
    "an OCID of nothing": (
        {},
        {"cluster": "ocid1.cluster.oc1.phx.aaaanowhere"},
        "the cluster ocid1.cluster.oc1.phx.aaaanowhere is not in this region, or the login may not read it",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_that_cannot_be_used_is_one_message_before_the_first_write(site: Site, tmp_path: Path, name: str) -> None:
    theirs, own, expected = WRONG[name]
    (thing,) = site.cloud.all("cluster")
    thing.has.update(theirs)
    found = runs(site, tmp_path, {"oci": own})
    plan = found.plan()
    (refused,) = plan.refused
    assert refused.message.startswith("phx: ")
    assert expected in refused.message
    with pytest.raises(ToolError) as caught:
        found.apply()
    assert expected in str(caught.value)
    assert (site.cloud.count("create_compartment"), len(list(site.cloud.all("node_pool")))) == (0, 1)


def test_without_a_node_pool_nobody_knows_its_network(cloud: Running, tmp_path: Path) -> None:
    plan = runs(built(cloud), tmp_path).plan()
    assert [each.message for each in plan.refused if "has no node pool; make one" in each.message]


def test_a_subnet_that_is_too_small_for_the_pods_is_said(site: Site, tmp_path: Path) -> None:
    found = runs(site, tmp_path)
    subnet = next(each for each in site.cloud.all("subnet") if each.id == site.subnets["pods"])
    subnet.has["cidrBlock"] = "10.0.2.0/28"
    (refused,) = found.plan().refused
    assert "GPU nodes need" in refused.message
    assert "their subnets have 13" in refused.message


def test_its_domains_are_those_of_the_region(site: Site, tmp_path: Path) -> None:
    """A subnet of its own pool serves nodes in the other availability domains, too."""
    found = runs(site, tmp_path, {"oci": {"availabilityDomains": [2]}})
    found.apply()
    (pool,) = [each.has for each in site.cloud.all("node_pool") if each.has["nodeShape"] == SHAPE]
    (place,) = pool["nodeConfigDetails"]["placementConfigs"]
    assert (place["availabilityDomain"], place["subnetId"]) == (domains(REGION)[1], site.subnets["workers"])
