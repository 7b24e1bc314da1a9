"""The platform beside the models: charts that others publish, as data in catalogue/platform/."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from gpuyard.catalogue.chartimages import ChartImages
from gpuyard.catalogue.datafiles import read
from gpuyard.catalogue.health import Health
from gpuyard.catalogue.images import Image
from gpuyard.errors import InputError, Location, Problem

__all__ = [
    "PLATFORM",
    "Access",
    "Layer",
    "Monitor",
    "Option",
    "Release",
    "Service",
    "Shown",
    "Switch",
    "Trust",
    "catalogue",
]

_FOLDER: Traversable = resources.files("gpuyard") / "catalogue" / "platform"


class Layer(StrEnum):
    """Steps of an installation; a later one may use only what an earlier one provides."""

    CRDS = "crds"
    CONTROLLERS = "controllers"
    CONFIGS = "configs"
    WORKLOADS = "workloads"


PLATFORM = (Layer.CRDS, Layer.CONTROLLERS, Layer.CONFIGS)
"""The layers of the folder platform/; workloads have folders of their own."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A component as a key of the stack."""

    default: bool
    description: str
    without: str | None
    """What every cluster must have in its place where it is off."""
    notice: str | None = None
    """What every stack is told that installs it."""
    unused: str | None = None
    """What a stack is told that installs it though nothing of its models is of a kind that it brings."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where Prometheus answers; in the namespace of the release."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Monitor:
    """Which pods of the release Prometheus scrapes."""

    name: str
    selector: Mapping[str, str]
    port: str
    path: str
    honor_labels: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """All series of a release whose names begin so, unless it has one of these values from its stack."""

    prefix: str
    unless: tuple[str, ...]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trust:
    """How the chart's pods are told of more certificate authorities: a folder, and the values that mount it."""

    folder: str
    volumes: str
    mounts: str


@dataclass(frozen=True, slots=True)
class Option:
    """What a key of the component's own sets in the chart: paths by the parts of what it holds, and values with it."""

    at: Mapping[str, str]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """Secrets by which an engine reaches a source, in the namespace of that source; None: it goes without."""

    login: str | None = None
    ca: str | None = None
    proxy: str | None = None
    proxied: bool = False
    """Whether the way leads through a proxy, in a Secret or not."""


@dataclass(frozen=True, slots=True)
class Release:
    """One chart of the platform, in one namespace of a cluster."""

    component: str
    switch: Switch | None
    """None: another release of the component has it, and the version that the stack may name."""
    layer: Layer
    chart: str
    version: str
    repository: str
    insecure: bool
    namespace: str
    pod_security: str | None
    """Level of the namespace; None: another release of the namespace sets it, or it is the strictest."""
    health: tuple[Health, ...]
    """Objects that show that it works, beside its release."""
    provides: Mapping[str, tuple[str, ...]]
    """Kinds that it brings, by apiVersion."""
    service: Service | None
    """Of the one release that measures the models."""
    monitor: Monitor | None
    values: Mapping[str, Any]
    """What the chart gets."""
    computed: Mapping[str, Any]
    """The same before the stack's own values were merged over it."""
    fixed: Mapping[str, str]
    """Values that a stack can't set, by their path with dots, and why."""
    known: ChartImages
    images: tuple[Image, ...] | None
    """As clusters pull them; None: of this version of the chart they aren't known."""
    pull_secrets_at: str | None
    """Path of the value that takes the Secrets for all of its images, with dots."""
    pull_secrets: tuple[str, ...] = ()
    """Those Secrets, in the namespace of the release."""
    trust: Trust | None = None
    """Of those that call something outside of the cluster."""
    trusts: bool = False
    """The site's own authorities, which are then in the namespace of the release."""
    access: Access = Access()
    """To the repository of its chart."""
    outside_kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kinds in no namespace that it makes, by group; definitions are not among them."""
    shows: Shown | None = None
    """Series of its own, where they are known."""
    oldest: tuple[str, str] | None = None
    """The oldest version that a stack may name, and what older ones lack; None: any."""
    stored_kib: int = 0
    """What Helm's Secret of the release takes with our values, in KiB; 0: little."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Keys that only this component has."""
    gpu_nodes: str | None = None
    """Path of the value that takes the affinity of its pods, where they run only on nodes with NVIDIA GPUs."""
    outside_namespaces: tuple[str, ...] = ()
    """Other namespaces that it has objects in."""
    outside_names: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Names of what it makes in no namespace, by group and kind, with our values."""


@cache
def catalogue() -> tuple[Release, ...]:
    """Every chart that we know, in the order of layers and names, as its project publishes it."""
    files = {str(file): file for file in _FOLDER.iterdir() if file.name.endswith(".yaml")}
    found = {name: _release(read(file, "platform")) for name, file in files.items()}
    if problems := list(_switched_wrongly(found)):
        raise InputError(problems)
    return tuple(sorted(found.values(), key=lambda release: (list(Layer).index(release.layer), release.chart)))


def _switched_wrongly(found: Mapping[str, Release]) -> Iterable[Problem]:
    """A component has one switch, or the stack's schema would have no key for it, or two."""
    switched = [release.component for release in found.values() if release.switch]
    for file, release in found.items():
        count = switched.count(release.component)
        if count == 0 or (count > 1 and release.switch):
            message = f"component {release.component} has {count} files with default and description; keep one"
            yield Problem(Location(file), message)


def _switch(data: Mapping[str, Any]) -> Switch:
    return Switch(data["default"], data["description"], data.get("without"), data.get("notice"), data.get("unused"))


def _release(data: Mapping[str, Any]) -> Release:
    outside = data.get("outside", {"kinds": {}, "namespaces": ()})
    return Release(
        component=data["component"],
        switch=_switch(data) if "default" in data else None,
        layer=Layer(data["layer"]),
        chart=data["chart"],
        version=data["version"],
        repository=data["repository"],
        insecure=False,
        namespace=data["namespace"],
        pod_security=data.get("podSecurity"),
        health=tuple(map(Health.of, data.get("health", ()))),
        provides={version: tuple(kinds) for version, kinds in data.get("provides", {}).items()},
        service=Service(**data["service"]) if "service" in data else None,
        monitor=_monitor(data["monitor"]) if "monitor" in data else None,
        values=data["values"],
        computed=data["values"],
        fixed=data.get("fixed", {}),
        known=ChartImages.of(data["images"]),
        images=None,
        pull_secrets_at=data.get("pullSecrets"),
        trust=Trust(**data["trust"]) if "trust" in data else None,
        outside_kinds={group: tuple(kinds) for group, kinds in outside["kinds"].items()},
        outside_namespaces=tuple(outside["namespaces"]),
        outside_names={
            group: {kind: tuple(names) for kind, names in kinds.items()}
            for group, kinds in outside.get("names", {}).items()
        },
        options={name: Option(each["at"], each.get("values", {})) for name, each in data.get("options", {}).items()},
        gpu_nodes=data.get("gpuNodes"),
        shows=_shown(data["shows"]) if "shows" in data else None,
        stored_kib=data.get("storedKiB", 0),
        oldest=(data["oldest"]["version"], data["oldest"]["because"]) if "oldest" in data else None,
    )


def _shown(data: Mapping[str, Any]) -> Shown:
    return Shown(data["prefix"], tuple(data["unless"]), frozenset(data["names"]))


def _monitor(data: Mapping[str, Any]) -> Monitor:
    return Monitor(data["name"], data["selector"], data["port"], data["path"], data["honorLabels"])
