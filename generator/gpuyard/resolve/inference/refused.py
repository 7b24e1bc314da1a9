"""Values that follow from a blueprint and its stack, and that the chart doesn't take: `compile` would find out last."""

from collections.abc import Iterator, Mapping
from typing import Any

from gpuyard.catalogue.shippedchart import chart_values
from gpuyard.doors.yamlio import Path, show_path
from gpuyard.resolve.inference.elsewhere import key_of
from gpuyard.resolve.inference.values import CHART

__all__ = ["find"]


def find(values: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The key of the blueprint that each comes from, as far as it is one, and what is wrong."""
    for breach in chart_values(CHART).breaches(values):
        yield key_of(breach.path), f"gives the chart's {show_path(breach.path)}, which {breach.message}"
