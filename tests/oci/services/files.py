"""File storage: file systems, mount targets with their export sets, exports."""

from ipaddress import IPv4Network
from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import conflict, invalid
from tests.oci.services.addresses import addresses, attach, left
from tests.oci.thing import Request, Thing
from tests.oci.world import domains

ADDRESSES = 3
"""Of its subnet, that a mount target takes."""
_OPTIONS = {
    "source": "0.0.0.0/0",
    "requirePrivilegedSourcePort": False,
    "access": "READ_WRITE",
    "identitySquash": "NONE",
}


def _domain(request: Request, body: dict[str, Any]) -> None:
    if body["availabilityDomain"] not in domains(request.region):
        raise invalid(f"availabilityDomain {body['availabilityDomain']} is none of {request.region}")


@hooks.of(hooks.CHECKS, "file_system")
def _check_file_system(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    _domain(request, body)


@hooks.of(hooks.BORN, "file_system")
def _file_system(cloud: Cloud, thing: Thing) -> None:
    thing.has["meteredBytes"] = 0


@hooks.of(hooks.CHECKS, "mount_target")
def _check_mount_target(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    _domain(request, body)
    for each in cloud.all("mount_target", request.region):
        if each.state == "CREATING" and each.has["availabilityDomain"] == body["availabilityDomain"]:
            cloud.tick(each)
            raise conflict("Another mounttarget is currently being provisioned, try again later")
    if IPv4Network(cloud.things[body["subnetId"]].has["cidrBlock"]).prefixlen > 29 or left(cloud, body["subnetId"]) < 3:
        raise invalid(f"The subnet {body['subnetId']} has fewer than {ADDRESSES} free addresses")


@hooks.of(hooks.BORN, "mount_target")
def _mount_target(cloud: Cloud, thing: Thing) -> None:
    has = thing.has
    for number in range(ADDRESSES):
        attach(cloud, thing, has["subnetId"], has.get("nsgIds") or [], primary=number == 0)
    vcn = cloud.things[has["subnetId"]].has["vcnId"]
    about = {key: has[key] for key in ("availabilityDomain", "compartmentId")}
    exports = cloud.add("export_set", thing.region, {**about, "vcnId": vcn}, owner=thing.id)
    has.update(privateIpIds=[addresses(cloud, thing)[0].id], exportSetId=exports.id, lifecycleDetails="")
    has.setdefault("nsgIds", [])


@hooks.of(hooks.LEAVES, "mount_target")
def _leave(cloud: Cloud, thing: Thing) -> None:
    for each in cloud.all("export", thing.region):
        if each.has["exportSetId"] == thing.has["exportSetId"]:
            cloud.tick(each)
            raise conflict(f"The mount target {thing.id} has the export {each.id}")


@hooks.of(hooks.CHECKS, "export")
def _check_export(cloud: Cloud, request: Request, body: dict[str, Any]) -> None:
    exports, files = cloud.things[body["exportSetId"]], cloud.things[body["fileSystemId"]]
    if exports.has["availabilityDomain"] != files.has["availabilityDomain"]:
        raise invalid("The file system and the mount target are in different availability domains")
    if not body["path"].startswith("/"):
        raise invalid(f"path: {body['path']} has to start with /")
    for each in cloud.all("export", request.region):
        if (each.has["exportSetId"], each.has["path"]) == (exports.id, body["path"]):
            raise conflict(f"The export set {exports.id} has the path {body['path']} already")


@hooks.of(hooks.BORN, "export")
def _export(cloud: Cloud, thing: Thing) -> None:
    thing.has["compartmentId"] = cloud.things[thing.has["fileSystemId"]].has["compartmentId"]
    given = thing.has.get("exportOptions") or [{}]
    thing.has["exportOptions"] = [
        {**_OPTIONS, **{key: value for key, value in each.items() if value is not None}} for each in given
    ]


@hooks.of(hooks.AMENDED, "mount_target", "export")
def _amend(cloud: Cloud, thing: Thing, body: dict[str, Any]) -> None:
    for vnic in cloud.children(thing.id):
        if vnic.name_of_kind == "vnic" and body.get("nsgIds") is not None:
            vnic.has["nsgIds"] = body["nsgIds"]
