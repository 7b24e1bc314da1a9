"""What a node pool must have that its shape doesn't say: without it pods stay Pending, and nothing tells why."""

from collections.abc import Iterable, Iterator
from typing import Any

from gpuyard.catalogue.shapes import Node, catalogue
from gpuyard.catalogue.vllm import rules
from gpuyard.resolve.workload import Workload

__all__ = ["brief", "needs", "with_nvidia"]

# Sources: Oracle, "Using Custom Cloud-init Initialization Scripts" (oci-growfs) and the NvidiaGpuPlugin add-on;
# kubernetes/autoscaler issue 9637 (the tag).
_GROWN = "grown by `/usr/libexec/oci-growfs -y` in its cloud-init"
_TAG = "cluster-autoscaler/node-ephemeral-storage"
_NVIDIA = "nvidia.com/"


def needs(workloads: Iterable[Workload]) -> Iterator[str]:
    """One sentence each, in Markdown, of what the node pools under these workloads must have."""
    workloads = tuple(workloads)
    sizes: dict[int, list[str]] = {}
    for node in _of(workloads):
        sizes.setdefault(node.boot_volume_gb, []).append(f"`{node.name}`")
    for size, names in sizes.items():
        yield (
            f"node pools of {', '.join(names)}: a boot volume of at least {size} GB, {_GROWN}. Left as it is, the root "
            "file system of an OKE node has about 38 GB, and pods stay Pending or are evicted"
        )
    if any(each.gpu_resource.startswith(_NVIDIA) for each in workloads):
        yield f"on GPU nodes {_driver()}"
    if sizes:
        yield (
            f"on node pools that the cluster autoscaler may shrink to no nodes: the freeform tag `{_TAG}` with the "
            "disk of a node as its value, for instance `150Gi`; all pods here ask for `ephemeral-storage`, and without "
            "the tag such a pool is never scaled up again for them"
        )


def with_nvidia() -> dict[str, Any]:
    """The affinity of pods that run on every node with NVIDIA GPUs, and on no other."""
    names: dict[str, list[str]] = {}
    for shape in catalogue().values():
        if shape.resource.startswith(_NVIDIA):
            names.setdefault(shape.instance_type_label, []).extend(shape.nodes)
    terms = [
        {"matchExpressions": [{"key": label, "operator": "In", "values": sorted(found)}]}
        for label, found in names.items()
    ]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def brief(found: Iterable[Node]) -> str:
    """The same in one line, for those who have just written the names of OCI shapes."""
    sizes = ", ".join(f"{node.name} {node.boot_volume_gb} GB" for node in found)
    return (
        f"node pools need boot volumes that are grown at the start ({sizes}), NVIDIA driver "
        f"{rules()['driver']['branch']} or newer, and a tag to grow from no nodes: "
        "the page of each blueprint has the details under “Before its first sync”"
    )


def _of(workloads: Iterable[Workload]) -> tuple[Node, ...]:
    """The nodes that workloads may run on, once each."""
    return tuple({name: each.shape.nodes[name] for each in workloads for name in each.nodes}.values())


def _driver() -> str:
    driver = rules()["driver"]
    return (
        "the NVIDIA device plugin (on OKE: the add-on `NvidiaGpuPlugin`) and a driver of branch "
        f"{driver['branch']} or newer, for CUDA {driver['cuda']} of vLLM's images; for an older driver set "
        f"`spec.vllm.tag` of the stack to one that ends in `-{driver['older']}`"
    )
