"""Stack: one GitOps repository as its owner wrote it, defaults of the schema filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gpuyard.catalogue.platform import catalogue

__all__ = [
    "Cluster",
    "Component",
    "Egress",
    "Engine",
    "Gateway",
    "Ingress",
    "Network",
    "Platform",
    "Policy",
    "Repository",
    "Scheduling",
    "Stack",
    "stack_from",
]

from enum import StrEnum


class Engine(StrEnum):
    """What syncs the clusters, from a namespace of its own."""

    product: str
    namespace: str

    FLUX = "flux", "Flux", "flux-system"

    def __new__(cls, value: str, product: str = "", namespace: str = "") -> Self:
        """A member is its first text, as the stack has it; mypy takes Engine("flux") for this call, too."""
        member = str.__new__(cls, value)
        member._value_, member.product, member.namespace = value, product, namespace
        return member


@dataclass(frozen=True, slots=True)
class Repository:
    """The Git repository as the clusters reach it."""

    url: str
    branch: str
    secret: str | None
    insecure: bool


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster: the OCI shapes of its nodes by shape, and which blueprint runs on which shape."""

    name: str
    region: str | None
    kubernetes: str
    shapes: Mapping[str, tuple[str, ...]]
    blueprints: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the platform; version None: the one that gpuyard was tested with."""

    enabled: bool
    version: str | None


@dataclass(frozen=True, slots=True)
class Platform:
    """What is installed beside the models, and where its charts come from."""

    registry: str | None
    insecure: bool
    components: Mapping[str, Component]
    prometheus_address: str | None
    """None: that of the Prometheus which is installed."""
    prometheus_namespace: str | None
    """None: it follows from the address."""
    prometheus_labels: Mapping[str, str]
    """By which it selects monitors and rules."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The Gateway that exposes models; listener None: all of its."""

    name: str
    namespace: str
    listener: str | None
    proxy_namespace: str


@dataclass(frozen=True, slots=True)
class Ingress:
    """The Ingress controller that exposes models; tls_secret None: each names its own."""

    class_name: str
    namespace: str
    tls_secret: str | None
    plain_http: bool
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Egress:
    """Addresses that may be reached on one port."""

    cidr: str
    port: int


@dataclass(frozen=True, slots=True)
class Network:
    """Where pods may connect to, beside public addresses."""

    egress: tuple[Egress, ...]
    dns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scheduling:
    """What the clusters ask of every model's pods."""

    priority_class: str | None
    runtime_class: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits that a blueprint can't pass."""

    max_gpus: int
    max_replicas: int
    registries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """One GitOps repository."""

    file: str
    name: str
    engine: Engine
    version: str
    namespace: str
    repository: Repository
    vllm_version: str
    image: str
    mirrors: Mapping[str, str]
    pull_secrets: tuple[str, ...]
    clusters: tuple[Cluster, ...]
    platform: Platform
    gateway: Gateway | None
    ingress: Ingress | None
    network: Network
    scheduling: Scheduling
    storage_classes: Mapping[str, str]
    policy: Policy


def stack_from(value: Mapping[str, Any], file: str) -> Stack:
    """A Stack from a value that the schema has accepted and filled."""
    spec = value["spec"]
    repository, platform, gateway = spec["repository"], spec["platform"], spec.get("gateway")
    return Stack(
        file=file,
        name=value["metadata"]["name"],
        engine=Engine(spec["engine"]),
        version=spec["version"],
        namespace=spec["namespace"],
        repository=Repository(
            repository["url"], repository["branch"], repository.get("secret"), repository["insecure"]
        ),
        vllm_version=spec["vllm"]["version"],
        image=spec["vllm"]["image"],
        mirrors=dict(spec["images"]["mirrors"]),
        pull_secrets=tuple(spec["images"]["pullSecrets"]),
        clusters=tuple(_cluster(cluster) for cluster in spec["clusters"]),
        platform=Platform(
            registry=platform.get("registry"),
            insecure=platform["insecure"],
            components={
                name: Component(platform[name]["enabled"], platform[name].get("version"))
                for name in (release.component for release in catalogue() if release.switch)
            },
            prometheus_address=platform["prometheus"].get("address"),
            prometheus_namespace=platform["prometheus"].get("namespace"),
            prometheus_labels=dict(platform["prometheus"]["labels"]),
        ),
        gateway=None if gateway is None else _gateway(gateway),
        ingress=_ingress(spec.get("ingress")),
        network=Network(
            tuple(Egress(rule["cidr"], rule["port"]) for rule in spec["network"]["egress"]),
            tuple(spec["network"]["dns"]),
        ),
        scheduling=Scheduling(spec["scheduling"].get("priorityClass"), spec["scheduling"].get("runtimeClass")),
        storage_classes=dict(spec["storage"]),
        policy=Policy(spec["policy"]["maxGpus"], spec["policy"]["maxReplicas"], tuple(spec["policy"]["registries"])),
    )


def _gateway(value: Mapping[str, str]) -> Gateway:
    namespace = value["namespace"]
    return Gateway(value["name"], namespace, value.get("listener"), value.get("proxyNamespace", namespace))


def _ingress(value: Mapping[str, Any] | None) -> Ingress | None:
    if value is None:
        return None
    return Ingress(
        class_name=value["className"],
        namespace=value["namespace"],
        tls_secret=value.get("tlsSecret"),
        plain_http=value["plainHttp"],
        annotations=dict(value["annotations"]),
    )


def _cluster(value: Mapping[str, Any]) -> Cluster:
    return Cluster(
        name=value["name"],
        region=value.get("region"),
        kubernetes=value["kubernetes"],
        shapes={name: (nodes,) if isinstance(nodes, str) else tuple(nodes) for name, nodes in value["shapes"].items()},
        blueprints=value.get("blueprints"),
    )
