"""What world.yaml says: regions, shapes, images, add-ons, limits."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def world() -> Any:
    """The file as it is."""
    return yaml.safe_load((Path(__file__).parent / "world.yaml").read_text(encoding="utf-8"))


def domains(region: str) -> list[str]:
    """The availability domains of a region, as callers name them."""
    prefix = world()["domainPrefix"]
    return [f"{prefix}:{name}" for name in world()["regions"][region]["domains"]]


def key_of(region: str) -> str:
    """The short name of a region, in small letters."""
    return str(world()["regions"][region]["key"]).lower()
