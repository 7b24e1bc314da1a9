"""What a cluster is built on, as the parts need it: its names, its region and what OCI offers there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpuyard.bootstrap.links import link
from gpuyard.project.oraclecloud import Landing
from gpuyard.project.stack import Cluster

__all__ = ["Ground", "Lodging", "Region", "Reserved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What OCI offers in a region; what is not needed is not asked for, and is empty."""

    name: str
    domains: tuple[str, ...]
    namespace: str = ""
    service_id: str = ""
    """Of all of Oracle's services that a service gateway leads to."""
    service_label: str = ""
    """That stands for their addresses in rules."""
    versions: tuple[str, ...] = ()
    """Of Kubernetes, such as v1.34.2."""
    images: Mapping[tuple[str, str], str] | None = None
    """OCID by OCI shape and version of Kubernetes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """A reservation, and what stands against using it or is worth knowing."""

    id: str
    shape: str
    domain: str
    free: int
    """Nodes that nobody has of it."""
    problems: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lodging:
    """The network in which GPU nodes of a cluster are: links, or the OCIDs that somebody else's node pool has."""

    cluster: str
    subnets: Mapping[str, str]
    """Of nodes, by availability domain; any of them for one that is not among them."""
    groups: tuple[str, ...]
    """Network security groups of nodes."""
    pods: tuple[str, ...]
    """Subnets."""
    pod_groups: tuple[str, ...]

    def subnet(self, domain: str) -> str:
        """Of nodes in an availability domain."""
        return self.subnets.get(domain) or next(iter(self.subnets.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One cluster's."""

    stack: str
    cluster: Cluster
    region: Region
    compartment: str
    """Link or OCID."""
    kubernetes: str
    """Version, such as v1.34.2."""
    given: Mapping[str, str] = field(default_factory=dict)
    """OCIDs of parts that somebody else made."""
    reserved: Mapping[str, Reserved] = field(default_factory=dict)
    """By OCI shape."""
    joined: Lodging | None = None
    """Of a cluster that somebody else made."""
    files: str = ""
    """Availability domain of its file storage, where there is some."""

    @property
    def lodging(self) -> Lodging:
        """Where its nodes are."""
        return self.joined or Lodging(
            cluster=self.link("cluster"),
            subnets={"": self.link("subnet-workers")},
            groups=(self.link("group-workers"),),
            pods=(self.link("subnet-pods"),),
            pod_groups=(self.link("group-pods"),),
        )

    @property
    def landing(self) -> Landing:
        """What the stack says of it."""
        return self.cluster.oci

    def named(self, part: str) -> str:
        """Id of a resource of the cluster."""
        return f"{self.cluster.name}/{part}"

    def display(self, part: str) -> str:
        """What it is called in the console."""
        return f"{self.stack}-{self.cluster.name}-{part}"

    def link(self, part: str, key: str = "id") -> str:
        """What stands for a field of one, or its OCID where it is known already."""
        return self.given[part] if part in self.given else link(self.named(part), key)
