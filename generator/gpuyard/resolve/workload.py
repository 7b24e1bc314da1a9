"""What resolve decides: a blueprint on a shape, and where it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.catalogue.images import Image
from gpuyard.catalogue.models import Model
from gpuyard.catalogue.platform import Release
from gpuyard.catalogue.shapes import Shape
from gpuyard.fit import Fit
from gpuyard.fit.budget import Budget, Kind
from gpuyard.project.blueprint import Blueprint, SecretKey
from gpuyard.project.stack import Stack

__all__ = ["Bucket", "Placement", "Refusal", "Resolved", "Resources", "Source", "Workload"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A folder in OCI Object Storage, by its S3 endpoint."""

    uri: str
    endpoint: str
    region: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where weights come from: a Hugging Face repository, a claim and a path in it, or a bucket."""

    kind: Kind
    repository: str | None
    revision: str | None
    claim: str | None
    path: str | None
    bucket: Bucket | None
    credentials: SecretKey | None


@dataclass(frozen=True, slots=True)
class Resources:
    """Of one pod; memory and disk in GiB. Limits are its part of the node, requests what it needs."""

    cpu_request: int
    cpu_limit: int
    memory_request: int
    memory_limit: int
    disk_request: int
    disk_limit: int
    shared_memory: int


@dataclass(frozen=True, slots=True)
class Workload:
    """A blueprint on a shape, with every default filled."""

    blueprint: Blueprint
    shape: Shape
    nodes: tuple[str, ...]
    """OCI shapes that it may run on; it fits on each."""
    model: Model
    source: Source
    gpus: int
    context: int
    concurrency: int
    min_replicas: int
    max_replicas: int
    fit: Fit
    budget: Budget
    resources: Resources
    cache_gib: int
    args: Mapping[str, Any]
    download_seconds: int
    """How long one try of the Job may take that copies the weights into the cache; 0: there is none."""
    copied_adapters: tuple[tuple[str, str], ...]
    """Repository and commit of each that the same Job copies."""

    @property
    def sync_timeout(self) -> int:
        """How long an engine waits for a rollout."""
        return self.budget.sync_timeout + self.download_seconds

    @property
    def surge(self) -> int:
        """Replicas that a rollout may add, as the chart computes it."""
        return 0 if self.blueprint.cache.kind == "block" else self.blueprint.spare_gpus // self.gpus

    @property
    def name(self) -> str:
        """The blueprint's name, from which every object's name derives."""
        return self.blueprint.name


@dataclass(frozen=True, slots=True)
class Refusal:
    """A blueprint that can't run on a shape, and why, with the numbers."""

    blueprint: str
    shape: str
    reason: str


@dataclass(frozen=True, slots=True)
class Placement:
    """A workload on a cluster."""

    cluster: str
    workload: Workload


@dataclass(frozen=True, slots=True)
class Resolved:
    """Everything that render needs; workloads in the order of blueprint and shape."""

    stack: Stack
    image: Image
    """Of the model servers, their init containers and download Jobs."""
    workloads: tuple[Workload, ...]
    refusals: tuple[Refusal, ...]
    placements: tuple[Placement, ...]
    releases: tuple[Release, ...]
    gpu_resources: tuple[str, ...]
    """What the stack's shapes call their GPUs."""
    notes: tuple[str, ...]
    """What is allowed and still worth saying."""

    @property
    def images(self) -> tuple[Image, ...]:
        """Every image that clusters pull, as far as known; ours first."""
        return (self.image, *(image for release in self.releases for image in release.images or ()))
