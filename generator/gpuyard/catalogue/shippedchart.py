"""The shipped vllm chart as text, by path inside the chart."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from gpuyard.catalogue.shipped import shipped

__all__ = ["shipped_chart"]


@cache
def shipped_chart() -> Mapping[PurePosixPath, str]:
    """Everything of charts/vllm that an installation needs; its own test values stay behind."""
    files = _walk(shipped("charts") / "vllm", PurePosixPath())
    return {path: file.read_text(encoding="utf-8") for path, file in sorted(files) if path.parts[0] != "ci"}


def _walk(folder: Traversable, inside: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        path = inside / entry.name
        if entry.is_dir():
            yield from _walk(entry, path)
        else:
            yield path, entry
