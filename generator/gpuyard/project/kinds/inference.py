"""The kind `inference`: a model behind the OpenAI API, as its author wrote it, defaults of the schema filled in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

from gpuyard.doors.schema import structured
from gpuyard.project import objects
from gpuyard.project.parts import PodFile, RopeScaling, SecretKey, Unique, Vllm
from gpuyard.project.placing import Placing

__all__ = [
    "SCHEMA",
    "Adapter",
    "Budget",
    "Cache",
    "Expose",
    "Inference",
    "ModelRef",
    "Scaling",
    "Served",
    "Serving",
    "ShapeOverride",
    "Slo",
    "Storage",
    "Upstream",
    "Variable",
    "parse",
]

SCHEMA = resources.files("gpuyard") / "project" / "kinds" / "inference.schema.json"
"""Of `spec`; every default stands there and nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Which model: a catalogue name or inline facts; `source` overrides where the weights are."""

    name: str | None = None
    architecture: Mapping[str, Any] | None = None
    source: str | None = None
    region: str | None = None
    """Of a bucket."""
    credentials: SecretKey | None = None
    """To read the source."""
    rope_scaling: RopeScaling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Served(ModelRef):
    """The model of the whole blueprint."""

    served_name: str = ""
    """The name by which clients ask for it."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter, loaded at the server's start."""

    name: str
    source: str
    rank: int


@dataclass(frozen=True, slots=True)
class Variable:
    """What a variable of the environment holds: a text, or a key of a Secret or of a ConfigMap."""

    text: str | None = None
    secret: str | None = None
    config_map: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How vLLM serves; lengths in tokens."""

    context_length: int | None = None
    concurrency: int
    gpu_memory_utilization: float | None = None
    args: Mapping[str, Any]
    env: Mapping[str, Variable]
    files: Mapping[str, PodFile]
    """By their path in the pod."""
    adapters: tuple[Adapter, ...]
    draft: ModelRef | None = None
    """What a flag lets propose tokens: how large it is."""
    unsafe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of the replicas on one shape; None: as everywhere."""

    min: int | None = None
    max: int | None = None


@dataclass(frozen=True, slots=True)
class ShapeOverride:
    """What the author wants different on one shape; None: as everywhere."""

    nodes: tuple[str, ...] = ()
    model: ModelRef | None = None
    tensor_parallel: int | None = None
    context_length: int | None = None
    concurrency: int | None = None
    gpu_memory_utilization: float | None = None
    scaling: Bounds = Bounds()
    args: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, Variable] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of the chart, merged over those of the blueprint."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Waiting requests that a replica may have."""

    target: int


@dataclass(frozen=True, slots=True)
class Kv:
    """Share of the KV cache that a replica should use."""

    target: float


@dataclass(frozen=True, slots=True)
class Upstream:
    """A query that has a value while no pod runs, and what it is for each replica."""

    query: str
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Bounds of the replicas, and what decides between them."""

    min: int
    max: int
    signal: str
    queue: Queue | None = None
    kv: Kv | None = None
    upstream: Upstream | None = None


@dataclass(frozen=True, slots=True)
class Cache:
    """Where weights are kept."""

    kind: str | None = None
    """None: a claim that the author names."""
    size: str | None = None
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class Storage:
    """Storage of the server."""

    cache: Cache
    download: bool | None = None
    """One Job copies the weights for all pods; None: where source and cache allow it."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a change reaches the replicas."""

    spare_gpus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Seconds; None: computed."""

    start_seconds: int | None = None
    schedule_seconds: int | None = None
    shutdown_seconds: int


@dataclass(frozen=True, slots=True)
class Expose:
    """How clients reach the model."""

    host: str | None = None
    """None: inside the cluster only."""
    api_key: SecretKey | None = None
    tls_secret: str | None = None
    """With the certificate of the host; None: the stack's."""


@dataclass(frozen=True, slots=True)
class Slo:
    """What users are promised."""

    ttft: str | None = None

    @property
    def ttft_seconds(self) -> float | None:
        """Time to the first token."""
        if self.ttft is None:
            return None
        return float(self.ttft[:-2]) / 1000 if self.ttft.endswith("ms") else float(self.ttft[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """`spec` of a blueprint."""

    type: str
    model: Served
    serving: Serving
    vllm: Vllm = field(default_factory=Vllm)
    shapes: Mapping[str, ShapeOverride] | None = None
    scaling: Scaling
    storage: Storage
    rollout: Rollout
    budget: Budget
    priority_class: str | None = None
    expose: Expose = Expose()
    client_namespaces: tuple[str, ...]
    """Whose pods may call the Service."""
    slo: Slo = Slo()
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of the chart, merged over what is computed."""

    def unique(self) -> Iterator[Unique]:
        """Metrics are told apart by the served name, requests from outside by the host."""
        name = self.model.served_name
        yield Unique(
            "served name",
            name,
            ("spec", "model", "servedName"),
            f"clients and metrics know the model of {{other}} by {name} already; give it another servedName",
        )
        if host := self.expose.host:
            message = f"{host} leads to {{other}} already; give it another host"
            yield Unique("host", host, ("spec", "expose", "host"), message)
        for path, values in self._values():
            for index, each in objects.own(values):
                message = f"{{other}} has {each} already; give it another name"
                yield Unique("object", each, (*path, "extraObjects", index), message)

    def brought(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Those that go into the pods as they are."""
        for path, each in self.serving.files.items():
            if each.file:
                yield ("spec", "serving", "files", path, "file"), each.file

    def placed(self, own: Placing) -> "Inference":
        """As it is in a cluster, which has it on one shape."""
        whole, shapes = self.scaling, self.shapes
        low = whole.min if own.min is None else own.min
        high = own.max or whole.max
        if shapes and own.shape in shapes:
            here = shapes[own.shape]
            bounds = Bounds(here.scaling.min if own.min is None else own.min, own.max or here.scaling.max)
            here = replace(here, scaling=bounds, nodes=() if own.nodes else here.nodes)
            shapes = {**shapes, own.shape: here}
        host = self.expose.host if own.host is None else own.host or None
        return replace(
            self,
            vllm=self.vllm.under(own.vllm),
            shapes=shapes,
            scaling=replace(whole, min=low, max=high),
            expose=replace(self.expose, host=host, tls_secret=self.expose.tls_secret if host else None),
        )

    def _values(self) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
        """The author's own values, and where they are."""
        yield ("spec", "values"), self.values
        for name, shape in (self.shapes or {}).items():
            yield ("spec", "shapes", name, "values"), shape.values


def parse(spec: Mapping[str, Any], name: str) -> Inference:
    """From a value that the schema has accepted and filled; `name` is the blueprint's."""
    shapes = {name: _with_variables(shape) for name, shape in (spec.get("shapes") or {}).items()}
    whole = {**spec, "serving": _with_variables(spec["serving"]), **({"shapes": shapes} if shapes else {})}
    found = structured(whole, Inference)
    return replace(found, model=replace(found.model, served_name=found.model.served_name or name))


def _with_variables(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """A plain text is the short form of a variable."""
    env = part.get("env", {})
    return {**part, "env": {name: {"text": each} if isinstance(each, str) else each for name, each in env.items()}}
