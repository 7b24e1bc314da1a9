"""Keys that users look for and that gpuyard does not have yet, read from unsupported.yaml: each has its answer."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

from gpuyard.catalogue.datafiles import read

__all__ = ["answers"]


@cache
def answers(file: str) -> Mapping[str, Mapping[str, str]]:
    """Of `stack` or `blueprint`: by the path of a mapping, such as spec.clusters[].oci, what is said of a key in it."""
    rows = read(resources.files("gpuyard") / "catalogue" / "unsupported.yaml", "unsupported")["list"]
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        for kind, _, place in (at.partition(".") for at in row["at"]):
            if kind == file:
                text = f"is not supported yet; {row['instead']}"
                found.setdefault(place, {}).update(dict.fromkeys(row["keys"], text))
    return found
