"""Container engine: add-ons of clusters."""

from typing import Any

from tests.oci import hooks, work
from tests.oci.cloud import Cloud
from tests.oci.errors import conflict, invalid, not_found, wrong_state
from tests.oci.thing import Answer, Request, Thing
from tests.oci.verbs import matched, token_of
from tests.oci.world import world


@hooks.handles("container_engine", "list_addon_options")
def _options(cloud: Cloud, request: Request) -> Answer:
    wanted = request.asked("kubernetesVersion")
    if wanted not in world()["kubernetes"]:
        raise invalid(f"kubernetesVersion: {wanted}")
    return Answer(
        [
            {
                "name": name,
                "lifecycleState": "ACTIVE",
                "isEssential": bool(entry.get("essential")),
                "versions": [
                    {
                        "versionNumber": _newest(cloud, name),
                        "status": "ACTIVE",
                        "kubernetesVersionFilters": {"exactKubernetesVersions": [wanted]},
                    }
                ],
                "addonGroup": "core",
                "addonSchemaVersion": "1",
                "timeCreated": cloud.now(),
            }
            for name, entry in world()["addons"].items()
            if request.asked("addonName") in {None, name}
        ]
    )


def _newest(cloud: Cloud, name: str) -> str:
    """The version that is installed unless another one is asked for."""
    return cloud.addons.get(name) or str(world()["addons"][name].get("version") or "v1.0.0")


def _cluster(cloud: Cloud, request: Request) -> Thing:
    return cloud.find(request.path["clusterId"], request.region, "cluster")


def _ready(cloud: Cloud, request: Request) -> Thing:
    cluster = _cluster(cloud, request)
    if cluster.state != "ACTIVE":
        cloud.tick(cluster)
        raise wrong_state(f"cluster {cluster.id} is {cluster.state}")
    return cluster


def _of(cloud: Cloud, cluster: Thing) -> dict[str, Thing]:
    return {each.has["name"]: each for each in cloud.all("addon", cluster.region) if each.owner == cluster.id}


def _named(cloud: Cloud, request: Request, cluster: Thing) -> Thing:
    addon = _of(cloud, cluster).get(request.path["addonName"])
    if addon is None:
        raise not_found(f"add-on {request.path['addonName']} of {cluster.id}")
    return addon


@hooks.handles("container_engine", "list_addons")
def _list(cloud: Cloud, request: Request) -> Answer:
    return Answer(list(_of(cloud, _cluster(cloud, request)).values()))


@hooks.handles("container_engine", "get_addon")
def _get(cloud: Cloud, request: Request) -> Answer:
    addon = _named(cloud, request, _cluster(cloud, request))
    etag = addon.etag
    return Answer(cloud.read(addon), {"etag": etag})


@hooks.handles("container_engine", "install_addon")
def _install(cloud: Cloud, request: Request) -> Answer:
    cluster, body = _ready(cloud, request), request.body
    if cluster.has["type"] != "ENHANCED_CLUSTER":
        raise invalid("add-ons are of enhanced clusters")
    if body["addonName"] not in world()["addons"]:
        raise invalid(f"addonName: {body['addonName']} is none of {', '.join(world()['addons'])}")
    key, digest = token_of(request)
    if earlier := cloud.earlier(key, digest):
        return Answer(headers={"opc-work-request-id": cloud.things[earlier].note["maker"]}, status=202)
    there = _of(cloud, cluster).get(body["addonName"])
    if there is not None and not body.get("isOverrideExisting"):
        raise conflict(f"add-on {body['addonName']} is installed already")
    if there is not None:
        cloud.end(there)
    about: dict[str, Any] = {
        "name": body["addonName"],
        "version": body.get("version") or _newest(cloud, body["addonName"]),
        "configurations": body.get("configurations") or [],
        "clusterId": cluster.id,
        "compartmentId": cluster.has["compartmentId"],
    }
    addon = cloud.add("addon", cluster.region, about, owner=cluster.id)
    cloud.remember(key, digest, addon.id)
    addon.state = "CREATING"
    said = _begun(cloud, addon, "ENABLE_ADDON", "create addon")
    addon.note["maker"] = said.headers["opc-work-request-id"]
    return said


def _begun(cloud: Cloud, addon: Thing, operation: str, does: str) -> Answer:
    begun = work.start(cloud, addon, operation, does)
    begun.has["resources"] = [
        {
            "actionType": "IN_PROGRESS",
            "entityType": "cluster",
            "identifier": addon.owner,
            "entityUri": f"/clusters/{addon.owner}",
        }
    ]
    return Answer(headers={"opc-work-request-id": begun.id}, status=202)


@hooks.of(hooks.WORK, "create addon")
def _created(cloud: Cloud, task: Thing, _: dict[str, str]) -> None:
    addon = cloud.things[task.note["of"]]
    needs = world()["addons"][addon.has["name"]].get("needs")
    if needs and needs not in _of(cloud, cloud.things[str(addon.owner)]):
        addon.state = "NEEDS_ATTENTION"
        addon.has["addonError"] = {
            "code": "MissingDependency",
            "message": f"requires the add-on {needs}",
            "status": "400",
        }
        work.fail(cloud, task, "MissingDependency", f"{addon.has['name']} requires the add-on {needs}")
        return
    addon.state = "ACTIVE"
    addon.has["currentInstalledVersion"] = addon.has["version"]
    work.acted(task, "UPDATED")


@hooks.handles("container_engine", "update_addon")
def _update(cloud: Cloud, request: Request) -> Answer:
    addon = _named(cloud, request, _ready(cloud, request))
    matched(request, addon)
    addon.has.update({key: value for key, value in request.body.items() if value is not None})
    addon.has.pop("addonError", None)
    addon.state = "UPDATING"
    return _begun(cloud, addon, "UPDATE_ADDON", "create addon")


@hooks.handles("container_engine", "disable_addon")
def _disable(cloud: Cloud, request: Request) -> Answer:
    addon = _named(cloud, request, _ready(cloud, request))
    matched(request, addon)
    addon.state = "DELETING"
    return _begun(cloud, addon, "DISABLE_ADDON", "delete")
