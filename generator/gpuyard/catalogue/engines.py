"""The engines that a bootstrap installs where a cluster has none: manifests built from their own Go modules."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import read

__all__ = ["Manifests", "manifests"]

_FOLDER = resources.files("gpuyard") / "catalogue"


@dataclass(frozen=True, slots=True)
class Manifests:
    """What installs an engine."""

    version: str
    """Empty: nobody knows."""
    lacks: tuple[str, ...]
    """Parts that a stack can ask for, and that are not in it."""
    objects: tuple[Mapping[str, Any], ...]


@cache
def manifests(engine: str) -> Manifests:
    """Ours, at the version that we have tried."""
    row = read(_FOLDER / "engines.yaml", "engines")[engine]
    objects = json.loads(gzip.decompress((_FOLDER / "engines" / f"{engine}.json.gz").read_bytes()))
    return Manifests(row["version"], tuple(row["lacks"]), tuple(objects))
