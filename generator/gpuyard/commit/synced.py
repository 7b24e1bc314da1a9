"""What the clusters have now: it is read from the branch that they follow, and never from a proposal to it.

A proposal brings its own locks and generated files, which could say that a model runs elsewhere, or not at all. Only
where no other branch is known does what a place says of itself count.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from gpuyard.commit.entries import check_names
from gpuyard.commit.lock import LOCK, Lock, is_lock
from gpuyard.commit.lockfile import MOST_LOCKS, read_locks
from gpuyard.commit.plan import Place
from gpuyard.doors import git, yamlio
from gpuyard.errors import GpuyardError, InputError, MissingError
from gpuyard.project.imageslock import IMAGES_LOCK
from gpuyard.project.load import Project
from gpuyard.project.located import default_of, head_of, located
from gpuyard.project.userfiles import STACK_FILE
from gpuyard.review.placed import Running
from gpuyard.tree import about, owner, path_of

__all__ = ["lock_at", "synced_at", "synced_with", "synced_with_branch"]

_OTHERS = (PurePosixPath(STACK_FILE), PurePosixPath(IMAGES_LOCK))
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def lock_at(place: Place) -> Lock:
    """What all locks of a place say; one that no blueprint can be called is none of ours."""
    return _lock_at(place, ())


def _lock_at(place: Place, others: Iterable[PurePosixPath]) -> Lock:
    """With other files, which are read at the same time: each question to Git takes a process."""
    below = map(path_of, place.below(about("x", "lock").parent))
    paths = [LOCK, *(path for path in below if is_lock(path) and owner(path))]
    texts = place.read(*others, *paths[: MOST_LOCKS + 1])
    return read_locks({path: texts.get(path) for path in place.ids(paths)})


def synced_with(project: Project, place: Place, directory: Path, base: str | None) -> Running:
    """For a directory: what its commit had where it left `base`, or else the branch of the stack, if it has another."""
    found, branch = located(directory), project.stack.repository.branch
    if base:
        return _left(project, found.top if found else directory, base)
    head = head_of(found.top) if found else None
    if found is None or head in (None, branch):
        own = lock_at(place).running
        return replace(own, follows=_default(project, found.top, head)) if found and head else own
    try:
        known = git.known_as(found.top, branch)
    except GpuyardError:  # no Git here, or a repository that isn't ours to read
        known = None
    return _left(project, found.top, known) if known else lock_at(place).running


def synced_with_branch(project: Project, snapshot: git.Snapshot, target: str, base: str | None) -> Running:
    """The same for a branch of a repository; behind a URL there is no history, and the other branch as it is counts."""
    branch, root = project.stack.repository.branch, snapshot.target.root
    if root is None and base:
        raise MissingError(f"{snapshot.target.label} is behind a URL, which no --base can be found in; use a clone")
    if snapshot.commit is None or (snapshot.branch == branch and not base):
        return lock_at(snapshot).running
    if root is not None:
        known = base or git.known_as(root, branch)
        return _left(project, root, known, snapshot.branch) if known else lock_at(snapshot).running
    try:
        with git.read_tree(target, branch, snapshot.folder) as there:
            return synced_at(project, there)
    except MissingError:  # no cluster follows it yet
        return lock_at(snapshot).running


def _default(project: Project, top: Path, head: str) -> tuple[str, str]:
    """What the remote's default branch says clusters follow: a proposal may name its own branch, and call it theirs."""
    default = default_of(top)
    if default in (None, head):
        return "", ""
    try:
        with git.read_base(top, f"refs/remotes/origin/{default}", project.stack.folder) as there:
            return _follows(there)
    except GpuyardError:  # no Git here, or a clone that doesn't have that branch
        return "", ""


def _left(project: Project, repository: Path, revision: str, branch: str = "") -> Running:
    with git.read_base(repository, revision, project.stack.folder, branch) as there:
        return synced_at(project, there)


def synced_at(project: Project, there: Place) -> Running:
    """What clusters have that follow a place."""
    lock = _lock_at(there, _OTHERS)
    check_names(project, lock.files, there)
    return replace(lock.running, digests=_digests(there), follows=_follows(there))


def _follows(there: Place) -> tuple[str, str]:
    """The repository and the branch that its stack names; nothing where that is wrong."""
    spec = _mapping(_read(there, STACK_FILE), "spec")
    source = _mapping(spec, "repository")
    url, branch = source.get("url"), source.get("branch", "main")
    return (url, branch) if isinstance(url, str) and isinstance(branch, str) else ("", "")


def _mapping(found: object, key: str) -> Mapping[str, Any]:
    part = found.get(key) if isinstance(found, dict) else None
    return part if isinstance(part, dict) else {}


def _read(there: Place, name: str) -> object:
    """A file as strictly read as a user's; None where it is wrong, which its own branch says."""
    file = PurePosixPath(name)
    try:
        return yamlio.read(there.read(file).get(file, "").encode(), name).value
    except InputError:
        return None


def _digests(there: Place) -> Mapping[str, str]:
    """Those of images.lock."""
    pairs = _mapping(_read(there, IMAGES_LOCK), "images").items()
    return {name: digest for name, digest in pairs if isinstance(digest, str) and _DIGEST.fullmatch(digest)}
