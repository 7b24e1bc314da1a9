"""What holds for every workload of a stack."""

from collections.abc import Mapping
from dataclasses import dataclass

from gpuyard.catalogue.images import Image
from gpuyard.catalogue.shapes import Node, Shape
from gpuyard.project.stack import Stack

__all__ = ["Available", "Site"]

Available = Mapping[str, tuple[Shape, tuple[Node, ...]]]
"""By shape: the shape, and the OCI shapes of it that the stack's clusters have."""


@dataclass(frozen=True, slots=True)
class Site:
    """A stack, and what follows from it for its workloads."""

    stack: Stack
    available: Available
    image: Image
    """Of the model servers."""
