"""SSH host keys of public Git hosts, as they publish them."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

from gpuyard.catalogue.datafiles import read

__all__ = ["host_keys"]


@cache
def host_keys() -> Mapping[str, tuple[str, ...]]:
    """By host, as known_hosts writes it."""
    rows = read(resources.files("gpuyard") / "catalogue" / "githosts.yaml", "githosts")["hosts"]
    return {host: tuple(keys) for host, keys in rows.items()}
