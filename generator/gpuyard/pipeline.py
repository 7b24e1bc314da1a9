"""The job on one page: what the command line calls, and whatever else previews or makes a change.

    project = load(directory)        1 load: the only step that reads the user's files
    compiled = compile(project)      2 resolve, 3 render: pure
    what = plan(compiled, place)     what would change there, as data; reads the place and writes nothing
    execute(what, snapshot)          4 commit

`is_current(project, place)` says by the lock that is there whether all but the first can be left out.
"""

from dataclasses import dataclass
from pathlib import Path

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.digest import input_digest, own_digest
from gpuyard.commit.directory import Directory
from gpuyard.commit.lock import LOCK, Lock, listing_digest, lock_of
from gpuyard.commit.lockfile import read_lock, write_lock
from gpuyard.commit.message import DIGEST, NO_WORDS, Words, message, subject
from gpuyard.commit.plan import Place, Plan, changes
from gpuyard.commit.refused import refused
from gpuyard.doors import git
from gpuyard.doors.cache import NOTHING, Cache, open_cache
from gpuyard.doors.helm import open_helm
from gpuyard.errors import InputError, Problem
from gpuyard.project.load import Project, load
from gpuyard.render import render
from gpuyard.resolve import Resolved, Workload, resolve
from gpuyard.review.consequences import consequences
from gpuyard.review.placed import Claim, Consequence, Placed, Placements, Running
from gpuyard.review.pods import pod_digest, weights_job
from gpuyard.tree import Tree

__all__ = ["Compiled", "Plan", "compile", "execute", "is_current", "load", "placements_of", "plan", "remembered"]
__all__ += ["running", "running_at", "write"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Everything that follows from a project, wherever it goes; `digest` is of its sources and of gpuyard itself."""

    project: Project
    resolved: Resolved
    tree: Tree
    digest: str
    placements: Placements


def is_current(project: Project, place: Place) -> bool:
    """Whether the place was compiled from these very files, and nobody has touched what was generated."""
    lock = _lock(place)
    listing = listing_digest(place.ids(lock.files).items())
    return (lock.input, lock.listing) == (input_digest(project.sources), listing)


def remembered() -> Cache:
    """The user's cache of what this very gpuyard has computed."""
    return open_cache(own_digest())


def compile(project: Project, cache: Cache = NOTHING) -> Compiled:
    """The generated repository and what it means; InputError with every problem of the user's files."""
    resolved = resolve(project)
    tree = render(resolved, shipped_charts(), open_helm(shipped_charts()), cache)
    return Compiled(project, resolved, tree, input_digest(project.sources), placements_of(resolved, tree))


def running(place: Place) -> Running:
    """What the lock of a place says of its clusters."""
    return Running(placements=_lock(place).placements)


def follows(project: Project, place: Place) -> bool:
    """Whether what the lock of a place says follows from these very files."""
    return _lock(place).input == input_digest(project.sources)


def compare(compiled: Compiled, before: Running) -> tuple[tuple[Consequence, ...], tuple[Problem, ...]]:
    """What it does in the clusters, and what of it they would refuse."""
    found = consequences(before, Running(placements=compiled.placements))
    return found, tuple(refused(compiled.project, found))


def running_at(directory: Path, revision: str) -> Running:
    """The same of the commit where a repository's HEAD left a revision."""
    with git.read_base(directory, revision) as base:
        return running(base)


def plan(
    compiled: Compiled,
    place: Place,
    *,
    base: Running | None = None,
    overwrite: bool = False,
    words: Words = NO_WORDS,
) -> Plan:
    """What would change in a place; OwnershipError names files in the way that aren't gpuyard's or were edited.

    What it means in the clusters is said against `base`, or else against what the place's own lock says.
    """
    before, clusters = _lock(place), base or running(place)
    after = lock_of(compiled.tree, compiled.digest, compiled.placements)
    tree = {**compiled.tree, LOCK: write_lock(after)}
    written, deleted = changes(tree, before, place, overwrite=overwrite)
    found, problems = compare(compiled, clusters)
    names = [blueprint.name for blueprint in compiled.project.blueprints]
    title = subject((*written, *deleted), before.placements, after.placements, names)
    return Plan(
        written=written,
        deleted=deleted,
        before=clusters.placements,
        after=after.placements,
        consequences=found,
        problems=problems,
        notes=compiled.resolved.notes,
        message=message(title, found, compiled.digest, words),
    )


def execute(what: Plan, snapshot: git.Snapshot, *, push: bool = False) -> git.Commit | None:
    """Commit it to the branch that it was planned for; None: up to date. A push that failed before is made good.

    InputError where a cluster would refuse it.
    """
    if what.problems:
        raise InputError(what.problems)
    edits = {**what.written, **dict.fromkeys(what.deleted)}
    return git.commit(snapshot, edits, message=what.message, push=push, mark=DIGEST)


def write(what: Plan, place: Directory) -> None:
    """The same to a directory, without a commit."""
    if what.problems:
        raise InputError(what.problems)
    place.write(what.written, what.deleted)


def placements_of(resolved: Resolved, tree: Tree) -> Placements:
    """What runs where, as the lock keeps it."""
    found: dict[str, dict[str, Placed]] = {cluster.name: {} for cluster in resolved.stack.clusters}
    known: dict[tuple[str, str], Placed] = {}
    for placement in resolved.placements:
        workload = placement.workload
        what = (workload.name, workload.shape.name)
        if what not in known:
            known[what] = _placed(resolved, workload, tree)
        found[placement.cluster][workload.name] = known[what]
    return found


def _placed(resolved: Resolved, workload: Workload, tree: Tree) -> Placed:
    name, shape, stack = workload.name, workload.shape.name, resolved.stack
    named = (use.name for use in workload.needs.keys if use.kind == "Secret")
    return Placed(
        shape=shape,
        namespace=stack.namespace,
        claim=_claim(workload),
        pod=pod_digest(tree, name, shape),
        weights=weights_job(tree, name, shape),
        secrets=tuple(sorted({*named, *stack.images.pull_secrets})),
        away=workload.away,
    )


def _claim(workload: Workload) -> Claim | None:
    """Of the volume that outlives it; no kind of workload has more than one."""
    return next((Claim(each.kind, each.storage_class, each.size_gib) for each in workload.volumes), None)


def _lock(place: Place) -> Lock:
    return read_lock(place.read(LOCK).get(LOCK))
