"""Blueprint: one AI workload as its author wrote it, defaults of the schema filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Adapter",
    "Blueprint",
    "Cache",
    "Expose",
    "ModelRef",
    "Scaling",
    "SecretKey",
    "Serving",
    "ShapeOverride",
    "Upstream",
    "blueprint_from",
]


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key of a Secret in the workload's namespace."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model: a catalogue name or inline facts; `source` overrides where the weights are."""

    name: str | None
    architecture: Mapping[str, Any] | None
    source: str | None
    region: str | None
    """Of a bucket."""
    credentials: SecretKey | None
    """To read the source."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter, loaded at the server's start."""

    name: str
    source: str
    rank: int


@dataclass(frozen=True, slots=True)
class Serving:
    """How vLLM serves; lengths in tokens."""

    context_length: int | None
    concurrency: int
    gpu_memory_utilization: float | None
    args: Mapping[str, Any]
    env: Mapping[str, str]
    adapters: tuple[Adapter, ...]
    unsafe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShapeOverride:
    """What the author wants different on one shape; None: as everywhere."""

    nodes: tuple[str, ...]
    model: ModelRef | None
    tensor_parallel: int | None
    context_length: int | None
    concurrency: int | None
    gpu_memory_utilization: float | None
    min_replicas: int | None
    max_replicas: int | None


@dataclass(frozen=True, slots=True)
class Upstream:
    """A query that has a value while no pod runs, and what it is for each replica."""

    query: str
    target: int


@dataclass(frozen=True, slots=True)
class Scaling:
    """Bounds of the replicas, and what decides between them."""

    min: int
    max: int
    signal: str
    queue: int | None
    """Waiting requests that a replica may have."""
    kv: float | None
    """Share of the KV cache that a replica should use."""
    upstream: Upstream | None


@dataclass(frozen=True, slots=True)
class Cache:
    """Where weights are kept."""

    kind: str
    """`claim`, where the author names one; else as in the file."""
    size: str | None
    claim: str | None


@dataclass(frozen=True, slots=True)
class Expose:
    """How clients outside the cluster reach the model."""

    host: str


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One AI workload."""

    file: str
    name: str
    description: str
    model: ModelRef
    served_name: str
    serving: Serving
    shapes: Mapping[str, ShapeOverride] | None
    scaling: Scaling
    cache: Cache
    download: bool | None
    """One Job copies the weights for all pods; None: where source and cache allow it."""
    spare_gpus: int
    start_seconds: int | None
    schedule_seconds: int | None
    shutdown_seconds: int
    priority_class: str | None
    expose: Expose | None
    """None: inside the cluster only."""
    api_key: SecretKey | None
    tls_secret: str | None
    """With the certificate of `expose`'s host; None: the stack's."""
    client_namespaces: tuple[str, ...]
    """Whose pods may call the Service."""
    ttft_seconds: float | None


def blueprint_from(value: Mapping[str, Any], file: str) -> Blueprint:
    """A Blueprint from a value that the schema has accepted and filled."""
    name, spec = value["metadata"]["name"], value["spec"]
    shapes = spec.get("shapes")
    return Blueprint(
        file=file,
        name=name,
        description=value["metadata"]["description"],
        model=_model(spec["model"]),
        served_name=spec["model"].get("servedName", name),
        serving=_serving(spec["serving"]),
        shapes=None if shapes is None else {key: _shape(shape) for key, shape in shapes.items()},
        scaling=_scaling(spec["scaling"]),
        cache=_cache(spec["storage"]["cache"]),
        download=spec["storage"].get("download"),
        spare_gpus=spec["rollout"]["spareGpus"],
        start_seconds=spec["budget"].get("startSeconds"),
        schedule_seconds=spec["budget"].get("scheduleSeconds"),
        shutdown_seconds=spec["budget"]["shutdownSeconds"],
        priority_class=spec.get("priorityClass"),
        expose=_expose(spec.get("expose", {})),
        api_key=_secret(spec.get("expose", {}).get("apiKey")),
        tls_secret=spec.get("expose", {}).get("tlsSecret"),
        client_namespaces=tuple(spec["clientNamespaces"]),
        ttft_seconds=_seconds(spec.get("slo", {}).get("ttft")),
    )


def _model(value: Mapping[str, Any]) -> ModelRef:
    return ModelRef(
        name=value.get("name"),
        architecture=value.get("architecture"),
        source=value.get("source"),
        region=value.get("region"),
        credentials=_secret(value.get("credentials")),
    )


def _secret(value: Mapping[str, str] | None) -> SecretKey | None:
    return None if value is None else SecretKey(value["secret"], value["key"])


def _serving(value: Mapping[str, Any]) -> Serving:
    return Serving(
        context_length=value.get("contextLength"),
        concurrency=value["concurrency"],
        gpu_memory_utilization=value.get("gpuMemoryUtilization"),
        args=value["args"],
        env=value["env"],
        adapters=tuple(Adapter(each["name"], each["source"], each["rank"]) for each in value["adapters"]),
        unsafe=tuple(value["unsafe"]),
    )


def _shape(value: Mapping[str, Any]) -> ShapeOverride:
    scaling = value.get("scaling", {})
    return ShapeOverride(
        nodes=tuple(value.get("nodes", ())),
        model=_model(value["model"]) if "model" in value else None,
        tensor_parallel=value.get("tensorParallel"),
        context_length=value.get("contextLength"),
        concurrency=value.get("concurrency"),
        gpu_memory_utilization=value.get("gpuMemoryUtilization"),
        min_replicas=scaling.get("min"),
        max_replicas=scaling.get("max"),
    )


def _scaling(value: Mapping[str, Any]) -> Scaling:
    upstream = value.get("upstream")
    return Scaling(
        min=value["min"],
        max=value["max"],
        signal=value["signal"],
        queue=value.get("queue", {}).get("target"),
        kv=value.get("kv", {}).get("target"),
        upstream=None if upstream is None else Upstream(upstream["query"], upstream["target"]),
    )


def _cache(value: Mapping[str, Any]) -> Cache:
    claim = value.get("claim")
    return Cache(value.get("kind", "claim" if claim else "fss"), value.get("size"), claim)


def _expose(value: Mapping[str, Any]) -> Expose | None:
    return Expose(value["host"]) if "host" in value else None


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])
