"""Does a file say itself that gpuyard generated it? A lock can be forged, and must not make a user's file ours."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Protocol

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.tree import chart, is_marked

__all__ = ["unmarked"]

_OF_A_CHART = ("Chart.yaml", "values.yaml")
"""Files that speak for their whole folder: what a chart brings along, such as its licence, stays as it is."""


class _Texts(Protocol):
    def read(self, *paths: PurePosixPath) -> Mapping[PurePosixPath, str]:
        """The texts of those paths that are plain files."""


def unmarked(paths: Iterable[PurePosixPath], texts: Mapping[PurePosixPath, str], place: _Texts) -> set[PurePosixPath]:
    """Those of the paths whose texts don't say so; a link has no text."""
    found = {path for path in paths if path in texts and not is_marked(texts[path])}
    folders = {chart(path.parts[1]) for path in found if path.parts[0] == "charts" and len(path.parts) > 2}
    heads = place.read(*(folder / name for folder in folders for name in _OF_A_CHART))
    ours = {path.parent for path, text in heads.items() if is_marked(text)}
    silent = _silent()
    return {path for path in found if not silent.fullmatch(str(path)) or chart(path.parts[1]) not in ours}


@cache
def _silent() -> re.Pattern[str]:
    """What a chart of ours brings along as it is, older versions of it included; all else in its folder says so."""
    names = "|".join(map(re.escape, shipped_charts()))
    return re.compile(
        rf"charts/[^/]+/(values[.]schema[.]json|templates/(NOTES[.]txt|_merge[.]tpl|({names})[.]yaml)|charts/({names})/.+)"
    )
