"""Our charts as text, by name and by path inside each, and the values that one has by itself."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Any

from gpuyard.catalogue.chartwords import WORDS
from gpuyard.catalogue.shipped import shipped
from gpuyard.doors import yamlio
from gpuyard.doors.chartvalues import Values

__all__ = ["Charts", "chart_defaults", "chart_values", "oldest_kubernetes", "shipped_charts"]

Charts = Mapping[str, Mapping[PurePosixPath, str]]


@cache
def shipped_charts() -> Charts:
    """Everything of charts/ that an installation needs; test values of a chart stay behind."""
    return {folder.name: _files(folder) for folder in shipped("charts").iterdir() if folder.is_dir()}


@cache
def oldest_kubernetes() -> str:
    """The oldest minor version of Kubernetes that all our charts support, such as 1.30."""
    files = (chart[PurePosixPath("Chart.yaml")] for chart in shipped_charts().values())
    supported = (yamlio.load_data(text)["kubeVersion"].removeprefix(">=").split(".") for text in files)
    return ".".join(max((major, minor) for major, minor, *_ in supported))


@cache
def chart_defaults(name: str) -> Mapping[str, Any]:
    """What a chart's values.yaml says."""
    found: Mapping[str, Any] = yamlio.load_data(shipped_charts()[name][PurePosixPath("values.yaml")])
    return found


@cache
def chart_values(name: str) -> Values:
    """A chart's rules for its values."""
    return Values(shipped_charts()[name], WORDS)


def _files(folder: Traversable) -> Mapping[PurePosixPath, str]:
    files = _walk(folder, PurePosixPath())
    # pip compiles the chart's scripts when it installs them, and leaves the bytecode in their folder.
    kept = [(path, file) for path, file in sorted(files) if not {"ci", "__pycache__"} & set(path.parts)]
    return {path: file.read_text(encoding="utf-8") for path, file in kept}


def _walk(folder: Traversable, inside: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        path = inside / entry.name
        if entry.is_dir():
            yield from _walk(entry, path)
        else:
            yield path, entry
