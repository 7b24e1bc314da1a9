"""What OCI offers in the regions of the clusters: asked for only where something has to be made from it."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from gpuyard.bootstrap.difference import Action, Change
from gpuyard.bootstrap.fleet import Fleet
from gpuyard.bootstrap.ground import Region
from gpuyard.bootstrap.nodeimages import chosen, latest
from gpuyard.bootstrap.observe import Observed, together
from gpuyard.bootstrap.parts.addons import AUTOSCALER
from gpuyard.bootstrap.resource import Found
from gpuyard.doors.oci import Cloud
from gpuyard.errors import ToolError
from gpuyard.project.stack import Cluster, Stack

__all__ = ["autoscalers", "offered", "versions"]

_GATEWAY = "service-gateway"


def versions(cloud: Cloud, stack: Stack, observed: Observed) -> dict[str, str]:
    """Of Kubernetes, by cluster: what it has, where that is of the wanted minor version, or the newest of that."""
    found: dict[str, str] = {}
    options: dict[str, list[str]] = {}
    for cluster in stack.clusters:
        there = observed.cluster(cluster.name)
        have = str(there.data["kubernetesVersion"]) if there else ""
        if have.startswith(f"v{cluster.kubernetes}.") or (have and cluster.oci.cluster):
            found[cluster.name] = have
            continue
        region = cluster.region or ""
        if region not in options:
            data = cloud.call("container_engine", "get_cluster_options", "all", region=region).data
            options[region] = data["kubernetesVersions"]
        found[cluster.name] = _wanted(cluster, options[region], have)
    return found


def autoscalers(cloud: Cloud, changes: Collection[Change]) -> dict[str, str]:
    """The version that OKE installs where a cluster gets its autoscaler now, by cluster."""
    resources = {change.id: change.resource for change in changes if change.resource}
    found = {}
    for change in changes:
        cluster = change.id.removesuffix(f"/addon-{AUTOSCALER}")
        if change.action is Action.CREATE and cluster != change.id:
            of_cluster = resources[f"{cluster}/cluster"]
            found[cluster] = _newest(cloud, of_cluster.region, of_cluster.body["kubernetesVersion"])
    return found


def _newest(cloud: Cloud, region: str, kubernetes: str) -> str:
    """Of the add-on, for a version of Kubernetes; empty: OKE does not say."""
    options = cloud.listed(
        "container_engine", "list_addon_options", region=region, kubernetes_version=kubernetes, addon_name=AUTOSCALER
    )
    versions = [
        str(each["versionNumber"])
        for row in options
        for each in row.get("versions") or ()
        if kubernetes in ((each.get("kubernetesVersionFilters") or {}).get("exactKubernetesVersions") or [kubernetes])
    ]
    return max(versions, key=_numbers, default="")


def _numbers(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", version)]


def _wanted(cluster: Cluster, offered: list[str], have: str) -> str:
    version = latest(offered, cluster.kubernetes)
    if version is None:
        minors = sorted({each.removeprefix("v").rpartition(".")[0] for each in offered}, key=_minor)
        raise ToolError(
            f"OKE does not offer Kubernetes {cluster.kubernetes} in {cluster.region}; offered are {', '.join(minors)}: "
            f"set kubernetes of the cluster {cluster.name}"
        )
    if have and _minor(version) != _minor(have) + 1:
        raise ToolError(
            f"the cluster {cluster.name} has Kubernetes {have}: OKE upgrades by one minor version at a time, so set "
            f"kubernetes to 1.{_minor(have) + 1} at the most, and never to a lower one"
        )
    return version


def _minor(version: str) -> int:
    return int(version.removeprefix("v").split(".")[1])


def offered(
    cloud: Cloud, stack: Stack, observed: Observed, kubernetes: Mapping[str, str], fleets: Mapping[str, list[Fleet]]
) -> dict[str, Region]:
    """By region; images by OCI shape and version."""
    names = list(dict.fromkeys(cluster.region or "" for cluster in stack.clusters))
    calls = [partial(_region, cloud, name, stack, observed, kubernetes, fleets) for name in names]
    return {each.name: each for each in together(calls)}


def _region(
    cloud: Cloud,
    name: str,
    stack: Stack,
    observed: Observed,
    kubernetes: Mapping[str, str],
    fleets: Mapping[str, list[Fleet]],
) -> Region:
    here = [cluster for cluster in stack.clusters if cluster.region == name]
    service_id, label = _services(cloud, name, [observed.ours.get(f"{each.name}/{_GATEWAY}") for each in here])
    images: dict[tuple[str, str], str] = {}
    sources: list[Mapping[str, Any]] = []
    for cluster in here:
        version = kubernetes[cluster.name]
        system = {} if cluster.oci.cluster else {cluster.oci.system.shape: False}
        shapes = {**system, **{each.node.name: True for each in fleets[cluster.name]}}
        for shape, gpu in shapes.items():
            there = _used(observed, cluster, shape, version)
            if there is None and not sources:
                sources = _sources(cloud, name)
            images[shape, version] = there or _image(cloud, name, sources, shape, version, gpu=gpu)
    return Region(
        name=name,
        domains=observed.domains[name],
        namespace=observed.namespace,
        service_id=service_id,
        service_label=label,
        images=images,
    )


def _services(cloud: Cloud, region: str, gateways: Iterable[Found | None]) -> tuple[str, str]:
    """OCID and label of what a service gateway leads to: all of Oracle's services."""
    rows = [service for each in gateways if each for service in each.data.get("services") or ()]
    named = [(row["serviceId"], row.get("serviceName") or "") for row in rows]
    if not named:
        offers = cloud.listed("virtual_network", "list_services", region=region)
        named = [(row["id"], row["name"]) for row in offers]
    for ocid, name in named:
        if name.startswith("All ") and name.endswith(" Services In Oracle Services Network"):
            return ocid, "-".join(name.lower().split())
    raise ToolError(f"{region} offers no service gateway to all of Oracle's services")


def _used(observed: Observed, cluster: Cluster, shape: str, version: str) -> str | None:
    """The image of a pool that is there: a newer one is no reason to change it."""
    for name, found in observed.ours.items():
        if found.kind in ("system-pool", "gpu-pool") and name.startswith(f"{cluster.name}/"):
            data = found.data
            if (data.get("nodeShape"), data.get("kubernetesVersion")) == (shape, version):
                return (data.get("nodeSourceDetails") or {}).get("imageId")
    return None


def _sources(cloud: Cloud, region: str) -> list[Mapping[str, Any]]:
    options = cloud.call("container_engine", "get_node_pool_options", "all", region=region).data
    return options.get("sources") or []


def _image(
    cloud: Cloud, region: str, sources: Iterable[Mapping[str, Any]], shape: str, version: str, *, gpu: bool
) -> str:
    """Empty where there is none: preflight says so."""
    rows = cloud.listed("compute", "list_images", region=region, compartment_id=cloud.tenancy, shape=shape)
    allowed = frozenset(row["id"] for row in rows)
    return chosen(sources, kubernetes=version, gpu=gpu, allowed=allowed) or ""
