"""Container engine: node pools, what they may be made of, and their nodes."""

from typing import Any

from tests.oci import hooks, work
from tests.oci.cloud import Cloud
from tests.oci.errors import Refused, invalid, not_found, wrong_state
from tests.oci.services.addresses import addresses, attach
from tests.oci.services.clusters import number
from tests.oci.services.hosts import launch
from tests.oci.services.images import images
from tests.oci.thing import Answer, Request, Thing
from tests.oci.verbs import matched
from tests.oci.world import domains, world

_ARCH = {"X86_64": "x86", "AARCH64": "arm"}


@hooks.handles("container_engine", "get_node_pool_options")
def _options(cloud: Cloud, request: Request) -> Answer:
    if request.target != "all":
        cloud.find(request.target, request.region, "cluster")
    version, arch = request.asked("nodePoolK8sVersion"), request.asked("nodePoolOsArch")
    fitting = [
        each
        for each in images(request.region).values()
        if each.kubernetes is not None
        and (version or each.kubernetes).removeprefix("v") == each.kubernetes
        and (arch is None or _ARCH[arch] == each.arch)
    ]
    sources = [{"sourceType": "IMAGE", "sourceName": each.name, "imageId": each.id} for each in fitting]
    return Answer(
        {
            "kubernetesVersions": world()["kubernetes"],
            "shapes": list(world()["shapes"]),
            "images": [each.name for each in fitting],
            "sources": sources,
        }
    )


