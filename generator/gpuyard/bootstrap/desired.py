"""Which resources follow from a stack, its placements, and what OCI offers: pure."""

from collections.abc import Iterator, Mapping

from gpuyard.bootstrap.fleet import Fleet, fleets
from gpuyard.bootstrap.ground import Ground, Lodging, Region, Reserved
from gpuyard.bootstrap.links import link
from gpuyard.bootstrap.parts.addons import addons
from gpuyard.bootstrap.parts.artifacts import artifacts
from gpuyard.bootstrap.parts.cluster import cluster
from gpuyard.bootstrap.parts.files import files
from gpuyard.bootstrap.parts.identity import COMPARTMENT, compartment, policies, pool_policies
from gpuyard.bootstrap.parts.network import network
from gpuyard.bootstrap.parts.passages import passages
from gpuyard.bootstrap.parts.pools import gpu_pools, nodes, system_pool
from gpuyard.bootstrap.resource import Resource
from gpuyard.project.oraclecloud import Infrastructure
from gpuyard.project.stack import Cluster
from gpuyard.resolve import Resolved

__all__ = ["desired", "shares_files", "where"]


def desired(
    resolved: Resolved,
    oci: Infrastructure,
    *,
    home: str,
    parent: str,
    regions: Mapping[str, Region],
    versions: Mapping[str, str],
    given: Mapping[str, Mapping[str, str]],
    reserved: Mapping[str, Mapping[str, Reserved]],
    lodgings: Mapping[str, Lodging],
    stored: Mapping[str, str] | None = None,
) -> dict[str, Resource]:
    """By id, in the order in which people read them.

    `versions` has Kubernetes' of each cluster, `given` the OCIDs of what it does not make, `reserved` its capacity
    reservations, `lodgings` the networks of clusters that somebody else made, `stored` where what is
    kept is: regions of repositories and the bucket, availability domains of file storage.
    """
    stack = resolved.stack
    found: list[Resource] = [] if oci.adopted else [compartment(stack.name, oci, home, parent)]
    first = regions[stack.clusters[0].region or ""]
    found += artifacts(oci, where(oci), first.name, first.namespace, stored or {})
    for each in stack.clusters:
        ground = Ground(
            stack=stack.name,
            cluster=each,
            region=regions[each.region or ""],
            compartment=where(oci),
            kubernetes=versions[each.name],
            given=given.get(each.name, {}),
            reserved=reserved.get(each.name, {}),
            joined=lodgings.get(each.name),
            files=_files(each.name, stored or {}),
        )
        if each.oci.cluster is None:
            found += _cluster(ground, fleets(resolved, each), home, files_wanted=shares_files(resolved, each))
        elif ground.joined:
            found += [*pool_policies(ground, home), *_pools(ground, fleets(resolved, each))]
    return {each.id: each for each in found}


def _files(cluster: str, stored: Mapping[str, str]) -> str:
    """The availability domain in which file storage of a cluster is; empty: there is none yet."""
    return stored.get(f"{cluster}/file-system") or stored.get(f"{cluster}/mount-target", "")


def where(oci: Infrastructure) -> str:
    """The compartment, or what stands for it."""
    return oci.compartment if oci.adopted else link(COMPARTMENT)


def shares_files(resolved: Resolved, cluster: Cluster) -> bool:
    """Whether something that runs there needs file storage."""
    here = [each.workload for each in resolved.placements if each.cluster == cluster.name]
    return any("fss" in each.needs.storage or any(volume.kind == "fss" for volume in each.volumes) for each in here)


def _cluster(ground: Ground, fleet: list[Fleet], home: str, *, files_wanted: bool) -> Iterator[Resource]:
    yield from network(ground)
    yield from passages(ground)
    yield from policies(ground, home)
    if files_wanted:
        yield from files(ground)
    yield cluster(ground)
    yield system_pool(ground)
    yield from _pools(ground, fleet)
    yield from addons(ground, fleet)


def _pools(ground: Ground, fleet: list[Fleet]) -> Iterator[Resource]:
    for each in fleet:
        yield from gpu_pools(ground, each)
        yield nodes(ground, each)
