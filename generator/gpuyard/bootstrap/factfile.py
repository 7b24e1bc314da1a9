"""What a cluster has to know of its infrastructure: a file in its folder, which the engine applies with the rest.

A StorageClass whose volumes share the cluster's mount target, and a ConfigMap with the OCIDs. `gpuyard bootstrap facts`
is the only one to write it.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard.bootstrap.observe import Observed
from gpuyard.bootstrap.parts.cluster import cluster_tags
from gpuyard.bootstrap.parts.files import export_options
from gpuyard.bootstrap.resource import Found
from gpuyard.doors import yamlio
from gpuyard.errors import ToolError
from gpuyard.project.stack import Cluster, Stack
from gpuyard.tree import FACTS, cluster

__all__ = ["fact_files"]

_HEADER = "# Written by `gpuyard bootstrap facts` from what is on Oracle Cloud. Do not edit.\n"


def fact_files(stack: Stack, sites: Mapping[str, Stack], observed: Observed) -> dict[PurePosixPath, str]:
    """By path; ToolError where a cluster is not there yet."""
    return {cluster(each.name) / FACTS: _file(sites.get(each.name, stack), each, observed) for each in stack.clusters}


def _file(stack: Stack, cluster: Cluster, observed: Observed) -> str:
    prefix = f"{cluster.name}/"
    here = {name.removeprefix(prefix): each for name, each in observed.ours.items() if name.startswith(prefix)}
    if there := observed.cluster(cluster.name):
        here["cluster"] = there
    else:
        raise ToolError(f"the cluster {cluster.name} is not there yet; run `gpuyard bootstrap apply` first")
    return _HEADER + "---\n".join(yamlio.dump(each) for each in _objects(stack, cluster, here, observed))


def _objects(stack: Stack, cluster: Cluster, here: Mapping[str, Found], observed: Observed) -> Iterator[dict[str, Any]]:
    if target := here.get("mount-target"):
        yield _storage_class(stack, target, str(here["subnet-workers"].data["cidrBlock"]), observed.compartment or "")
    names = [name for name in here if name.partition("-")[0] in ("cluster", "vcn", "subnet", "group", "mount", "file")]
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": stack.named("oci"), "namespace": stack.engine.namespace},
        "data": {
            "compartment": observed.compartment,
            "region": cluster.region,
            **{name: here[name].id for name in sorted(names)},
        },
    }


def _storage_class(stack: Stack, target: Found, source: str, compartment: str) -> dict[str, Any]:
    """Its volumes carry the stack's tags, by which `destroy` finds them."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": stack.storage["fss"]},
        "provisioner": "fss.csi.oraclecloud.com",
        "parameters": {
            "availabilityDomain": target.data["availabilityDomain"],
            "mountTargetOcid": target.id,
            "compartmentOcid": compartment,
            "encryptInTransit": "false",
            "exportOptions": json.dumps(export_options(source)),
            "oci.oraclecloud.com/initial-freeform-tags-override": json.dumps(cluster_tags(stack.name)),
        },
    }
