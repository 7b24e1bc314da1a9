"""Changes of a model cache that its cluster refuses: a claim can grow, and nothing else."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from gpuyard.doors import yamlio
from gpuyard.doors.quantities import gib
from gpuyard.tree import Tree

__all__ = ["VALUES", "claimed", "refusals"]

VALUES = PurePosixPath("charts/inference")
"""Where the values of each shape stand, in the tree and in the commit before."""
_CLAIMED = ("fss", "block")


def refusals(old: Mapping[PurePosixPath, str], new: Tree) -> Iterator[str]:
    """What to do before the clusters get the new tree; `old` has the files of VALUES in the commit before."""
    before = _caches(old)
    after = _caches(new) if before else {}
    said = set()
    for (shape, name), cache in before.items():
        line = _refusal(name, cache, after.get((shape, name), {}))
        if line and line not in said:
            said.add(line)
            yield line


def claimed(files: Mapping[PurePosixPath, str]) -> set[str]:
    """Blueprints whose caches are claims, which outlive them."""
    return {name for (_, name), cache in _caches(files).items() if cache.get("kind") in _CLAIMED}


def _refusal(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    if old.get("kind") not in _CLAIMED or new.get("kind") not in _CLAIMED:
        return None
    way = f"or delete PersistentVolumeClaim {name}-cache before the clusters follow"
    for key, where in (("kind", f"{name}'s storage.cache.kind"), ("storageClassName", "spec.storage of the stack")):
        if old.get(key) != new.get(key):
            return f"a claim can't change from {old.get(key)} to {new.get(key)}: set {where} back, {way}"
    if gib(new["size"]) < gib(old["size"]):
        return f"a claim can't shrink from {old['size']} to {new['size']}: set {name}'s storage.cache.size, {way}"
    return None


def _caches(files: Mapping[PurePosixPath, str]) -> dict[tuple[str, str], dict[str, Any]]:
    """By shape and blueprint: what holds for all shapes, and what the shape's own file changes."""
    common = _values(files, "values.yaml")
    found = {}
    for path in files:
        if path.parent == VALUES and path.name.startswith("values-"):
            for name, value in _values(files, path.name).items():
                if isinstance(value, dict):
                    whole = common.get(name, {}).get("cache", {})
                    found[path.stem, name] = {**whole, **value.get("cache", {})}
    return found


def _values(files: Mapping[PurePosixPath, str], name: str) -> dict[str, Any]:
    text = files.get(VALUES / name)
    return yamlio.load_data(text) or {} if text else {}
