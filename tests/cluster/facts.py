"""What the outside finds out for a world before it starts: it has the network, the world has none."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.state import State

__all__ = ["Chart", "Facts", "read", "write"]


@dataclass(frozen=True, slots=True)
class Chart:
    """A packaged chart, and whether it is upstream's own or a stand-in of the same name and version."""

    package: Path
    origin: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Programs by name, the manifests that install Flux (and Argo CD), the charts to publish, the shapes' directory."""

    programs: Mapping[str, Path]
    flux: Path
    charts: tuple[Chart, ...]
    overlays: Path
    argocd: Path | None = None


def write(state: State, facts: Facts) -> None:
    """Leave the facts where the world finds them."""
    document = {
        "programs": {name: str(path) for name, path in facts.programs.items()},
        "flux": str(facts.flux),
        "charts": [[str(chart.package), chart.origin] for chart in facts.charts],
        "overlays": str(facts.overlays),
        "argocd": str(facts.argocd or ""),
    }
    state.facts.write_text(json.dumps(document, indent=1))


def read(state: State) -> Facts:
    """The facts of this world."""
    document = json.loads(state.facts.read_text())
    return Facts(
        programs={name: Path(path) for name, path in document["programs"].items()},
        flux=Path(document["flux"]),
        charts=tuple(Chart(Path(package), origin) for package, origin in document["charts"]),
        overlays=Path(document["overlays"]),
        argocd=Path(document["argocd"]) if document["argocd"] else None,
    )
