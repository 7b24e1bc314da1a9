"""Would what syncs a cluster let go of what it holds? An engine deletes what leaves, with all that it holds itself."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from gpuyard.commit.plan import Place
from gpuyard.errors import InputError, Problem
from gpuyard.project.load import Project
from gpuyard.project.stack import Names
from gpuyard.tree import PLATFORM, cluster

__all__ = ["check_entries", "check_names"]

_LAYER = re.compile(rf"\bname: (([-a-z0-9]+-)?{PLATFORM}-configs)$", re.MULTILINE)
"""The layer that every cluster has; no YAML is parsed that somebody may have edited."""
_ENTRY = "sync.yaml"


def check_entries(project: Project, paths: Iterable[PurePosixPath], place: Place) -> None:
    """InputError with what keeps the clusters of a place as they are, or with the way that does.

    `paths` are those of the tree that goes there, or that is there.
    """
    entries = [path for path in paths if path.parts[0] == "clusters"]
    clusters = {path.parts[1] for path in entries}
    texts = place.read(*entries, *(cluster(name) / _ENTRY for name in clusters))
    if problems := [*_renamed(project, texts), *_left(project, texts)]:
        raise InputError(problems)


def check_names(project: Project, paths: Iterable[PurePosixPath], place: Place) -> None:
    """InputError where the clusters that follow a place would delete what they know by another name."""
    texts = place.read(*(path for path in paths if path.parts[0] == "clusters"))
    if problems := [*_renamed(project, texts)]:
        raise InputError(problems)


def _renamed(project: Project, texts: Mapping[PurePosixPath, str]) -> Iterator[Problem]:
    found = next((match for text in texts.values() for match in _LAYER.finditer(text)), None)
    if found is None:
        return
    had = Names.STACK if found[2] else Names.PLAIN
    if had is project.stack.names:
        return
    message = (
        f"spec.names: the clusters know {found[1]}, and would delete all that it and its like hold, every model "
        f"included, if they were called otherwise; keep their names with `names: {had.value}` in spec"
    )
    yield Problem(project.at(project.stack.file, "spec", "names"), message)


def _left(project: Project, texts: Mapping[PurePosixPath, str]) -> Iterator[Problem]:
    """An entry of the stack's own is among what it holds: without its file it deletes itself, and the rest with it."""
    stack = project.stack
    left = sorted(str(path) for path in texts if path.name == _ENTRY)
    if not stack.repository.source or not left:
        return
    space = stack.engine.namespace
    patch = '{"spec":{"suspend":true}}'
    message = (
        f"spec.repository.source: the clusters are synced by the stack's own entry, which would delete itself and all "
        f"that it holds, every model included; first, in each cluster, suspend it and remove it: `kubectl -n {space} "
        f"patch kustomization {stack.name} --type=merge -p '{patch}'`, `kubectl -n {space} delete "
        f"kustomization/{stack.name} gitrepository/{stack.name}`; then `git rm {' '.join(left)}`, commit and compile"
    )
    yield Problem(project.at(stack.file, "spec", "repository", "source"), message)
