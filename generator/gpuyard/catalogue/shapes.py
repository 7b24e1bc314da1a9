"""The shape catalogue: GPU families and their OCI shapes, read from overlays/<shape>/shape.yaml."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources.abc import Traversable
from typing import Any

from gpuyard.catalogue.datafiles import Breach, read
from gpuyard.catalogue.shipped import shipped
from gpuyard.errors import InputError, Problem

__all__ = ["HOURS_A_MONTH", "Gpu", "Node", "Rdma", "Shape", "Taint", "catalogue", "load"]

HOURS_A_MONTH = 730
"""By which Oracle's cost estimator counts."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """What the GPUs of a family can do."""

    product: str
    architecture: str
    fp8: bool
    """FP8 arithmetic; without it FP8 checkpoints still run, with only their weights in FP8."""
    nvlink: bool

    @property
    def hopper(self) -> bool:
        """Whether it is NVIDIA's Hopper (sm_90) or newer, such as sm_100."""
        return self.capability >= 90

    @property
    def capability(self) -> int:
        """NVIDIA's compute capability, such as 86; 0 of another vendor's."""
        vendor, _, capability = self.architecture.partition("_")
        return int(capability) if vendor == "sm" else 0


@dataclass(frozen=True, slots=True)
class Rdma:
    """The cluster network of a node."""

    ports: int
    gbps: int
    virtual_functions: int
    nccl: Mapping[str, str]
    """Environment for several nodes, through virtual functions."""
    host_network_hca: str
    """NCCL_IB_HCA instead, in a pod on the host's network."""


@dataclass(frozen=True, slots=True)
class Node:
    """One OCI shape: what a node of it holds and costs."""

    name: str
    shape: str
    gpu: Gpu
    gpus: int
    bare_metal: bool
    gpu_memory_gib: float
    """The nameplate's; never use it in arithmetic."""
    usable_gib: float
    """What CUDA reports for one GPU."""
    ocpus: int
    memory_gib: int
    local_nvme_tb: float
    rdma: Rdma | None
    price_usd_per_gpu_hour: float
    boot_volume_gb: int
    warnings: tuple[str, ...]
    source: str
    date: str

    @property
    def price_usd_per_hour(self) -> float:
        """List price of the whole node; a bare-metal node can't be bought in parts."""
        return self.price_usd_per_gpu_hour * self.gpus


@dataclass(frozen=True, slots=True)
class Taint:
    """The taint of GPU nodes; model servers tolerate its key, whatever its value and effect."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One GPU family; its nodes from the smallest to the largest."""

    name: str
    title: str
    gpu: Gpu
    nodes: Mapping[str, Node]
    resource: str
    """Name of the GPUs as a resource of a node."""
    instance_type_label: str
    """Label of a node whose value is the OCI shape."""
    arch: str
    """The processors' architecture, as the label kubernetes.io/arch has it."""
    taint: Taint
    read_only_root_filesystem: bool
    read_only_root_reason: str


def _rdma(row: dict[str, Any] | None) -> Rdma | None:
    if row is None:
        return None
    return Rdma(row["ports"], row["gbps"], row["virtualFunctions"], row["nccl"], row["hostNetworkHca"])


def _node(name: str, row: dict[str, Any], shape: str, gpu: Gpu) -> Node:
    return Node(
        name=name,
        shape=shape,
        gpu=gpu,
        gpus=row["gpus"],
        bare_metal=row["bareMetal"],
        gpu_memory_gib=row["gpuMemoryGiB"],
        usable_gib=row["usableGiB"],
        ocpus=row["ocpus"],
        memory_gib=row["memoryGiB"],
        local_nvme_tb=row["localNvmeTB"],
        rdma=_rdma(row["rdma"]),
        price_usd_per_gpu_hour=float(row["priceUsdPerGpuHour"]),
        boot_volume_gb=row["bootVolumeGB"],
        warnings=tuple(row.get("warnings", ())),
        source=row["source"],
        date=row["date"],
    )


def _shape(folder: Traversable) -> Shape:
    data = read(folder / "shape.yaml", "shape", partial(_rules, folder.name))
    facts, node, root = data["gpu"], data["node"], data["readOnlyRootFilesystem"]
    gpu = Gpu(facts["product"], facts["architecture"], facts["fp8"], facts["nvlink"])
    return Shape(
        name=data["name"],
        title=data["title"],
        gpu=gpu,
        nodes={name: _node(name, row, data["name"], gpu) for name, row in data["shapes"].items()},
        resource=node["resource"],
        instance_type_label=node["instanceTypeLabel"],
        arch=node["arch"],
        taint=Taint(**node["taint"]),
        read_only_root_filesystem=root["enabled"],
        read_only_root_reason=root["reason"],
    )


def _rules(folder: str, data: Mapping[str, Any]) -> Iterator[Breach]:
    """What a schema can't say."""
    if data["name"] != folder:
        yield ("name",), f"must be the folder's: {folder}"
    for name, row in data["shapes"].items():
        if row["usableGiB"] >= row["gpuMemoryGiB"]:
            yield ("shapes", name, "usableGiB"), "must be less than gpuMemoryGiB: what CUDA reports"
        if row["bareMetal"] != name.startswith("BM."):
            yield ("shapes", name, "bareMetal"), f"must be {str(name.startswith('BM.')).lower()}, as the name says"


def load(overlays: Traversable) -> Mapping[str, Shape]:
    """Every shape of a folder of overlays, by name; InputError names each malformed file."""
    shapes: dict[str, Shape] = {}
    problems: list[Problem] = []
    for folder in sorted(overlays.iterdir(), key=lambda entry: entry.name):
        if not folder.is_dir() or folder.name.startswith((".", "_")):
            continue
        try:
            shapes[folder.name] = _shape(folder)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return shapes


@cache
def catalogue() -> Mapping[str, Shape]:
    """The shipped shapes, by name."""
    return load(shipped("overlays"))
