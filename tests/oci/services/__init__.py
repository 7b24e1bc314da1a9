"""What each service has of its own; importing registers it."""

from tests.oci import limits
from tests.oci.services import addons, clusters, hosts, identity, images, network, pools, rules

ALL = (addons, clusters, hosts, identity, images, limits, network, pools, rules)
