"""Container engine: versions, clusters, kubeconfigs."""

import base64
from typing import Any

import yaml

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import invalid, wrong_state
from tests.oci.services.addresses import addresses, attach
from tests.oci.thing import Answer, Request, Thing
from tests.oci.world import world

_CA = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nof no one\n-----END CERTIFICATE-----\n").decode()


def number(version: str) -> tuple[int, ...]:
    """A version to compare by."""
    return tuple(int(part) for part in version.removeprefix("v").split("."))


@hooks.handles("container_engine", "get_cluster_options")
def _options(cloud: Cloud, request: Request) -> Answer:
    if request.target != "all":
        cloud.find(request.target, request.region, "cluster")
    cni = [{"cniType": name} for name in ("FLANNEL_OVERLAY", "OCI_VCN_IP_NATIVE")]
    return Answer({"kubernetesVersions": world()["kubernetes"], "clusterPodNetworkOptions": cni})


@hooks.of(hooks.CHECKS, "cluster")
def _check(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    if body["kubernetesVersion"] not in world()["kubernetes"]:
        raise invalid(
            f"Invalid kubernetesVersion: {body['kubernetesVersion']} is none of {', '.join(world()['kubernetes'])}"
        )
    endpoint = body.get("endpointConfig")
    if not endpoint or not endpoint.get("subnetId"):
        raise invalid("endpointConfig.subnetId is required")
    balancers = (body.get("options") or {}).get("serviceLbSubnetIds") or []
    for id in [endpoint["subnetId"], *balancers, *(endpoint.get("nsgIds") or [])]:
        if cloud.things[id].has["vcnId"] != body["vcnId"]:
            raise invalid(f"{id} is not in the cluster's VCN {body['vcnId']}")
    public = not cloud.things[endpoint["subnetId"]].has["prohibitPublicIpOnVnic"]
    if endpoint.get("isPublicIpEnabled") and not public:
        raise invalid("endpointConfig.isPublicIpEnabled: the subnet prohibits public IPs")
    if len(body.get("clusterPodNetworkOptions") or []) > 1:
        raise invalid("clusterPodNetworkOptions: one at most")


@hooks.of(hooks.BORN, "cluster")
def _cluster(cloud: Cloud, thing: Thing) -> None:
    has = thing.has
    has.setdefault("type", "BASIC_CLUSTER")
    has["clusterPodNetworkOptions"] = has.get("clusterPodNetworkOptions") or [{"cniType": "FLANNEL_OVERLAY"}]
    has["metadata"] = {"timeCreated": cloud.now(), "createdByUserId": "ocid1.user.oc1..aaaaaaaagpuyardtests"}
    has["endpointConfig"].setdefault("isPublicIpEnabled", False)
    attach(cloud, thing, has["endpointConfig"]["subnetId"], has["endpointConfig"].get("nsgIds") or [], primary=True)


@hooks.of(hooks.WORK, "create cluster")
def _created(cloud: Cloud, work: Thing, _: dict[str, str]) -> None:
    cluster = cloud.things[work.note["of"]]
    private = f"{addresses(cloud, cluster)[0].has['ipAddress']}:6443"
    public = {"publicEndpoint": "203.0.113.10:6443"} if cluster.has["endpointConfig"]["isPublicIpEnabled"] else {}
    host = f"{cluster.id[-11:]}.oke.example.com:6443"
    cluster.has["endpoints"] = {"privateEndpoint": private, "vcnHostnameEndpoint": host, **public}
    _upgrades(cluster)
    for name, entry in world()["addons"].items():
        if entry.get("essential"):
            about = {
                "name": name,
                "version": "v1.0.0",
                "configurations": [],
                "clusterId": cluster.id,
                "compartmentId": cluster.has["compartmentId"],
            }
            cloud.add("addon", cluster.region, about, owner=cluster.id)
    hooks.WORK["create"](cloud, work, {})


def _upgrades(cluster: Thing) -> None:
    mine = number(cluster.has["kubernetesVersion"])
    newer = [each for each in world()["kubernetes"] if mine < number(each) <= (mine[0], mine[1] + 1, 999)]
    cluster.has["availableKubernetesUpgrades"] = newer


@hooks.of(hooks.AMENDED, "cluster")
def _amend(cloud: Cloud, thing: Thing, body: dict[str, Any]) -> None:
    wanted = body.get("kubernetesVersion")
    if wanted not in {None, thing.has["kubernetesVersion"], *thing.has["availableKubernetesUpgrades"]}:
        raise invalid(
            f"Invalid kubernetesVersion: {wanted} is no upgrade of {thing.has['kubernetesVersion']}; one minor "
            "version at a time"
        )


@hooks.of(hooks.WORK, "update cluster")
def _updated(cloud: Cloud, work: Thing, _: dict[str, str]) -> None:
    cluster = cloud.things[work.note["of"]]
    _upgrades(cluster)
    hooks.WORK["update"](cloud, work, {})


@hooks.of(hooks.LEAVES, "cluster")
def _leave(cloud: Cloud, thing: Thing) -> None:
    """Its pools, with their nodes, and its add-ons go with it."""
    for pool in cloud.all("node_pool", thing.region):
        if pool.has["clusterId"] == thing.id:
            pool.owner = thing.id


@hooks.handles("container_engine", "create_kubeconfig")
def _kubeconfig(cloud: Cloud, request: Request) -> Answer:
    cluster = cloud.find(request.path["clusterId"], request.region, "cluster")
    if cluster.state not in {"ACTIVE", "UPDATING"}:
        cloud.tick(cluster)
        raise wrong_state(f"cluster {cluster.id} is {cluster.state}")
    asked = (request.body or {}).get("endpoint") or "LEGACY_KUBERNETES"
    field = {"PUBLIC_ENDPOINT": "publicEndpoint", "VCN_HOSTNAME": "vcnHostnameEndpoint"}.get(asked, "privateEndpoint")
    if field not in cluster.has["endpoints"]:
        raise invalid(f"endpoint: the cluster has no {asked}")
    server = cloud.kubernetes.get("server", f"https://{cluster.has['endpoints'][field]}")
    run = ["ce", "cluster", "generate-token", "--cluster-id", cluster.id, "--region", request.region]
    execute = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "oci", "args": run, "env": []}
    name = cluster.id[-11:]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": f"cluster-{name}",
                "cluster": {"server": server, "certificate-authority-data": cloud.kubernetes.get("ca", _CA)},
            }
        ],
        "users": [{"name": f"user-{name}", "user": {"exec": execute}}],
        "contexts": [{"name": f"context-{name}", "context": {"cluster": f"cluster-{name}", "user": f"user-{name}"}}],
        "current-context": f"context-{name}",
    }
    return Answer(yaml.safe_dump(config, sort_keys=False).encode())
