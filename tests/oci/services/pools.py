"""Container engine: node pools, and what they may be made of."""

from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import invalid
from tests.oci.services.clusters import number
from tests.oci.services.images import images
from tests.oci.thing import Answer, Request, Thing
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
    named(thing)
    thing.note["failed"] = []
    thing.has["nodes"] = []


def named(pool: Thing) -> None:
    """Write into a pool what its image is called."""
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
