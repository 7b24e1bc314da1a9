"""Values that the user gives for Secrets and ConfigMaps: each from a file or OCI Vault, never on a command line."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gpuyard.bootstrap.handover.vaulted import by_name, by_ocid
from gpuyard.doors.oci import Cloud
from gpuyard.errors import MissingError, ToolError, nearest
from gpuyard.project.oraclecloud import Vault
from gpuyard.render.required import Required

__all__ = ["Named", "given_values", "named"]

_OCID, _NAMED = "ocid1.", "vault:"
_LARGEST = 1 << 20
"""Bytes; Kubernetes takes no more in one object."""
Named = tuple[str, str, str]
"""Namespace, name and key."""


def named(text: str) -> tuple[Named, str]:
    """Of NAMESPACE/NAME/KEY=SOURCE; ValueError."""
    name, _, source = text.partition("=")
    parts = name.split("/")
    if len(parts) != 3 or not all(parts) or not source:
        raise ValueError(text)
    return (parts[0], parts[1], parts[2]), source


def given_values(
    sources: Mapping[Named, str], needed: Iterable[Required], cloud: Cloud, vault: Vault | None
) -> dict[tuple[str, str], dict[str, bytes]]:
    """What each source holds; MissingError for what no cluster needs."""
    _check(sources, list(needed))
    found: dict[tuple[str, str], dict[str, bytes]] = {}
    for (namespace, name, key), source in sources.items():
        found.setdefault((namespace, name), {})[key] = _value(source, cloud, vault)
    return found


def _value(source: str, cloud: Cloud, vault: Vault | None) -> bytes:
    if source.startswith(_OCID):
        return by_ocid(cloud, source)
    if not source.startswith(_NAMED):
        return _file(source)
    if vault is None:
        raise MissingError(f"{source}: the stack names no vault; set spec.oci.vault, or give the OCID of the secret")
    return by_name(cloud, vault, source.removeprefix(_NAMED))


def _check(sources: Mapping[Named, str], needed: Sequence[Required]) -> None:
    known = [f"{each.namespace}/{each.name}/{key}" for each in needed for key in each.keys if key]
    whole = {(each.namespace, each.name) for each in needed if "" in each.keys}
    listed = "the generated README and the pages in workloads/ list them all"
    for namespace, name, key in sources:
        text = f"{namespace}/{name}/{key}"
        if text not in known and (namespace, name) not in whole:
            raise MissingError(f"--secret {text}: no cluster needs it; {nearest(text, known, listed=listed)}")


def _file(source: str) -> bytes:
    path = Path(source).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingError(f"{source}: cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise ToolError(f"{source}: has {len(data)} bytes, and Kubernetes takes {_LARGEST} at most")
    return data
