"""What the stack keeps beside its clusters: repositories of the container registry, and a bucket."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gpuyard.bootstrap import standard
from gpuyard.bootstrap.resource import Found, Kind, Place, Resource
from gpuyard.doors.oci import Cloud, Refused
from gpuyard.project.oraclecloud import Infrastructure

__all__ = ["KINDS", "artifacts"]


def artifacts(
    infrastructure: Infrastructure, compartment: str, region: str, namespace: str, stored: Mapping[str, str]
) -> Iterator[Resource]:
    """Those that the stack names; all private. One that is there stays in the region where it is."""
    for name in infrastructure.repositories:
        body = {"compartmentId": compartment, "displayName": name, "isPublic": False}
        own = f"repository/{name}"
        yield Resource(id=own, kind="repository", region=stored.get(own, region), body=body)
    if infrastructure.bucket:
        body = {
            "compartmentId": compartment,
            "name": infrastructure.bucket,
            "publicAccessType": "NoPublicAccess",
            "versioning": "Disabled",
        }
        where = stored.get("bucket", region)
        yield Resource(id="bucket", kind="bucket", region=where, body=body, parent=namespace)


def _find(cloud: Cloud, kind: Kind, place: Place, _: Iterable[Found]) -> Iterator[Found]:
    for data in cloud.listed(
        kind.service, "list_buckets", region=place.region, namespace_name=place.namespace,
        compartment_id=place.compartment, fields=["tags"],
    ):  # fmt: skip
        yield _as_found(kind, place.region, data, place.namespace)


def _as_found(kind: Kind, region: str, data: Mapping[str, Any], namespace: str) -> Found:
    return standard.found(kind, region, {**data, "id": data["name"]}, namespace)


def _create(cloud: Cloud, kind: Kind, resource: Resource, body: Mapping[str, Any], _: str) -> Found:
    """There is no retry token: its name is one of a kind, and one of that name with our tags is ours."""
    namespace, details = body["parent"], {key: value for key, value in body.items() if key != "parent"}
    what = f"create bucket {details['name']}"
    try:
        data = cloud.call(kind.service, "create_bucket", namespace, details, region=resource.region, what=what).data
    except Refused as error:
        if error.fault.code != "BucketAlreadyExists":
            raise
        data = cloud.call(
            kind.service, "get_bucket", namespace, details["name"], region=resource.region, what=what
        ).data
        if (data.get("freeformTags") or {}) != details["freeformTags"]:
            raise
    return _as_found(kind, resource.region, data, namespace)


def _update(cloud: Cloud, kind: Kind, there: Found, resource: Resource, body: Mapping[str, Any]) -> None:
    wanted = {
        "publicAccessType": body["publicAccessType"],
        "freeformTags": {**there.tags, **body["freeformTags"]},
    }
    cloud.call(
        kind.service,
        "update_bucket",
        there.parent,
        there.id,
        wanted,
        region=there.region,
        what=f"update bucket {there.id}",
    )


def _delete(cloud: Cloud, kind: Kind, there: Found) -> None:
    cloud.call(
        kind.service, "delete_bucket", there.parent, there.id, region=there.region, what=f"delete bucket {there.id}",
        absent=True,
    )  # fmt: skip


KINDS = (
    Kind(
        name="repository", title="container repository", service="artifacts", noun="container_repository",
        listing="list_container_repositories", terraform="oci_artifacts_container_repository", keeps=True,
        changes=frozenset({"isPublic"}), unique="displayName",
        find=standard.find, create=standard.create, update=standard.update, delete=standard.delete,
    ),
    Kind(
        name="bucket", title="bucket", service="object_storage", noun="bucket", keeps=True,
        terraform="oci_objectstorage_bucket", changes=frozenset({"publicAccessType"}), unique="name",
        unseen=frozenset({"publicAccessType", "versioning"}),
        find=_find, create=_create, update=_update, delete=_delete,
    ),
)  # fmt: skip
