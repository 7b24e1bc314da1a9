"""Argo CD: the oldest version that has what we count on, and the kinds that its projects have to permit by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from gpuyard.catalogue.datafiles import read

__all__ = ["ArgoFacts", "facts"]


@dataclass(frozen=True, slots=True)
class ArgoFacts:
    """What is counted on."""

    oldest: str
    """Minor version."""
    because: str
    """What came with it, and what happens without it."""
    cluster_kinds: Mapping[str, tuple[str, ...]]
    """Kinds of the API server that are in no namespace, by group."""

    def in_no_namespace(self, group: str, kind: str) -> bool:
        """Of the API server's own kinds as they are known, and of others by their names, as is the custom."""
        return kind in self.cluster_kinds.get(group, ()) or ("." in group and kind.startswith("Cluster"))

    def too_old(self, version: str) -> bool:
        """Whether a minor version lacks something."""
        return _numbers(version) < _numbers(self.oldest)


@cache
def facts() -> ArgoFacts:
    """Those of our data file."""
    data = read(resources.files("gpuyard") / "catalogue" / "argocd.yaml", "argocd")
    kinds = {group: tuple(names) for group, names in data["clusterKinds"].items()}
    return ArgoFacts(data["oldest"]["version"], data["oldest"]["because"], kinds)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
