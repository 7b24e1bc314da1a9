"""Images and shapes: OKE's images for nodes, the platform's, and which of them fit which shape."""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.oci import hooks
from tests.oci.cloud import TENANCY, Cloud
from tests.oci.errors import not_found
from tests.oci.thing import Answer, Request
from tests.oci.world import key_of, world


@dataclass(frozen=True)
class Image:
    """An image of Oracle's."""

    id: str
    name: str
    os: str
    arch: str
    gpu: bool
    kubernetes: str | None
    """The version that its nodes run, without v."""

    def fits(self, shape: str) -> bool:
        """A shape of the same architecture, and with GPUs where the image has their driver."""
        entry = world()["shapes"][shape]
        return bool(entry.get("arch", "x86") == self.arch and ("gpus" in entry or not self.gpu))


@cache
def images(region: str) -> dict[str, Image]:
    """The images of a region by their ids."""
    found = [(each, version[1:]) for version in world()["kubernetes"] for each in world()["images"]]
    found += [(each, None) for each in world()["plainImages"]]
    return {one.id: one for one in (_image(region, each, version) for each, version in found)}


def _image(region: str, entry: dict[str, Any], version: str | None) -> Image:
    name = entry["name"].format(k8s=version)
    digest = base64.b32encode(hashlib.sha256(f"{region}/{name}".encode()).digest()).decode().lower().rstrip("=")
    id = f"ocid1.image.oc1.{key_of(region)}.aaaaaaaa{digest}"
    return Image(id, name, entry["os"], entry["arch"], bool(entry.get("gpu")), version)


@hooks.handles("compute", "list_images")
def _list(cloud: Cloud, request: Request) -> Answer:
    shape = request.asked("shape")
    if shape is not None and shape not in world()["shapes"]:
        raise not_found(f"shape {shape}")
    # The platform's images are nobody's, and in the list of every compartment.
    where = str(request.asked("compartmentId"))
    return Answer(
        [_shown(each, where) for each in images(request.region).values() if shape is None or each.fits(shape)]
    )


@hooks.handles("compute", "get_image")
def _get(cloud: Cloud, request: Request) -> Answer:
    return Answer(_shown(_found(request)))


@hooks.handles("compute", "list_image_shape_compatibility_entries")
def _fitting(cloud: Cloud, request: Request) -> Answer:
    image = _found(request)
    return Answer([{"imageId": image.id, "shape": name} for name in world()["shapes"] if image.fits(name)])


@hooks.handles("compute", "list_shapes")
def _shapes(cloud: Cloud, request: Request) -> Answer:
    wanted = request.asked("imageId")
    image = images(request.region).get(wanted) if wanted else None
    fitting = {name: each for name, each in world()["shapes"].items() if image is None or image.fits(name)}
    return Answer([_shape(name, each) for name, each in fitting.items() if name not in cloud.withheld])


def _found(request: Request) -> Image:
    image = images(request.region).get(request.path["imageId"])
    if image is None:
        raise not_found(request.path["imageId"])
    return image


def _shown(image: Image, compartment: str = TENANCY) -> dict[str, Any]:
    return {
        "id": image.id,
        "compartmentId": compartment,
        "displayName": image.name,
        "lifecycleState": "AVAILABLE",
        "createImageAllowed": True,
        "operatingSystem": "Oracle Linux",
        "operatingSystemVersion": image.os,
        "timeCreated": "2026-08-01T00:00:00Z",
        "launchMode": "NATIVE",
        "sizeInMBs": 47694,
        "freeformTags": {},
        "definedTags": {},
    }


def _shape(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    metal = name.startswith("BM.")
    return {
        "shape": name,
        "ocpus": float(entry["ocpus"]),
        "memoryInGBs": float(entry["memory"]),
        "gpus": entry.get("gpus", 0),
        "gpuDescription": entry.get("gpu"),
        "quotaNames": [entry["limit"]],
        "maxVnicAttachments": entry["vnics"],
        "rdmaPorts": entry.get("rdma", 0),
        "billingType": "PAID",
        "isBilledForStoppedInstance": metal,
        "isFlexible": name.endswith(".Flex"),
    }
