"""Does a file say itself that gpuyard generated it? A lock can be forged, and must not make a user's file ours."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Protocol

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.doors import yamlio
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
    charts, former = shipped_charts(), _formerly()
    names = "|".join(map(re.escape, charts))
    copied = [f"{name}/{_copied(str(path))}" for name in charts for path in (*charts[name], *former.get(name, ()))]
    own = rf"values[.]schema[.]json|templates/(NOTES[.]txt|_merge[.]tpl|({names})[.]yaml)"
    return re.compile(rf"charts/[^/]+/({own}|charts/({'|'.join(copied)}))")


def _copied(path: str) -> str:
    """A file of a chart as an expression: where a chart of several is, its templates begin with a line below."""
    folder, _, name = path.rpartition("/")
    return re.escape(f"{folder}/" if folder else "") + "_?" + re.escape(name.removeprefix("_"))


@cache
def _formerly() -> Mapping[str, list[str]]:
    """Files that our charts had once."""
    text = resources.files("gpuyard").joinpath("commit", "formerly.yaml").read_text(encoding="utf-8")
    found: Mapping[str, list[str]] = yamlio.load_data(text)
    return found
