"""File storage: one mount target, which every volume of the cluster shares, and a file system of the cluster's own.

A volume class that names a subnet gets a mount target for each volume, of which a tenancy may have two.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.addressplan import subnets
from gpuyard.bootstrap.ground import Ground
from gpuyard.bootstrap.parts.pools import domains
from gpuyard.bootstrap.resource import MANAGED, RESOURCE, SPEC, Found, Kind, Place, Resource
from gpuyard.doors.oci import Cloud

__all__ = ["KINDS", "export_options", "files"]


def files(ground: Ground) -> Iterator[Resource]:
    """In the availability domain where GPU nodes are looked for first; what is there stays where it is."""
    domain = ground.files or domains(ground)[0][1]
    head = {"compartmentId": ground.compartment, "availabilityDomain": domain}
    yield Resource(
        id=ground.named("file-system"), kind="file-system", region=ground.region.name,
        body={**head, "displayName": ground.display("files")},
    )  # fmt: skip
    yield Resource(
        id=ground.named("mount-target"),
        kind="mount-target",
        region=ground.region.name,
        body={
            **head,
            "displayName": ground.display("files"),
            "subnetId": ground.link("subnet-files"),
            "nsgIds": [ground.link("group-files")],
        },
    )
    yield Resource(
        id=ground.named("export"),
        kind="export",
        region=ground.region.name,
        body={
            "exportSetId": ground.link("mount-target", "exportSetId"),
            "fileSystemId": ground.link("file-system"),
            "path": f"/{ground.stack}/{ground.cluster.name}",
            "exportOptions": export_options(subnets(ground.landing.cidr)["workers"]),
        },
    )


def export_options(source: str) -> list[dict[str, Any]]:
    """Who may do what: every user counts as root.

    The root of a file system is root's, and the driver of volumes changes no owner: pods run as user 10001, who could
    write nothing otherwise.
    """
    return [
        {
            "source": source,
            "access": "READ_WRITE",
            "requirePrivilegedSourcePort": False,
            "identitySquash": "ALL",
            "anonymousUid": 0,
            "anonymousGid": 0,
        }
    ]


def _find_exports(cloud: Cloud, kind: Kind, place: Place, before: Iterable[Found]) -> Iterator[Found]:
    """They have no tags: each is its file system's."""
    ours = {
        each.id: each.tags
        for each in before
        if each.kind == "file-system" and each.region == place.region and each.tags.get(MANAGED) == "gpuyard"
    }
    if not ours:
        return
    for each in standard.find(cloud, kind, place, before):
        tags = ours.get(each.data["fileSystemId"])
        if tags:
            name = tags[RESOURCE].replace("/file-system", "/export")
            parent = str(each.data["fileSystemId"])
            own = {**tags, RESOURCE: name, SPEC: ""}
            yield Found(kind=kind.name, region=place.region, data=each.data, tags=own, parent=parent)


def _kind(name: str, noun: str, title: str, changes: Iterable[str], **more: Any) -> Kind:
    own: Mapping[str, Any] = {"find": standard.find, "domains": True, **more}
    return Kind(
        name=name, title=title, service="file_storage", noun=noun, terraform=f"oci_file_storage_{noun}",
        changes=frozenset(changes), create=standard.create, update=standard.update, delete=standard.delete, **own,
    )  # fmt: skip


KINDS = (
    _kind("file-system", "file_system", "file system", ["displayName"], keeps=True),
    _kind("mount-target", "mount_target", "mount target", ["displayName", "nsgIds"], seconds=60),
    _kind(
        "export", "export", "export", ["exportOptions"], unseen=frozenset({"exportOptions"}), tagged=False,
        find=_find_exports, domains=False,
    ),
)  # fmt: skip
