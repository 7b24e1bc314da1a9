"""Object storage: the namespace, buckets, and just enough of objects that a bucket isn't empty."""

import base64
import hashlib
from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.errors import Refused
from tests.oci.thing import Answer, Request, Thing
from tests.oci.verbs import matched, referred
from tests.oci.world import world

_SERVICE = "object_storage"


def _namespace(request: Request) -> str:
    name = request.path["namespaceName"]
    if name != world()["tenancy"]["namespace"]:
        raise Refused(404, "NamespaceNotFound", f"The namespace '{name}' does not exist")
    return name


def _found(cloud: Cloud, request: Request) -> Thing:
    _namespace(request)
    for each in cloud.all("bucket", request.region):
        if each.has["name"] == request.path["bucketName"]:
            return each
    raise Refused(
        404,
        "BucketNotFound",
        f"Either the bucket named '{request.path['bucketName']}' does not exist in the "
        "namespace or you are not authorized to access it",
    )


def _shown(bucket: Thing) -> dict[str, Any]:
    return {**bucket.has, "etag": bucket.etag}


@hooks.handles(_SERVICE, "get_namespace")
def _get_namespace(cloud: Cloud, request: Request) -> Answer:
    return Answer(world()["tenancy"]["namespace"])


@hooks.handles(_SERVICE, "create_bucket")
def _create(cloud: Cloud, request: Request) -> Answer:
    namespace, body = _namespace(request), request.body
    referred(cloud, request, request.region)
    if any(each.has["name"] == body["name"] for each in cloud.all("bucket", request.region)):
        raise Refused(
            409,
            "BucketAlreadyExists",
            f"Either the bucket '{body['name']}' in namespace '{namespace}' already "
            "exists or you are not authorized to create it",
        )
    usual = {
        "publicAccessType": "NoPublicAccess",
        "storageTier": "Standard",
        "versioning": "Disabled",
        "metadata": {},
        "autoTiering": "Disabled",
    }
    about = {**usual, **body, "namespace": namespace, "createdBy": "ocid1.user.oc1..aaaaaaaagpuyardtests"}
    bucket = cloud.add("bucket", request.region, about)
    bucket.note["objects"] = {}
    return Answer(_shown(bucket), {"etag": bucket.etag, "location": f"/n/{namespace}/b/{body['name']}"})


@hooks.handles(_SERVICE, "get_bucket", "head_bucket")
def _get(cloud: Cloud, request: Request) -> Answer:
    bucket = _found(cloud, request)
    return Answer(_shown(bucket), {"etag": bucket.etag})


@hooks.handles(_SERVICE, "list_buckets")
def _list(cloud: Cloud, request: Request) -> Answer:
    _namespace(request)
    cloud.find(str(request.asked("compartmentId")), request.region, "compartment")
    return Answer([_shown(each) for each in cloud.all("bucket", request.region)])


@hooks.handles(_SERVICE, "update_bucket")
def _update(cloud: Cloud, request: Request) -> Answer:
    bucket = _found(cloud, request)
    matched(request, bucket)
    bucket.has.update({key: value for key, value in request.body.items() if value is not None})
    bucket.version += 1
    return Answer(_shown(bucket), {"etag": bucket.etag})


@hooks.handles(_SERVICE, "delete_bucket")
def _delete(cloud: Cloud, request: Request) -> Answer:
    bucket = _found(cloud, request)
    matched(request, bucket)
    if bucket.note["objects"]:
        raise Refused(
            409, "BucketNotEmpty", f"Bucket named '{bucket.has['name']}' is not empty. Delete all objects first."
        )
    cloud.end(bucket)
    return Answer(status=204)


@hooks.handles(_SERVICE, "put_object")
def _put(cloud: Cloud, request: Request) -> Answer:
    content: bytes = request.body
    digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    about = {
        "name": request.path["objectName"],
        "size": len(content),
        "md5": digest,
        "timeCreated": cloud.now(),
        "content": base64.b64encode(content).decode(),
    }
    _found(cloud, request).note["objects"][about["name"]] = about
    return Answer(headers={"opc-content-md5": digest, "etag": digest})


@hooks.handles(_SERVICE, "list_objects")
def _objects(cloud: Cloud, request: Request) -> Answer:
    prefix = request.asked("prefix") or ""
    found = [each for name, each in sorted(_found(cloud, request).note["objects"].items()) if name.startswith(prefix)]
    return Answer({"objects": found, "prefixes": []})


def _object(cloud: Cloud, request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    objects, name = _found(cloud, request).note["objects"], request.path["objectName"]
    if name not in objects:
        raise Refused(404, "ObjectNotFound", f"The object '{name}' was not found")
    return objects, objects[name]


@hooks.handles(_SERVICE, "get_object")
def _get_object(cloud: Cloud, request: Request) -> Answer:
    _, found = _object(cloud, request)
    return Answer(base64.b64decode(found["content"]), {"etag": found["md5"], "content-md5": found["md5"]})


@hooks.handles(_SERVICE, "delete_object")
def _delete_object(cloud: Cloud, request: Request) -> Answer:
    objects, found = _object(cloud, request)
    del objects[found["name"]]
    return Answer(status=204)