@hooks.of(hooks.CHECKS, "node_pool")
def _check(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    cluster = cloud.things[body["clusterId"]]
    version = body.setdefault("kubernetesVersion", cluster.has["kubernetesVersion"])
    if version not in world()["kubernetes"] or number(version) > number(cluster.has["kubernetesVersion"]):
        raise invalid(f"Invalid kubernetesVersion: {version}; the cluster has {cluster.has['kubernetesVersion']}")
    config = body.get("nodeConfigDetails")
    if not config:
        raise invalid("nodeConfigDetails is required: quantityPerSubnet and subnetIds are not supported here")
    _source(request.region, body)
    _places(cloud, request.region, cluster, config)
    if body["nodeShape"].endswith(".Flex") and not body.get("nodeShapeConfig"):
        raise invalid(f"nodeShapeConfig is required for {body['nodeShape']}")


def _source(region: str, body: dict[str, Any]) -> None:
    if body["nodeShape"] not in world()["shapes"]:
        raise invalid(f"Invalid nodeShape: {body['nodeShape']}")
    source = body.get("nodeSourceDetails") or {}
    image = images(region).get(source.get("imageId", ""))
    if image is None:
        raise invalid("nodeSourceDetails: an image is required, of this region")
    if not image.fits(body["nodeShape"]):
        raise invalid("Invalid nodeShape: Node shape and image are not compatible.")
    if image.kubernetes not in {None, body["kubernetesVersion"].removeprefix("v")}:
        raise invalid(
            f"Invalid nodeSourceDetails: the image is of Kubernetes {image.kubernetes}, the pool is to have "
            f"{body['kubernetesVersion']}"
        )
    size = source.get("bootVolumeSizeInGBs")
    if size is not None and not 50 <= size <= 32768:
        raise invalid("bootVolumeSizeInGBs: has to be 50 to 32768")


def _places(cloud: Cloud, region: str, cluster: Thing, config: dict[str, Any]) -> None:
    if not config.get("placementConfigs"):
        raise invalid("placementConfigs: at least one is required")
    if not 0 <= config["size"] <= 1000:
        raise invalid("size: has to be 0 to 1000")
    pods = _pods(cluster, config)
    for place in config["placementConfigs"]:
        if place["availabilityDomain"] not in domains(region):
            raise invalid(f"availabilityDomain {place['availabilityDomain']} is none of {region}")
        if unknown := set(place.get("faultDomains") or []) - set(world()["faultDomains"]):
            raise invalid(f"faultDomains: {', '.join(sorted(unknown))}")
        if len(config["placementConfigs"]) > 1 and place.get("capacityReservationId"):
            raise invalid("capacityReservationId: only with a single placement")
    for id in [*(pods.get("podSubnetIds") or []), *(each["subnetId"] for each in config["placementConfigs"])]:
        if cloud.things[id].has["vcnId"] != cluster.has["vcnId"]:
            raise invalid(f"{id} is not in the cluster's VCN")


def _pods(cluster: Thing, config: dict[str, Any]) -> dict[str, Any]:
    """The network of the pods, which a VCN-native cluster has to be told."""
    pods = config.get("nodePoolPodNetworkOptionDetails") or {}
    native = cluster.has["clusterPodNetworkOptions"][0]["cniType"]
    if native == "OCI_VCN_IP_NATIVE" and (pods.get("cniType") != native or not pods.get("podSubnetIds")):
        raise invalid("nodePoolPodNetworkOptionDetails: podSubnetIds are required, for the cluster is VCN-native")
    if pods.get("maxPodsPerNode") is not None and not 1 <= pods["maxPodsPerNode"] <= 110:
        raise invalid("maxPodsPerNode: has to be 1 to 110")
    return dict(pods)


@hooks.of(hooks.BORN, "node_pool")
def _pool(cloud: Cloud, thing: Thing) -> None:
    _named(thing)
    thing.note["failed"] = []
    thing.has["nodes"] = []


def _named(pool: Thing) -> None:
    image = images(pool.region)[pool.has["nodeSourceDetails"]["imageId"]]
    pool.has.update(nodeImageId=image.id, nodeImageName=image.name)
    pool.has["nodeSource"] = {"sourceType": "IMAGE", "sourceName": image.name, "imageId": image.id}


@hooks.of(hooks.AMENDED, "node_pool")
def _amend(cloud: Cloud, thing: Thing, body: dict[str, Any]) -> None:
    if new := body.get("nodeConfigDetails"):
        body["nodeConfigDetails"] = {**thing.has["nodeConfigDetails"], **new}
    cluster = cloud.things[thing.has["clusterId"]]
    _places(cloud, thing.region, cluster, {**thing.has, **body}["nodeConfigDetails"])
    _source(thing.region, {**thing.has, **body})


@hooks.of(hooks.WORK, "create node_pool", "update node_pool")
def _scaled(cloud: Cloud, task: Thing, _: dict[str, str]) -> None:
    """As many nodes as it is to have, or as there are hosts for."""
    pool = cloud.things[task.note["of"]]
    made = "CREATED" if pool.state == pool.kind.making else "UPDATED"
    _named(pool)
    nodes = [each for each in cloud.children(pool.id) if each.name_of_kind == "instance"]
    config = pool.has["nodeConfigDetails"]
    for spare in nodes[config["size"] :]:
        cloud.end(spare)
    failed = _launched(cloud, pool, config, config["size"] - len(nodes))
    pool.note["failed"] = failed
    pool.state = "NEEDS_ATTENTION" if failed else "ACTIVE"
    show(cloud, pool)
    work.acted(task, made)
    if failed:
        reasons = {
            f"({each['nodeError']['status']}, {each['nodeError']['code']}) {each['nodeError']['message']}"
            for each in failed
        }
        work.fail(
            cloud,
            task,
            failed[0]["nodeError"]["code"],
            f"{len(failed)} node(s) launch failure due to: {'; '.join(sorted(reasons))}",
        )


def _launched(cloud: Cloud, pool: Thing, config: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Launch nodes, spread over the placements; those that failed, as nodes with an error."""
    places, failed = config["placementConfigs"], []
    for index in range(max(0, count)):
        place = places[index % len(places)]
        try:
            node = launch(cloud, pool, place)
            pods = config.get("nodePoolPodNetworkOptionDetails") or {}
            for subnet in pods.get("podSubnetIds") or []:
                attach(cloud, node, subnet, pods.get("podNsgIds") or [], primary=False)
        except Refused as error:
            wrong = {"code": error.code, "message": error.message, "status": str(error.status)}
            failed.append(
                {
                    "id": cloud.new_id("instance", pool.region),
                    "nodePoolId": pool.id,
                    "nodeError": wrong,
                    "availabilityDomain": place["availabilityDomain"],
                    "subnetId": place["subnetId"],
                    "lifecycleState": "FAILING",
                    "kubernetesVersion": pool.has["kubernetesVersion"],
                }
            )
    return failed


def show(cloud: Cloud, pool: Thing) -> None:
    """Write the nodes of a pool into it."""
    nodes = [each for each in cloud.children(pool.id) if each.name_of_kind == "instance"]
    pool.has["nodes"] = [_node(cloud, pool, each) for each in nodes] + pool.note["failed"]


def _node(cloud: Cloud, pool: Thing, instance: Thing) -> dict[str, Any]:
    first = addresses(cloud, instance)[0].has
    return {
        "id": instance.id,
        "name": instance.has["displayName"],
        "kubernetesVersion": pool.has["kubernetesVersion"],
        "availabilityDomain": instance.has["availabilityDomain"],
        "faultDomain": instance.has["faultDomain"],
        "subnetId": first["subnetId"],
        "privateIp": first["ipAddress"],
        "nodePoolId": pool.id,
        "lifecycleState": "ACTIVE" if instance.state == "RUNNING" else "DELETING",
        "freeformTags": instance.has["freeformTags"],
        "definedTags": {},
    }


@hooks.handles("container_engine", "delete_node")
def _delete_node(cloud: Cloud, request: Request) -> Answer:
    pool = cloud.find(request.path["nodePoolId"], request.region, "node_pool")
    matched(request, pool)
    if pool.state not in {"ACTIVE", "NEEDS_ATTENTION"}:
        cloud.tick(pool)
        raise wrong_state(f"node pool {pool.id} is {pool.state}")
    node = cloud.find(request.path["nodeId"], request.region, "instance")
    if node.owner != pool.id or node.gone:
        raise not_found(node.id)
    cloud.end(node)
    config = pool.has["nodeConfigDetails"]
    if request.asked("isDecrementSize") != "false":
        pool.has["nodeConfigDetails"] = {**config, "size": max(0, config["size"] - 1)}
    pool.state = "UPDATING"
    begun = work.start(cloud, pool, "NODEPOOL_UPDATE", "update node_pool")
    return Answer(headers={"opc-work-request-id": begun.id}, status=202)
