"""A release in a registry against what the sources give: file by file, whatever packed them."""

from gpuyard.doors.artifacts import Manifest
from gpuyard.errors import OwnershipError
from gpuyard.release.artifact import FLUX, REVISION, Artifact
from gpuyard.release.publish import Registry
from gpuyard.release.tarball import unpacked

__all__ = ["check_same", "revision"]

_NAMED = 20


def check_same(registry: Registry, ours: Artifact, there: Manifest, name: str) -> None:
    """OwnershipError names the files that differ, or that only one of both has."""
    layers = [digest for kind, digest in there.layers if kind == FLUX.layer]
    if len(layers) != 1 or len(there.layers) != 1:
        raise OwnershipError(f"{name}: is no release of gpuyard: it has {len(layers)} archives that Flux would sync")
    data = registry.store(ours).blob(layers[0])
    found, wanted = unpacked(data, name), unpacked(ours.layer.data, "ours")
    lines = [
        f"  {path}: {'is not there' if path not in found else 'has no source' if path not in wanted else 'differs'}"
        for path in sorted({*found, *wanted})
        if found.get(path) != wanted.get(path)
    ]
    if lines:
        more = [f"  and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
        raise OwnershipError(
            f"{name} is not what follows from these sources: it is of another commit{revision(there)}, or was changed:",
            *lines[:_NAMED],
            *more,
        )


def revision(there: Manifest) -> str:
    """What it says of its own commit."""
    return f" (it says {there.annotations[REVISION]})" if REVISION in there.annotations else ""
