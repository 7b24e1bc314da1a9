"""Compute: instances as OKE launches them for a node pool, with VNICs and a boot volume."""

from typing import Any

from tests.oci.cloud import Cloud
from tests.oci.errors import Refused
from tests.oci.services.addresses import attach
from tests.oci.services.hosts import fault_domain
from tests.oci.thing import Thing
from tests.oci.world import world


def launch(cloud: Cloud, pool: Thing, place: dict[str, Any]) -> Thing:
    """One instance, whole, or none: then it raises what the launch says."""
    about = _about(cloud, pool, place)
    about["faultDomain"] = fault_domain(cloud, pool.region, about, place)
    instance = cloud.add("instance", pool.region, about, owner=pool.id)
    config = pool.has["nodeConfigDetails"]
    pods = config.get("nodePoolPodNetworkOptionDetails") or {}
    try:
        attach(cloud, instance, place["subnetId"], config.get("nsgIds") or [], primary=True)
        for subnet in pods.get("podSubnetIds") or []:
            attach(cloud, instance, subnet, pods.get("podNsgIds") or [], primary=False)
    except Refused:
        cloud.end(instance)
        raise
    cloud.add("boot_volume", pool.region, _volume(instance), owner=instance.id)
    return instance


def _about(cloud: Cloud, pool: Thing, place: dict[str, Any]) -> dict[str, Any]:
    has = pool.has
    entry, asked, source = (
        world()["shapes"][has["nodeShape"]],
        has.get("nodeShapeConfig") or {},
        has["nodeSourceDetails"],
    )
    cloud.made += 1
    return {
        "availabilityDomain": place["availabilityDomain"],
        "compartmentId": has["compartmentId"],
        "capacityReservationId": place.get("capacityReservationId"),
        "displayName": f"oke-{pool.id[-8:]}-{cloud.made}",
        "freeformTags": has["nodeConfigDetails"].get("freeformTags") or {},
        "launchMode": "NATIVE",
        "metadata": has.get("nodeMetadata") or {},
        "region": pool.region,
        "shape": has["nodeShape"],
        "shapeConfig": {
            "ocpus": float(asked.get("ocpus") or entry["ocpus"]),
            "memoryInGBs": float(asked.get("memoryInGBs") or entry["memory"]),
            "gpus": entry.get("gpus", 0),
        },
        "sourceDetails": {
            "sourceType": "image",
            "imageId": source["imageId"],
            "bootVolumeSizeInGBs": source.get("bootVolumeSizeInGBs") or 50,
        },
    }


def _volume(instance: Thing) -> dict[str, Any]:
    source = instance.has["sourceDetails"]
    return {
        "availabilityDomain": instance.has["availabilityDomain"],
        "compartmentId": instance.has["compartmentId"],
        "displayName": f"{instance.has['displayName']} (Boot Volume)",
        "imageId": source["imageId"],
        "sizeInGBs": source["bootVolumeSizeInGBs"],
        "sizeInMBs": source["bootVolumeSizeInGBs"] * 1024,
    }
