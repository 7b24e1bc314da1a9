"""Does a file say itself that gpuyard generated it? A lock can be forged, and must not make a user's file ours."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Protocol

from gpuyard.tree import chart, is_marked

__all__ = ["unmarked"]

_OF_A_CHART = ("Chart.yaml", "values.yaml")
"""Files that speak for their whole folder: what a chart brings along, such as its licence, stays as it is."""


class _Texts(Protocol):
    def read(self, *paths: PurePosixPath) -> Mapping[PurePosixPath, str]:
        """The texts of those paths that are plain files."""


def unmarked(paths: Iterable[PurePosixPath], texts: Mapping[PurePosixPath, str], place: _Texts) -> set[PurePosixPath]:
    """Those of the paths whose texts don't say so; a link has no text, and nothing of its own to lose."""
    found = {path for path in paths if path in texts and not is_marked(texts[path])}
    folders = {chart(path.parts[1]) for path in found if path.parts[0] == "charts" and len(path.parts) > 2}
    heads = place.read(*(folder / name for folder in folders for name in _OF_A_CHART))
    ours = {path.parent for path, text in heads.items() if is_marked(text)}
    return {path for path in found if not _may_be_silent(path) or chart(path.parts[1]) not in ours}


def _may_be_silent(path: PurePosixPath) -> bool:
    """A file of a chart that is copied as it is; YAML beside Chart.yaml is ours and says so."""
    return path.parts[0] == "charts" and (len(path.parts) > 3 or path.suffix != ".yaml") and len(path.parts) > 2
