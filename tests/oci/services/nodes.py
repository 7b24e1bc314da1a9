"""Container engine: the nodes of a pool come, are replaced, and go as its work requests end."""

from typing import Any

from tests.oci import hooks, work
from tests.oci.cloud import Cloud
from tests.oci.errors import Refused, not_found, wrong_state
from tests.oci.services.addresses import addresses
from tests.oci.services.instances import launch
from tests.oci.services.pools import named
from tests.oci.thing import Answer, Request, Thing
from tests.oci.verbs import matched


@hooks.of(hooks.WORK, "create node_pool", "update node_pool")
def _scaled(cloud: Cloud, task: Thing, _: dict[str, str]) -> None:
    """As many nodes as it is to have, or as there are hosts for."""
    pool = cloud.things[task.note["of"]]
    action = "CREATED" if pool.state == pool.kind.making else "UPDATED"
    named(pool)
    _cycle(cloud, pool)
    config = pool.has["nodeConfigDetails"]
    for spare in _instances(cloud, pool)[config["size"] :]:
        cloud.end(spare)
    pool.note["failed"] = failed = _launched(cloud, pool, config)
    pool.state = "NEEDS_ATTENTION" if failed else "ACTIVE"
    _show(cloud, pool)
    work.acted(task, action)
    if failed:
        errors = [each["nodeError"] for each in failed]
        reasons = sorted({f"({each['status']}, {each['code']}) {each['message']}" for each in errors})
        text = f"{len(failed)} node(s) launch failure due to: {'; '.join(reasons)}"
        work.fail(cloud, task, errors[0]["code"], text)


def _instances(cloud: Cloud, pool: Thing) -> list[Thing]:
    return [each for each in cloud.children(pool.id) if each.name_of_kind == "instance"]


def _cycle(cloud: Cloud, pool: Thing) -> None:
    """Nodes of an older version or image: replaced, or only their boot volumes, where the pool cycles them."""
    cycling = pool.has.get("nodePoolCyclingDetails") or {}
    if not cycling.get("isNodeCyclingEnabled"):
        return
    version, image = pool.has["kubernetesVersion"], pool.has["nodeImageId"]
    for node in _instances(cloud, pool):
        if (node.note["version"], node.has["sourceDetails"]["imageId"]) == (version, image):
            continue
        if cycling.get("cycleModes") == ["BOOT_VOLUME_REPLACE"]:
            node.note["version"] = version
            node.has["sourceDetails"] = {**node.has["sourceDetails"], "imageId": image}
        else:
            cloud.end(node)


def _launched(cloud: Cloud, pool: Thing, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Launch what is missing, always where the fewest are; those that failed, as nodes with an error."""
    failed: list[dict[str, Any]] = []
    where = [each.has["availabilityDomain"] for each in _instances(cloud, pool)]
    while len(where) < config["size"]:
        place = min(config["placementConfigs"], key=lambda each: where.count(each["availabilityDomain"]))
        where.append(place["availabilityDomain"])
        try:
            launch(cloud, pool, place).note["version"] = pool.has["kubernetesVersion"]
        except Refused as error:
            failed.append(_unborn(cloud, pool, place, error))
    return failed


def _unborn(cloud: Cloud, pool: Thing, place: dict[str, Any], error: Refused) -> dict[str, Any]:
    return {
        "id": cloud.new_id("instance", pool.region),
        "nodePoolId": pool.id,
        "nodeError": {"code": error.code, "message": error.message, "status": str(error.status)},
        "availabilityDomain": place["availabilityDomain"],
        "subnetId": place["subnetId"],
        "lifecycleState": "FAILING",
        "kubernetesVersion": pool.has["kubernetesVersion"],
    }


def _show(cloud: Cloud, pool: Thing) -> None:
    pool.has["nodes"] = [_node(cloud, pool, each) for each in _instances(cloud, pool)] + pool.note["failed"]


def _node(cloud: Cloud, pool: Thing, instance: Thing) -> dict[str, Any]:
    first = addresses(cloud, instance)[0].has
    return {
        "id": instance.id,
        "name": instance.has["displayName"],
        "kubernetesVersion": instance.note["version"],
        "availabilityDomain": instance.has["availabilityDomain"],
        "faultDomain": instance.has["faultDomain"],
        "subnetId": first["subnetId"],
        "privateIp": first["ipAddress"],
        "nodePoolId": pool.id,
        "lifecycleState": "ACTIVE",
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
