"""What a stack says of the infrastructure that `gpuyard bootstrap` makes on Oracle Cloud."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Infrastructure", "Landing", "SystemNodes", "Vault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """One that is there, for secrets; bootstrap makes none, since none can be deleted within a week."""

    id: str
    """OCID."""
    key: str
    """OCID of the key in it by which secrets are encrypted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Infrastructure:
    """Of all clusters of the stack."""

    compartment: str
    """Name of one to make, or OCID of one that is there."""
    parent: str | None = None
    """OCID; None: the tenancy."""
    bucket: str | None = None
    repositories: tuple[str, ...] = ()
    vault: Vault | None = None
    """Where deploy keys are kept, and secrets are read by their names."""

    @property
    def adopted(self) -> bool:
        """Whether the compartment is somebody else's."""
        return self.compartment.startswith("ocid1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemNodes:
    """Nodes without GPUs, for everything but models."""

    shape: str
    ocpus: int
    memory: int
    """GB."""
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """Of one cluster."""

    cluster: str | None = None
    """OCID of one that somebody else made, which is neither changed nor deleted; None: it is made."""
    network_policy: str | None = None
    """What enforces it: calico, or none; None: calico where the cluster is made."""
    vcn: str | None = None
    """OCID of one that is there; None: it gets one of its own."""
    cidr: str
    """Of its VCN, or the part of it where its subnets are."""
    api: tuple[str, ...]
    """Who reaches the API server from outside; nobody: it has no public address."""
    system: SystemNodes
    availability_domains: tuple[int, ...]
    """In which GPU nodes are looked for, in this order; none: all."""
    reservations: Mapping[str, str] = field(default_factory=dict)
    """OCID of a capacity reservation, by OCI shape."""
