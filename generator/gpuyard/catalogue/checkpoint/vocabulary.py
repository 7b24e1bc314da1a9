"""What checkpoint/configs.yaml says of config.json files."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read

__all__ = ["family", "names"]


@cache
def names() -> Mapping[str, Any]:
    """The whole table."""
    return read(resources.files("gpuyard") / "catalogue" / "checkpoint" / "configs.yaml", "configs")


def family(model_type: str) -> Mapping[str, Any] | None:
    """What is known of a model_type; None: its parameters can't be counted."""
    found: Mapping[str, Any] | None = names()["families"].get(model_type)
    return found
