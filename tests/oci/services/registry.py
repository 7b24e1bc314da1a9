"""Artifacts: OCIR's repositories."""

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.kinds import KINDS
from tests.oci.thing import Answer, Request, Thing
from tests.oci.verbs import listed
from tests.oci.world import world


@hooks.of(hooks.BORN, "container_repository")
def _repository(cloud: Cloud, thing: Thing) -> None:
    empty = {"imageCount": 0, "layerCount": 0, "layersSizeInBytes": 0, "billableSizeInGBs": 0}
    thing.has.update(empty, namespace=world()["tenancy"]["namespace"], createdBy="ocid1.user.oc1..aaaaaaaagpuyardtests")
    thing.has["isPublic"] = bool(thing.has.get("isPublic"))
    thing.has["isImmutable"] = bool(thing.has.get("isImmutable"))


@hooks.handles("artifacts", "list_container_repositories")
def _list(cloud: Cloud, request: Request) -> Answer:
    said = listed(cloud, request, KINDS["container_repository"])
    count = len(said.content)
    said.beside = {
        "imageCount": 0,
        "layerCount": 0,
        "layersSizeInBytes": 0,
        "remainingItemsCount": 0,
        "repositoryCount": count,
    }
    return said
