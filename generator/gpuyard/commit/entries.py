"""Would what syncs a cluster let go of what it holds? An engine deletes what leaves, with all that it holds itself."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from gpuyard.commit.plan import Place
from gpuyard.errors import InputError, Problem
from gpuyard.project.load import Project
from gpuyard.project.stack import Engine, Names
from gpuyard.tree import PLATFORM, cluster, owner

__all__ = ["check_entries", "check_names"]

_LAYER = re.compile(rf"\bname: (([-a-z0-9]+-)?{PLATFORM}-configs)$", re.MULTILINE)
"""The layer that every cluster has; no YAML is parsed that somebody may have edited."""
_ENTRY = "sync.yaml"
_OWN, _HUB = "entry.yaml", "fleet.yaml"
"""Of Argo CD: of a cluster with one of its own, and of all clusters."""


def check_entries(project: Project, paths: Iterable[PurePosixPath], place: Place) -> None:
    """InputError with what keeps the clusters of a place as they are, or with the way that does.

    `paths` are those of the tree that goes there, or that is there.
    """
    entries = [path for path in paths if path.parts[0] == "clusters"]
    clusters = {path.parts[1] for path in entries}
    others = (cluster(name) / file for name in clusters for file in (_ENTRY, _OWN))
    texts = place.read(*(path for path in entries if not owner(path)), *others, cluster(_HUB))
    if problems := [*_renamed(project, entries, place), *_left(project, texts), *_another_hub(project, texts)]:
        raise InputError(problems)


def check_names(project: Project, paths: Iterable[PurePosixPath], place: Place) -> None:
    """InputError where the clusters that follow a place would delete what they know by another name."""
    if problems := [*_renamed(project, [path for path in paths if path.parts[0] == "clusters"], place)]:
        raise InputError(problems)


def _renamed(project: Project, entries: Sequence[PurePosixPath], place: Place) -> Iterator[Problem]:
    """The stack's files say it, and where they are lost, the many of blueprints, which wait for the layer."""
    found = _layer([path for path in entries if not owner(path)], place) or _layer(entries, place)
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


def _layer(entries: Sequence[PurePosixPath], place: Place) -> re.Match[str] | None:
    return next((match for text in place.read(*entries).values() for match in _LAYER.finditer(text)), None)


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


def _another_hub(project: Project, texts: Mapping[PurePosixPath, str]) -> Iterator[Problem]:
    """Applications are called otherwise with a hub, and those of before would take along all that they made."""
    stack = project.stack
    if stack.engine is not Engine.ARGOCD:
        return
    left = sorted(str(path) for path in texts if path.name == (_OWN if stack.argocd.hub else _HUB))
    if not left:
        return
    space, which = Engine.ARGOCD.namespace, f"-l app.kubernetes.io/part-of={stack.name}"
    patch = '{"metadata":{"finalizers":null},"spec":{"syncPolicy":{"automated":{"enabled":false}}}}'
    message = (
        f"spec.argocd.hub: the clusters are synced by {', '.join(left)}, whose Applications would delete all that they "
        f"made, every model included; first, where that Argo CD runs, let go of all of it: `kubectl -n {space} delete "
        f"applicationset {stack.name} --cascade=orphan --ignore-not-found`, `kubectl -n {space} get applications "
        f"{which} -o name | xargs -r -n 1 kubectl -n {space} patch --type merge -p '{patch}'`, `kubectl -n "
        f"{space} delete "
        f"applications {which}`; then `git rm {' '.join(left)}`, commit and compile"
    )
    yield Problem(project.at(stack.file, "spec", "argocd", "hub"), message)
