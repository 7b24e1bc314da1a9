"""What is there of a stack and what it costs now, by what OCI says and not by what the stack asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpuyard.bootstrap.observe import Observed, infrastructure, observe
from gpuyard.bootstrap.parts import leftovers
from gpuyard.bootstrap.resource import RESOURCE, Found
from gpuyard.catalogue.oracle import oracle
from gpuyard.catalogue.shapes import HOURS_A_MONTH, catalogue
from gpuyard.doors.oci import Cloud
from gpuyard.project.load import Project

__all__ = ["Item", "inventory", "usd_per_hour"]


@dataclass(frozen=True, slots=True)
class Item:
    """A resource; None: its price is not known here, or it costs nothing."""

    id: str
    found: Found
    usd_per_hour: float | None


def inventory(cloud: Cloud, project: Project) -> tuple[Observed, Sequence[Item]]:
    """Everything that carries the stack's name, and what its clusters made; reads only."""
    observed = observe(cloud, project.stack, infrastructure(project))
    found = [*observed.ours.values(), *leftovers.leftovers(cloud, observed, project.stack.name)]
    items = [Item(each.tags.get(RESOURCE) or each.name, each, usd_per_hour(each)) for each in found]
    return observed, sorted(items, key=lambda item: item.id)


def usd_per_hour(found: Found) -> float | None:
    """List price of what there is of it at the moment."""
    prices, data = oracle().prices, found.data
    match found.kind:
        case "cluster":
            return prices.cluster
        case "file-system":
            return (data.get("meteredBytes") or 0) / 1e9 * prices.file_gb_month / HOURS_A_MONTH
        case "volume":
            return (data.get("sizeInGBs") or 0) * prices.boot_volume_gb_month / HOURS_A_MONTH
        case "system-pool" | "gpu-pool":
            return _pool(found)
        case _:
            return None


def _pool(found: Found) -> float | None:
    """Of all its nodes with their boot volumes."""
    prices, data = oracle().prices, found.data
    shape, config = data.get("nodeShape", ""), data.get("nodeShapeConfig") or {}
    nodes = {node.name: node for each in catalogue().values() for node in each.nodes.values()}
    if shape in nodes:
        hour = nodes[shape].price_usd_per_hour
    elif shape in prices.system:
        ocpu, memory = prices.system[shape]
        hour = (config.get("ocpus") or 0) * ocpu + (config.get("memoryInGBs") or 0) * memory
    else:
        return None
    disk = (data.get("nodeSourceDetails") or {}).get("bootVolumeSizeInGBs") or 0
    size = (data.get("nodeConfigDetails") or {}).get("size") or 0
    return float(size * (hour + disk * prices.boot_volume_gb_month / HOURS_A_MONTH))
