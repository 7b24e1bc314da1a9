"""What holds for every workload of a stack."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpuyard.catalogue.images import Image, image
from gpuyard.catalogue.models import Model
from gpuyard.catalogue.shapes import Node, Shape, catalogue
from gpuyard.errors import Hint
from gpuyard.project.stack import Stack

__all__ = ["Available", "Site"]

Available = Mapping[str, tuple[Shape, tuple[Node, ...]]]
"""By shape: the shape, and the OCI shapes of it that the stack's clusters have."""


@dataclass(frozen=True, slots=True)
class Site:
    """A stack, and what follows from it for its workloads."""

    stack: Stack
    available: Available
    digests: Mapping[str, str]
    """Of images, by name and tag, as the stack's lock has them."""
    blueprints: frozenset[str]
    """Names of all."""
    models: Mapping[str, Model]
    """All that blueprints can name."""
    broken_models: frozenset[str]
    """Files of models that have problems of their own."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts that blueprints bring into their pods, by the names of their files."""
    zones: tuple[str, ...] = ()
    """Of a cluster, that a workload must run in; empty: any."""

    def absent(self, shape: str) -> tuple[str, Hint]:
        """Why a shape isn't there: nobody knows it, or no cluster has it."""
        if shape not in catalogue():
            return f"{shape} is not a shape", Hint(shape, catalogue())
        return f"no cluster of the stack has {shape}", Hint(shape, self.available)

    def image(self, repository: str, tag: str) -> Image:
        """An image as the stack's clusters pull it."""
        return image(repository, tag, mirrors=self.stack.images.mirrors, locked=self.digests)
