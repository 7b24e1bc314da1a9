"""The shipped vllm chart as text, by path inside the chart, and the values that it has by itself."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any

from gpuyard.catalogue.shipped import shipped
from gpuyard.doors import yamlio

__all__ = ["chart_defaults", "shipped_chart"]


@cache
def shipped_chart() -> Mapping[PurePosixPath, str]:
    """Everything of charts/vllm that an installation needs; its own test values stay behind."""
    files = _walk(shipped("charts") / "vllm", PurePosixPath())
    return {path: file.read_text(encoding="utf-8") for path, file in sorted(files) if path.parts[0] != "ci"}


@cache
def chart_defaults() -> Mapping[str, Any]:
    """What its values.yaml says."""
    found: Mapping[str, Any] = yamlio.load_data(shipped_chart()[PurePosixPath("values.yaml")])
    return found


def _walk(folder: Traversable, inside: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        path = inside / entry.name
        if entry.is_dir():
            yield from _walk(entry, path)
        else:
            yield path, entry
