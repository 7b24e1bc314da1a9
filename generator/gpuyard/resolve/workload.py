"""What resolve decides: a blueprint on a shape, whatever its kind, and where it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gpuyard.catalogue.health import Health
from gpuyard.catalogue.images import Image
from gpuyard.catalogue.platform import PLATFORM, Layer, Release
from gpuyard.catalogue.shapes import Shape
from gpuyard.project.stack import Cluster, Stack

__all__ = ["Fact", "First", "KeyUse", "Needs", "Own", "Placement", "Reach", "Refusal", "Resolved", "Volume", "Workload"]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key of a Secret or ConfigMap in the workload's namespace, and what for; an empty key stands for all."""

    name: str
    key: str
    purpose: str
    kind: str = "Secret"
    literal: str = ""
    """What it holds, where that is known and no secret."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume claim that the workload's objects make, and that outlives it."""

    claim: str
    kind: str
    """As the stack's storage names its classes."""
    storage_class: str
    size_gib: int


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be in a cluster before, made by others."""

    keys: tuple[KeyUse, ...] = ()
    claims: tuple[str, ...] = ()
    storage: tuple[str, ...] = ()
    """Kinds of storage, as the stack's storage names its classes."""
    user: int | None = None
    """And group of its pods, who own what they write."""
    priority_class: str | None = None
    runtime_class: str | None = None
    account: str = ""
    """The ServiceAccount of its pods; empty: its own, or the namespace's."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How clients reach what it serves."""

    name: str
    """By which they ask for it."""
    inside: str
    """Address inside the cluster."""
    port: int
    """Of its Service."""
    outside: str | None
    """Address from outside."""
    namespaces: tuple[str, ...]
    """Whose pods may call it."""
    key: KeyUse | None
    """That clients must send."""
    by_values: bool = False
    """Its author's own values let somebody in."""

    @property
    def closed(self) -> bool:
        """Nobody may call it yet."""
        return self.outside is None and not self.namespaces and not self.by_values


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about it that a person or a machine wants to know; an empty text is for machines only."""

    value: Any
    text: str = ""


@dataclass(frozen=True, slots=True)
class First:
    """Objects that must be there, and done, before the rest of a workload may change."""

    components: frozenset[str]
    """What their label app.kubernetes.io/component says."""
    sync_timeout: int
    """Seconds that an engine waits for them."""
    claim: str = ""
    """That they mount, and that an author's own object may make."""

    def holds(self, obj: Mapping[str, Any]) -> bool:
        """Whether an object is one of them."""
        metadata = obj["metadata"]
        if obj["kind"] == "PersistentVolumeClaim" and metadata["name"] == self.claim:
            return True
        return metadata.get("labels", {}).get("app.kubernetes.io/component") in self.components


@dataclass(frozen=True, slots=True)
class Workload:
    """A blueprint on a shape: what render, review and the command line know of it."""

    name: str
    """The blueprint's, from which every object's name derives."""
    file: str
    kind: str
    description: str
    shape: Shape
    nodes: tuple[str, ...]
    """OCI shapes that it may run on; it fits on each."""
    gpus: int
    """Of one replica."""
    gpu_resource: str
    """What they are called among the resources of a pod."""
    max_replicas: int
    surge: int
    """Replicas that a rollout may add."""
    away: int
    """Seconds without a server in a rollout; 0: others serve meanwhile."""
    sync_timeout: int
    """Seconds that an engine waits for a rollout."""
    image: Image
    """Of its containers, of those that start them, and of Jobs that fetch what it serves."""
    first: First | None
    """What comes before the rest, where something does."""
    chart: str
    values: Mapping[str, Any]
    """Of the chart: everything that differs from its defaults."""
    needs: Needs
    volumes: tuple[Volume, ...]
    reach: Reach | None
    health: tuple[Health, ...]
    """What of its objects shows that it works, beside what engines know by themselves."""
    facts: Mapping[str, Fact]
    """In the order in which they are shown."""
    unsafe: Mapping[str, str]
    """What its author asked to be allowed, by the entry that names it: what that lets them do."""
    notes: tuple[str, ...]
    """What is allowed and still worth saying."""

    def runs_on(self, cluster: Cluster) -> bool:
        """Whether a cluster has a node that it fits on."""
        return bool(set(cluster.shapes.get(self.shape.name, ())) & set(self.nodes))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A blueprint that can't run on a shape, and why, with the numbers."""

    blueprint: str
    shape: str
    reason: str
    path: tuple[str, ...] = ("spec", "model")
    """Of what decided it in the blueprint, as far as that is one key."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A workload on a cluster."""

    cluster: str
    workload: Workload
    own: bool = False
    """Whether it isn't the stack's, but what the cluster's settings or its placement make of it."""


@dataclass(frozen=True, slots=True)
class Own:
    """What a cluster that differs has instead of the stack's."""

    stack: Stack
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything that render needs; workloads in the order of blueprint and shape."""

    stack: Stack
    workloads: tuple[Workload, ...]
    refusals: tuple[Refusal, ...]
    placements: tuple[Placement, ...]
    releases: tuple[Release, ...]
    gpu_resources: tuple[str, ...]
    """What the stack's shapes call their GPUs."""
    notes: tuple[str, ...]
    """What is allowed and still worth saying."""
    own: Mapping[str, Own] = field(default_factory=dict)
    """By the name of each cluster that differs."""

    def at(self, cluster: str) -> "Resolved":
        """As a cluster has it: its own settings, and its own workloads in the place of the stack's."""
        if cluster not in self.own:
            return self
        here = [each.workload for each in self.placements if each.cluster == cluster and each.own]
        own = {(each.name, each.shape.name): each for each in here}
        workloads = tuple(own.get((each.name, each.shape.name), each) for each in self.workloads)
        return replace(self, stack=self.own[cluster].stack, releases=self.own[cluster].releases, workloads=workloads)

    def stack_at(self, cluster: str) -> Stack:
        """As a cluster has it: with its own settings."""
        return self.own[cluster].stack if cluster in self.own else self.stack

    @property
    def every_workload(self) -> tuple[Workload, ...]:
        """The stack's, and those that are a cluster's own."""
        return (*self.workloads, *(placement.workload for placement in self.placements if placement.own))

    @property
    def every_release(self) -> tuple[Release, ...]:
        """The stack's, and those that are a cluster's own."""
        found = list(self.releases)
        for own in self.own.values():
            found += [release for release in own.releases if release not in found]
        return tuple(found)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The platform's layers that have something in them; the last always has."""
        charts = {release.layer for release in self.releases}
        return tuple(layer for layer in PLATFORM if layer in charts or layer is Layer.CONFIGS)

    @property
    def images(self) -> tuple[Image, ...]:
        """Every image that clusters pull, as far as known, once; those of workloads first."""
        servers = (workload.image for workload in self.every_workload)
        platform = (image for release in self.every_release for image in release.images or ())
        return tuple(dict.fromkeys((*servers, *platform)))
