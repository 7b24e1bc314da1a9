"""Files of others where an engine, a chart or Git reads them: a pull request may bring some that nobody looks at.

What is generated is right says nothing of what is applied, as long as an engine takes what lies next to it. So each is
refused that the stack doesn't list.
"""

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

from gpuyard.commit.factguard import only_facts
from gpuyard.commit.plan import Place
from gpuyard.errors import Problem, one_line
from gpuyard.project.load import Project
from gpuyard.project.stack import Stack
from gpuyard.tree import FACTS, chart, cluster

__all__ = ["HIDING", "effect", "foreign", "listed", "misused", "shown"]

HIDING = (".sourceignore", ".krmignore")
"""What engines leave out is listed there, of the folder and all below it."""
_FOLDERS = ("base", "overlays", "platform")
_OPEN = ("clusters", "charts")
"""Where some folders are ours."""
_ENDINGS = frozenset({".yaml", ".yml", ".json"})
_LIST = "kustomization"
_CHART = frozenset({".yaml", ".yml", ".json", ".tpl", ".tgz", ".lock"})
_GIT = ".git"
_PARTS = {
    "templates": "Helm renders it with the chart",
    "crds": "Helm installs it with the chart",
    "charts": "Helm takes it for a chart that this one depends on",
}


def foreign(stack: Stack, ours: Collection[PurePosixPath], place: Place) -> list[PurePosixPath]:
    """Those of a place that are read; absolute where they are above the stack's folder."""
    charts = [chart(name) for name in sorted({path.parts[1] for path in ours if path.parts[0] == "charts"})]
    clusters = [cluster(each.name) for each in stack.clusters]
    known = {str(path) for path in ours}
    folders = [*clusters, *charts, *map(PurePosixPath, _FOLDERS)]
    below = [name for folder in folders for name in place.below(folder) if name not in known]
    found = list(filter(None, (_read(PurePosixPath(name)) for name in below)))
    facts = _facts(stack, place) if any(path.name == FACTS for path in found) else frozenset()
    found = [path for path in found if path not in facts]
    hiding = [PurePosixPath(folder, name) for folder in ("", *_OPEN) for name in HIDING]
    return list(dict.fromkeys([*found, *place.ids(hiding), *place.above(*HIDING)]))


def _facts(stack: Stack, place: Place) -> frozenset[PurePosixPath]:
    """Those that `gpuyard bootstrap` may have written."""
    texts = place.read(*(cluster(each.name) / FACTS for each in stack.clusters))
    return frozenset(path for path, text in texts.items() if only_facts(stack, text))


def listed(stack: Stack, path: PurePosixPath) -> bool:
    """Whether the stack lists it, or a folder that it is in."""
    return any(path.is_relative_to(each) for each in stack.own_files)


def misused(project: Project, ours: Collection[PurePosixPath]) -> Iterator[Problem]:
    """Entries of the stack's list that would take generated files along."""
    for index, each in enumerate(project.stack.own_files):
        if any(path.is_relative_to(each) for path in ours):
            where = project.at(project.stack.file, "spec", "ownFiles", index)
            yield Problem(where, f"spec.ownFiles.{index}: {each} holds files from gpuyard; list only your own")


def effect(path: PurePosixPath) -> str | None:
    """What Git or Helm makes of it; None: that is the engine's affair."""
    if path.name.startswith(_GIT):
        return "Git obeys it in this folder"
    if path.parts[0] != "charts" or path.name in HIDING:
        return None
    return _PARTS.get(path.parts[2], "Helm packs it with the chart, or obeys it")


def shown(path: PurePosixPath) -> str:
    """For a message."""
    return one_line(str(path))


def _read(path: PurePosixPath) -> PurePosixPath | None:
    """A file that somebody reads, or the folder by which Git takes its place for a repository; None: nobody does."""
    git = next((index for index, part in enumerate(path.parts) if part.startswith(_GIT)), None)
    if git is not None:
        return PurePosixPath(*path.parts[: git + 1])
    ending, name = path.suffix.lower(), path.name.lower()
    if path.name in HIDING:
        return path
    if path.parts[0] == "charts":
        return path if path.parts[2] in _PARTS or ending in _CHART or name == ".helmignore" else None
    return path if ending in _ENDINGS or name == _LIST else None
