"""All kinds of resources, in the order in which they are made; the other way round they are taken away."""

from collections.abc import Mapping

from gpuyard.bootstrap.parts import addons, artifacts, cluster, files, identity, network, passages, pools
from gpuyard.bootstrap.resource import Kind

__all__ = ["KINDS"]

_FAMILIES = (identity, network, passages, artifacts, files, cluster, pools, addons)
KINDS: Mapping[str, Kind] = {kind.name: kind for family in _FAMILIES for kind in family.KINDS}
