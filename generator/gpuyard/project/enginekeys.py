"""What a stack says about its engine: how the clusters have Argo CD, and what more Flux is to do."""

from dataclasses import dataclass

__all__ = ["ArgoCD", "ArgoProject", "Artifact", "Flux", "Notifications", "Receiver", "Signed"]


@dataclass(frozen=True, slots=True)
class ArgoProject:
    """An AppProject of others: its name and the namespaces that it permits, as patterns."""

    name: str
    namespaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArgoCD:
    """How the clusters have Argo CD."""

    version: str
    """Minor version."""
    hub: str | None = None
    """Context of the cluster whose Argo CD syncs all clusters; None: each has its own."""
    project: ArgoProject | None = None
    """None: gpuyard makes some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Who signs releases: a key, or an identity that somebody vouches for (`resolve.stackrules` refuses the rest)."""

    key: str | None = None
    """The public one, as PEM."""
    issuer: str | None = None
    identity: str | None = None
    """A `*` in it stands for anything but a slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """The repository as an artifact in a registry, which clusters read in the place of Git."""

    url: str
    tag: str
    secret: str | None = None
    verify: Signed | None = None
    insecure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifications:
    """Who is told what Flux does, by a webhook whose address is in a Secret."""

    type: str
    secret: str
    channel: str | None = None
    severity: str


@dataclass(frozen=True, slots=True)
class Receiver:
    """A webhook by which a Git server or a registry says that there is something new."""

    type: str
    secret: str


@dataclass(frozen=True, slots=True)
class Flux:
    """What Flux is to do beside syncing."""

    service_account: str | None = None
    """In whose name it applies the models; None: its own."""
    verify_secret: str | None = None
    """Secret with the public keys of those whose commits or artifacts it takes; None: anybody's."""
    notifications: Notifications | None = None
    receiver: Receiver | None = None
