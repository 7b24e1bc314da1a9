"""Stack: one GitOps repository as its owner wrote it, defaults of the schema filled in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Self

from gpuyard.doors.schema import structured
from gpuyard.project.credentials import CertificateAuthority, PrometheusAuth, Proxy
from gpuyard.project.enginekeys import ArgoCD, Artifact, Flux
from gpuyard.project.monitoringkeys import Alertmanager, Disk, Grafana
from gpuyard.project.oraclecloud import Infrastructure, Landing
from gpuyard.project.placing import Placing, split

__all__ = [
    "SITE",
    "Alerts",
    "Cluster",
    "Component",
    "Egress",
    "Engine",
    "Gateway",
    "Images",
    "Ingress",
    "Moved",
    "Names",
    "Network",
    "Platform",
    "Policy",
    "Repository",
    "Scheduling",
    "Stack",
    "Vllm",
    "stack_from",
]


SITE = ("vllm", "images", "platform", "gateway", "ingress", "network", "scheduling", "storage", "alerts", "policy")
"""Settings of the stack that a cluster may set differently, under the same names."""


class Engine(StrEnum):
    """What syncs the clusters, from a namespace of its own."""

    product: str
    namespace: str

    FLUX = "flux", "Flux", "flux-system"
    ARGOCD = "argocd", "Argo CD", "argocd"

    def __new__(cls, value: str, product: str = "", namespace: str = "") -> Self:
        """A member is its first text, as the stack has it; mypy takes Engine("flux") for this call, too."""
        member = str.__new__(cls, value)
        member._value_, member.product, member.namespace = value, product, namespace
        return member


class Names(StrEnum):
    """What the names of a stack's objects in an engine's namespace begin with."""

    STACK = "stack"
    """The stack's own, so that several share a cluster."""
    PLAIN = "plain"
    """Nothing, as before version 0.3: with another name all that such an object holds would be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """The Git repository as the clusters reach it."""

    url: str
    branch: str
    path: str = ""
    """Folder of the stack in it; empty: its top."""
    secret: str | None = None
    source: str | None = None
    """What the engine reads it by already; None: something of the stack's own."""
    oci: Artifact | None = None
    """None: clusters read Git."""
    insecure: bool
    charts: bool
    """Whether it holds Helm charts, too."""


@dataclass(frozen=True, slots=True)
class Vllm:
    """The model server."""

    version: str
    image: str
    """Without a tag."""
    tag: str | None = None
    """None: v and the version."""


@dataclass(frozen=True, slots=True)
class Images:
    """Where images are pulled from."""

    mirrors: Mapping[str, str]
    pull_secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster: the OCI shapes of its nodes by shape, and which blueprint runs on which shape.

    What it sets differently of the stack's settings is in a Stack of its own (gpuyard.project.siteoverrides).
    """

    name: str
    region: str | None = None
    kubernetes: str
    oci: Landing
    shapes: Mapping[str, tuple[str, ...]]
    blueprints: Mapping[str, str] | None = None
    placed: Mapping[str, Placing] = field(default_factory=dict)
    """Those of them that say more than their shape."""


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the platform, ours or the cluster's own; what is None follows from the part."""

    enabled: bool
    version: str | None = None
    address: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """By which it selects what is meant for it."""
    auth: PrometheusAuth | None = None
    insecure: bool = False
    """Its certificate is not checked, or what is shown to it can be read on the way."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Of its chart, merged over ours."""
    retention: str | None = None
    storage: Disk | None = None
    alertmanager: Alertmanager | None = None
    grafana: Grafana | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What is installed beside the models, and where its charts come from."""

    registry: str | None = None
    registry_secret: str | None = None
    insecure: bool
    components: Mapping[str, Component]


@dataclass(frozen=True, slots=True)
class Gateway:
    """The Gateway that exposes models; listener None: all of its."""

    name: str
    namespace: str
    listener: str | None = None
    proxy_namespace: str | None = None

    @property
    def proxies(self) -> str:
        """Namespace of the proxies' pods."""
        return self.proxy_namespace or self.namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingress:
    """The Ingress controller that exposes models; tls_secret None: each names its own."""

    class_name: str
    namespace: str
    tls_secret: str | None = None
    plain_http: bool
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Egress:
    """Addresses that may be reached on one port."""

    cidr: str
    port: int


@dataclass(frozen=True, slots=True)
class Network:
    """Where pods may connect to, beside public addresses, and who connects to them and is no pod."""

    egress: tuple[Egress, ...]
    dns: tuple[str, ...]
    clients: tuple[str, ...]
    proxy: Proxy | None = None
    ca: CertificateAuthority | None = None


@dataclass(frozen=True, slots=True)
class Scheduling:
    """What the clusters ask of every model's pods."""

    priority_class: str | None = None
    runtime_class: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """What the alerts about all models say and spare."""

    labels: Mapping[str, str]
    disabled: tuple[str, ...]
    thresholds: Mapping[str, float]
    runbook_url: str | None = None
    """Where the stack's own runbooks are; None: ours."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What the clusters have the stack as, where it has another name or namespace by now."""

    name: str | None = None
    namespace: str | None = None
    engine: Engine | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits that a blueprint can't pass."""

    max_gpus: int
    max_replicas: int
    registries: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One GitOps repository: its file and name, and what stands under `spec`."""

    file: str
    name: str
    engine: Engine
    version: str
    namespace: str
    names: Names
    repository: Repository
    argocd: ArgoCD
    flux: Flux
    vllm: Vllm
    images: Images
    clusters: tuple[Cluster, ...]
    platform: Platform
    gateway: Gateway | None = None
    ingress: Ingress | None = None
    network: Network
    scheduling: Scheduling
    storage: Mapping[str, str]
    """Storage classes by what they are for."""
    alerts: Alerts
    policy: Policy
    oci: Infrastructure | None = None
    moved: Moved | None = None
    own_files: tuple[str, ...] = ()
    """Of the user, in folders that are generated; a path from the repository's top begins with a slash."""

    @property
    def folder(self) -> PurePosixPath:
        """Of its repository, where it lives."""
        return PurePosixPath(self.repository.path)

    def named(self, *parts: str) -> str:
        """What an object of the stack is called where other stacks have theirs, too."""
        return "-".join(part for part in (self.name if self.names is Names.STACK else "", *parts) if part)


def stack_from(value: Mapping[str, Any], file: str) -> Stack:
    """A Stack from a value that the schema has accepted and filled."""
    spec = value["spec"]
    # The components' names are keys beside the platform's own: which there are is the catalogue's affair.
    own = {key: part for key, part in spec["platform"].items() if not isinstance(part, Mapping)}
    components = {key: part for key, part in spec["platform"].items() if key not in own}
    clusters = [_cluster(each) for each in spec["clusters"]]
    whole = {**spec, "platform": {**own, "components": components}, "clusters": clusters}
    return structured({"file": file, "name": value["metadata"]["name"], **whole}, Stack)


def _cluster(value: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: part for key, part in value.items() if key not in SITE}
    return {**own, **split(own.get("blueprints"))}
