"""Calico beside OKE's CNI, read from calico.yaml: its version, where its manifest is, and what changes in that."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from gpuyard.catalogue.datafiles import read

__all__ = ["Calico", "calico"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calico:
    """All of the file."""

    version: str
    manifest: str
    """Where the project publishes that version's."""
    images: tuple[str, ...]
    """With their tags."""
    objects: frozenset[tuple[str, str]]
    """Kind and name of those that are left out."""
    without: frozenset[str]
    """Variables that are left out."""
    volumes: frozenset[str]
    """That are left out."""
    variables: Mapping[str, str]


@cache
def calico() -> Calico:
    """What the catalogue has."""
    data = read(resources.files("gpuyard") / "catalogue" / "calico.yaml", "calico")
    version, removed = data["version"], data["removed"]
    return Calico(
        version=version,
        manifest=data["manifest"].format(version=version),
        images=tuple(f"{each}:v{version}" for each in data["images"]),
        objects=frozenset((each["kind"], each["name"]) for each in removed["objects"]),
        without=frozenset(removed["variables"]),
        volumes=frozenset(removed["volumes"]),
        variables=data["variables"],
    )
