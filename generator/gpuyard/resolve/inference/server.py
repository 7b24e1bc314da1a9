"""A model server on a shape, with everything decided that its workload is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gpuyard.catalogue.images import Image
from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import Shape
from gpuyard.fit import Fit
from gpuyard.fit.budget import Budget, Origin
from gpuyard.project.blueprint import Blueprint
from gpuyard.project.kinds.inference import Inference
from gpuyard.project.parts import SecretKey
from gpuyard.resolve.inference.options import Options

__all__ = ["Bucket", "Resources", "Server", "Source"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A folder in OCI Object Storage, by its S3 endpoint."""

    uri: str
    endpoint: str
    region: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where weights come from: a Hugging Face repository, a claim and a path in it, or a bucket."""

    kind: Origin
    repository: str | None
    revision: str | None
    claim: str | None
    path: str | None
    bucket: Bucket | None
    credentials: SecretKey | None


@dataclass(frozen=True, slots=True)
class Resources:
    """Of one pod; memory and disk in GiB. Limits are its part of the node, requests what it needs; none for CPU."""

    cpu_request: int
    memory_request: int
    memory_limit: int
    disk_request: int
    disk_limit: int
    shared_memory: int


@dataclass(frozen=True, slots=True)
class Server:
    """A blueprint on a shape, with every default filled."""

    blueprint: Blueprint[Inference]
    shape: Shape
    nodes: tuple[str, ...]
    """OCI shapes that it may run on; it fits on each."""
    version: str
    """Of vLLM."""
    image: Image
    model: Model
    source: Source
    gpus: int
    context: int
    concurrency: int
    min_replicas: int
    max_replicas: int
    fit: Fit
    steps: tuple[Fit, ...]
    """With half and with twice the GPUs."""
    budget: Budget
    resources: Resources
    cache_gib: int
    options: Options
    """Flags and variables that the author gave."""
    args: Mapping[str, Any]
    """Every flag, computed or given."""
    download_seconds: int
    """How long one try of the Job may take that copies the weights into the cache; 0: there is none."""
    copied_adapters: tuple[tuple[str, str], ...]
    """Repository and commit of each that the same Job copies."""

    @property
    def spec(self) -> Inference:
        """What the author wrote."""
        return self.blueprint.spec

    @property
    def surge(self) -> int:
        """Replicas that a rollout may add, as the chart computes it."""
        return 0 if self.spec.storage.cache.kind == "block" else self.spec.rollout.spare_gpus // self.gpus
