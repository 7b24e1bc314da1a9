"""What a cluster on Oracle Cloud needs, read from oci.yaml: rules of its network, add-ons, fixes of one, prices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from gpuyard.catalogue.datafiles import Breach, read

__all__ = ["Addon", "Fix", "Oracle", "Passage", "Prices", "Release", "oracle", "rules"]

_FILE = "oci.yaml"
_OTHERS = ("services", "vcn", "internet", "clients")
_WAYS = {"both": ("egress", "ingress")}


@dataclass(frozen=True, slots=True)
class Passage:
    """A rule of a network security group."""

    group: str
    way: str
    protocol: str
    ports: str
    peer: str
    """Another group, or one of services, vcn, internet and clients."""
    why: str

    @property
    def name(self) -> str:
        """By which it is known in its group."""
        return f"{self.way} {self.protocol} {self.ports} {self.peer}"


@dataclass(frozen=True, slots=True)
class Addon:
    """An add-on of OKE, and those that come before it."""

    name: str
    needs: tuple[str, ...]


Release = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Fix:
    """Of the cluster autoscaler, by its number there, and the first release of each minor version that has it."""

    issue: int
    since: tuple[Release, ...]

    def in_release(self, release: Release) -> bool:
        """Minor versions that are newer than all of them have it from the start."""
        same = [each for each in self.since if each[:2] == release[:2]]
        return release >= same[0] if same else release > self.since[-1]

    def first_after(self, release: Release) -> Release:
        """Where a release without it finds it: in its own minor version, or else in the next one that has it."""
        return next(each for each in self.since if each > release)


@dataclass(frozen=True, slots=True)
class Prices:
    """List prices in USD by the hour."""

    date: str
    cluster: float
    system: Mapping[str, tuple[float, float]]
    """An OCPU and a GB of memory of nodes without GPUs, by OCI shape."""
    boot_volume_gb_month: float
    file_gb_month: float


@dataclass(frozen=True, slots=True)
class Oracle:
    """All of the file."""

    groups: tuple[str, ...]
    passages: tuple[Passage, ...]
    addons: tuple[Addon, ...]
    fixes: Mapping[int, Fix]
    """Of the cluster autoscaler, by their numbers."""
    prices: Prices


@cache
def oracle() -> Oracle:
    """What the catalogue has."""
    data = read(resources.files("gpuyard") / "catalogue" / _FILE, "oci", rules)
    prices = data["prices"]
    return Oracle(
        tuple(data["groups"]),
        tuple(each for row in data["rules"]["list"] for each in _passages(row)),
        tuple(Addon(row["name"], tuple(row["needs"])) for row in data["addons"]["list"]),
        {row["issue"]: Fix(row["issue"], tuple(map(_release, row["since"]))) for row in data["autoscaler"]["fixes"]},
        Prices(
            date=prices["date"],
            cluster=prices["cluster"],
            system={shape: (row["ocpu"], row["memoryGb"]) for shape, row in prices["system"].items()},
            boot_volume_gb_month=prices["bootVolumeGbMonth"],
            file_gb_month=prices["fileGbMonth"],
        ),
    )


def _release(text: str) -> Release:
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


def _passages(row: Mapping[str, Any]) -> Iterator[Passage]:
    ports = str(row.get("ports", "all"))
    for way in _WAYS.get(row["way"], (row["way"],)):
        yield Passage(row["of"], way, row["protocol"], ports, row["peer"], row["why"])


def rules(data: Mapping[str, Any]) -> Iterator[Breach]:
    """What a schema can't say."""
    for index, row in enumerate(data["rules"]["list"]):
        if row["of"] not in data["groups"]:
            yield ("rules", "list", index, "of"), "must be one of the groups"
        if row["peer"] not in (*data["groups"], *_OTHERS):
            yield ("rules", "list", index, "peer"), f"must be one of the groups, or {', '.join(_OTHERS)}"
        if ("ports" in row) != (row["protocol"] in ("tcp", "udp")):
            yield ("rules", "list", index), "has ports exactly where its protocol is tcp or udp"
