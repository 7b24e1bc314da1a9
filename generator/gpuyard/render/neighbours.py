"""Files of others next to ours in the repository: what engines make of them, and whether clusters can take them."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from gpuyard.commit.foreign import effect, foreign, listed, misused, shown
from gpuyard.commit.lock import Lock
from gpuyard.commit.plan import Place
from gpuyard.commit.synced import lock_at
from gpuyard.errors import InputError, Location, Problem
from gpuyard.project.load import Project
from gpuyard.project.stack import Engine, Stack
from gpuyard.render.engines import ENGINES
from gpuyard.render.engines.fluxfolder import LISTS
from gpuyard.render.ownlist import lost_patches
from gpuyard.resolve import Resolved, linting
from gpuyard.tree import Tree, cluster

__all__ = ["beside", "unlisted"]

_MANIFEST = re.compile(r"clusters/[^/]+/(?!kustomization\.ya?ml$).*\.ya?ml")
"""In a cluster's folder, but no list of what is in it."""


def beside(
    project: Project, resolved: Resolved, place: Place, tree: Tree | None = None, lock: Lock | None = None
) -> list[str]:
    """Notes on files of others in the folders of clusters; InputError where a cluster could not take one.

    `tree` has ours, if known, and `lock` is the place's.
    """
    engine, lock = ENGINES[resolved.stack.engine], lock or lock_at(place)
    paths = tuple(tree or lock.files)
    notes = list(_listed(resolved.stack, paths, place))
    found: dict[str, dict[str, str]] = {}
    lost: list[Problem] = []
    for name in (each.name for each in resolved.stack.clusters):
        folder = cluster(name)
        ours = {path.parts[2] for path in paths if path.parts[:2] == folder.parts}
        if not tree and name not in resolved.own:  # a lock is no proof
            ours = set(engine.cluster(resolved, name, {}))
        theirs = _theirs(place, name, lock)
        notes += engine.beside(resolved.stack, name, ours, theirs)
        lost += _lost(name, theirs, tree, place) if resolved.stack.engine is Engine.FLUX else ()
        found[name] = {str(folder / file): theirs[file] for file in engine.applies(theirs)}
    problems, told = linting.check(project, resolved, found)
    if problems or lost:
        raise InputError([*problems, *lost])
    return [*notes, *told]


def _lost(name: str, theirs: Mapping[str, str], tree: Tree | None, place: Place) -> list[Problem]:
    """Patches without an object in the list of a cluster's folder, which only Flux reads."""
    listed = next((each for each in LISTS if each in theirs), None)
    if listed is None:
        return []
    folder = cluster(name)
    ours: Tree = {path: text for path, text in (tree or {}).items() if path.is_relative_to(folder)}
    texts = {str(path): text for path, text in (ours or place.read(*map(PurePosixPath, place.below(folder)))).items()}
    texts |= {f"{folder}/{key}": each for key, each in theirs.items()}
    return list(lost_patches(f"{folder}/{listed}", theirs[listed], texts))


def unlisted(project: Project, ours: Collection[PurePosixPath], place: Place) -> Iterator[Problem]:
    """Files of others that somebody would read, and that the stack doesn't list."""
    yield from misused(project, ours)
    for path in foreign(project.stack, ours, place):
        if not listed(project.stack, path):
            found = _effect(project.stack, path, ours)
            message = f"is not from gpuyard: {found}; remove it, or list it in spec.ownFiles of stack.yaml"
            yield Problem(Location(shown(path)), message)


def _theirs(place: Place, name: str, lock: Lock) -> dict[str, str]:
    """Files of others in a cluster's folder, by their paths in it."""
    folder, known = cluster(name), {str(path) for path in lock.files}
    others = [PurePosixPath(path) for path in place.below(folder) if path not in known]
    texts = place.read(*others)
    return {str(path.relative_to(folder)): texts.get(path, "") for path in others}


def _listed(stack: Stack, ours: Collection[PurePosixPath], place: Place) -> Iterator[str]:
    """Those that it lists, as far as `Engine.beside` has nothing to say of them."""
    for path in foreign(stack, ours, place) if stack.own_files else ():
        if listed(stack, path) and not _MANIFEST.fullmatch(str(path)):
            yield f"{shown(path)} is not from gpuyard (spec.ownFiles): {_effect(stack, path, ours)}"


def _effect(stack: Stack, path: PurePosixPath, ours: Collection[PurePosixPath]) -> str:
    return effect(path) or ENGINES[stack.engine].effect(path, ours)
