"""Chart.yaml and Chart.lock of our charts, without asking a network: every version is exact."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self

from gpuyard.catalogue.shippedchart import oldest_kubernetes
from gpuyard.doors import yamlio

__all__ = ["Chart", "Dependency", "chart_lock", "chart_yaml"]


@dataclass(frozen=True, slots=True)
class Chart:
    """Name and version of a chart that we vendor."""

    name: str
    version: str

    @classmethod
    def of(cls, files: Mapping[PurePosixPath, str]) -> Self:
        """Read from its Chart.yaml."""
        metadata = yamlio.load_data(files[PurePosixPath("Chart.yaml")])
        return cls(metadata["name"], metadata["version"])


@dataclass(frozen=True, slots=True)
class Dependency:
    """A chart that another one contains; the repository of a vendored one is empty."""

    name: str
    version: str
    repository: str
    condition: str
    alias: str = ""


def chart_yaml(name: str, version: str, description: str, dependencies: Sequence[Dependency]) -> dict[str, object]:
    """Chart.yaml as an object."""
    return {
        "apiVersion": "v2",
        "name": name,
        "version": version,
        "description": description,
        "type": "application",
        "kubeVersion": f">={oldest_kubernetes()}.0-0",
        "dependencies": [_required(dependency) for dependency in dependencies],
    }


def chart_lock(dependencies: Sequence[Dependency]) -> dict[str, object]:
    """Chart.lock as `helm dependency update` would write it, but for the time, which is fixed."""
    locked = [{"name": d.name, "repository": d.repository, "version": d.version} for d in dependencies]
    return {
        "dependencies": locked,
        "digest": _digest([_required(dependency) for dependency in dependencies], locked),
        "generated": "1970-01-01T00:00:00Z",
    }


def _required(dependency: Dependency) -> dict[str, str]:
    """A dependency in the order of Helm's own struct; its empty fields are left out, but for the repository."""
    fields = {
        "name": dependency.name,
        "version": dependency.version,
        "repository": dependency.repository,
        "condition": dependency.condition,
        "alias": dependency.alias,
    }
    return {key: value for key, value in fields.items() if value or key == "repository"}


def _digest(required: list[dict[str, str]], locked: list[dict[str, str]]) -> str:
    """Helm's HashReq: sha256 of [required, locked] as Go writes JSON, which escapes <, > and &."""
    ordered = [{key: entry[key] for key in ("name", "version", "repository")} for entry in locked]
    text = json.dumps([required, ordered], separators=(",", ":"), ensure_ascii=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
