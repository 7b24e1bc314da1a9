"""Blueprint: one AI workload; what every kind has, and which kinds there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Generic, Protocol, Self, TypeVar

from gpuyard.project.kinds import inference
from gpuyard.project.parts import Unique
from gpuyard.project.placing import Placing

__all__ = ["DEFAULT", "KINDS", "Blueprint", "Kind", "Spec", "blueprint_from"]


class Spec(Protocol):
    """What every kind's `spec` can say about itself."""

    def unique(self) -> Iterable[Unique]:
        """What no other blueprint may have."""

    def brought(self) -> Iterable[tuple[tuple[str, ...], str]]:
        """Files of the repository that it needs: the place that names each, and its name."""

    def placed(self, own: Placing) -> Self:
        """As it is in a cluster that has it differently."""


class Kind(Protocol):
    """How a kind of workload is read."""

    SCHEMA: Traversable
    """JSON Schema with `spec` and `$defs`."""

    def parse(self, spec: Mapping[str, Any], name: str) -> Spec:
        """From a value that the schema has accepted and filled, and the blueprint's name."""


KINDS: Mapping[str, Kind] = {"inference": inference}
"""By `spec.type`."""
DEFAULT = "inference"
"""The kind of a blueprint without `spec.type`."""

SpecT = TypeVar("SpecT", covariant=True)


@dataclass(frozen=True, slots=True)
class Blueprint(Generic[SpecT]):
    """One AI workload as its author wrote it."""

    file: str
    name: str
    description: str
    kind: str
    spec: SpecT


def blueprint_from(value: Mapping[str, Any], file: str) -> Blueprint[Spec]:
    """A Blueprint from a value that the schema has accepted and filled."""
    metadata, spec = value["metadata"], value["spec"]
    kind = spec["type"]
    return Blueprint(file, metadata["name"], metadata["description"], kind, KINDS[kind].parse(spec, metadata["name"]))
