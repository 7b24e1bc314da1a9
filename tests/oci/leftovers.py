"""What controllers in a cluster make, and nobody deletes: load balancers, volumes, file systems, machines."""

from typing import Any

from tests.oci import hooks
from tests.oci.cloud import Cloud
from tests.oci.services.addresses import attach
from tests.oci.thing import Thing
from tests.oci.world import domains, world


def load_balancer(
    cloud: Cloud,
    subnet: str,
    *,
    nsgs: list[str] | None = None,
    tags: dict[str, str] | None = None,
    network: bool = False,
) -> Thing:
    """Of a Service of type LoadBalancer: by the cloud controller manager; `network` for a network load balancer."""
    place = cloud.things[subnet]
    about: dict[str, Any] = {
        "compartmentId": place.has["compartmentId"],
        "displayName": "a1b2c3d4",
        "isPrivate": False,
        "networkSecurityGroupIds": nsgs or [],
        "freeformTags": tags or {},
        "ipAddresses": [],
    }
    own = {"subnetId": subnet} if network else {"subnetIds": [subnet], "shapeName": "flexible"}
    kind = "network_load_balancer" if network else "load_balancer"
    made = cloud.add(kind, place.region, {**about, **own})
    attach(cloud, made, subnet, nsgs or [], primary=True)
    return made


def security_rules(cloud: Cloud, subnet: str) -> Thing:
    """What the cloud controller manager writes into the security list of a subnet of load balancers."""
    found = cloud.things[cloud.things[subnet].has["securityListIds"][0]]
    ports = {"destinationPortRange": {"min": 443, "max": 443}}
    rule = {
        "protocol": "6",
        "source": "0.0.0.0/0",
        "sourceType": "CIDR_BLOCK",
        "isStateless": False,
        "tcpOptions": ports,
    }
    found.has["ingressSecurityRules"] = [*found.has["ingressSecurityRules"], rule]
    found.version += 1
    return found


def volume(cloud: Cloud, compartment: str, *, tags: dict[str, str] | None = None, region: str | None = None) -> Thing:
    """Of a PersistentVolumeClaim on block storage: by the CSI driver."""
    where = region or cloud.home
    about = {
        "compartmentId": compartment,
        "displayName": "csi-a1b2c3d4",
        "availabilityDomain": domains(where)[0],
        "sizeInGBs": 50,
        "sizeInMBs": 51200,
        "freeformTags": tags or {},
    }
    return cloud.add("volume", where, about)


def mount_target(cloud: Cloud, subnet: str, *, tags: dict[str, str] | None = None) -> Thing:
    """Of a PersistentVolumeClaim on file storage: a mount target by the CSI driver, a file system and its export."""
    place = cloud.things[subnet]
    shared = {
        "compartmentId": place.has["compartmentId"],
        "availabilityDomain": domains(place.region)[0],
        "displayName": "csi-fss-a1b2c3d4",
        "freeformTags": tags or {},
    }
    made = cloud.add("mount_target", place.region, {**shared, "subnetId": subnet})
    hooks.BORN["mount_target"](cloud, made)
    files = cloud.add("file_system", place.region, {**shared, "meteredBytes": 0})
    export = cloud.add(
        "export",
        place.region,
        {"fileSystemId": files.id, "exportSetId": made.has["exportSetId"], "path": "/csi-fss-a1b2c3d4"},
    )
    hooks.BORN["export"](cloud, export)
    return made


def machine(cloud: Cloud, subnet: str, *, shape: str = "VM.GPU.A10.1", tags: dict[str, str] | None = None) -> Thing:
    """An instance that Karpenter launched."""
    place = cloud.things[subnet]
    entry = world()["shapes"][shape]
    config = {"ocpus": float(entry["ocpus"]), "memoryInGBs": float(entry["memory"]), "gpus": entry.get("gpus", 0)}
    about = {
        "compartmentId": place.has["compartmentId"],
        "availabilityDomain": domains(place.region)[0],
        "shape": shape,
        "shapeConfig": config,
        "region": place.region,
        "faultDomain": world()["faultDomains"][0],
        "displayName": "karpenter-a1b2c3d4",
        "freeformTags": tags or {},
    }
    made = cloud.add("instance", place.region, about)
    attach(cloud, made, subnet, [], primary=True)
    return made


KINDS = {
    "load_balancer": load_balancer,
    "security_rules": security_rules,
    "volume": volume,
    "mount_target": mount_target,
    "machine": machine,
}
"""By the name that POST /_cloud/leftovers takes."""
