"""What each service has of its own; importing registers it."""

from tests.oci import limits
from tests.oci.services import (
    addons,
    buckets,
    clusters,
    files,
    hosts,
    identity,
    images,
    network,
    nodes,
    pools,
    registry,
    rules,
    vaults,
)

ALL = (
    *(addons, buckets, clusters, files, hosts, identity, images),
    *(limits, network, nodes, pools, registry, rules, vaults),
)
