"""What a cluster loses with a commit: blueprints that were there in the commit before."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from gpuyard.doors import yamlio
from gpuyard.review.claims import claimed
from gpuyard.tree import Tree

__all__ = ["departures", "is_entry"]

_ENTRIES = "clusters"
_FILE = "inference.yaml"
_PREFIX = "inference-"

Files = Mapping[PurePosixPath, str]


def is_entry(path: PurePosixPath) -> bool:
    """Whether a file says what runs on a cluster."""
    return len(path.parts) == 3 and path.parts[0] == _ENTRIES and path.name == _FILE


def departures(old: Files, new: Tree, namespace: str) -> Iterator[str]:
    """One line for each blueprint and cluster; `old` has our entries and values of the commit before."""
    clusters = {path.parts[1] for path in new if path.parts[0] == _ENTRIES}
    after, claims = _placed(new), claimed(old)
    for cluster, names in _placed(old).items():
        if cluster not in clusters:
            yield f"{cluster} leaves the stack: nothing is deleted there, what runs goes on until you end it"
            continue
        for name in sorted(names - after.get(cluster, set())):
            kept = f"; its claim {name}-cache stays, and costs: `kubectl delete pvc {name}-cache -n {namespace}`"
            yield f"{name} is deleted from {cluster}{kept if name in claims else ''}"


def _placed(files: Files) -> dict[str, set[str]]:
    """Blueprints by cluster."""
    found: dict[str, set[str]] = {}
    for path, text in sorted(files.items()):
        if is_entry(path):
            names = (obj["metadata"]["name"] for obj in yamlio.parse_manifests(text))
            found[path.parts[1]] = {name.removeprefix(_PREFIX) for name in names}
    return found
