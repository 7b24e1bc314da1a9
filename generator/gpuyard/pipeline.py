"""The job on one page: what the command line calls, and whatever else previews or makes a change.

    project = load(directory)                    1 load: the only step that reads the user's files
    compiled = compile(project, running(place))  2 resolve, 3 render: pure
    what = plan(compiled, place)                 what would change there, as data; reads it and writes nothing
    execute(what, snapshot)                      4 commit

`is_current(project, place, cache)` says whether all but the first can be left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.digest import input_digest, own_digest
from gpuyard.commit.entries import check_entries
from gpuyard.commit.lock import LOCK, Lock, listing_digest, lock_of
from gpuyard.commit.lockfile import read_locks, write_locks
from gpuyard.commit.plan import Place, Plan, changes
from gpuyard.doors import git
from gpuyard.doors.cache import NOTHING, Cache, open_cache
from gpuyard.doors.helm import open_helm
from gpuyard.project.load import Project, load
from gpuyard.render import render
from gpuyard.render.engines import ENGINES
from gpuyard.render.moves import with_refusals
from gpuyard.resolve import NOTHING_RUNS, Resolved, Workload, resolve
from gpuyard.review.claims import refusals
from gpuyard.review.departures import departures
from gpuyard.review.placed import Claim, Placed, Placements, Running
from gpuyard.tree import Tree, base, cluster, owner

__all__ = ["Compiled", "Plan", "beside", "compile", "execute", "is_current", "load"]
__all__ += ["placements_of", "plan", "remembered", "running"]

_DIGEST = "Input-Digest"
"""The trailer by which a generated commit is known: it can be made again from its parent."""
_NAMED = 5
"""Blueprints that a commit's subject names."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Everything that follows from a project, wherever it goes; `digest` is of its sources and of gpuyard itself."""

    project: Project
    resolved: Resolved
    tree: Tree
    digest: str
    placements: Placements


def is_current(project: Project, place: Place, cache: Cache) -> bool:
    """Whether the place has, as far as the cache knows, the very files that followed from these sources before.

    What a commit says of itself has no part in it.
    """
    question = _question(project)
    lock = _lock(place)
    ids = place.ids({*lock.files, *lock.paths})
    return cache.read([question]).get(question) == listing_digest(ids.items()).encode()


def remembered() -> Cache:
    """The user's cache of what this very gpuyard has computed."""
    return open_cache(own_digest())


def running(place: Place) -> Running:
    """What the clusters that follow a place have."""
    return _lock(place).running


def compile(project: Project, running: Running = NOTHING_RUNS, cache: Cache = NOTHING) -> Compiled:
    """The generated repository and what it means; InputError with every problem of the user's files."""
    resolved = resolve(with_refusals(project, running), running)
    tree = render(resolved, shipped_charts(), open_helm(shipped_charts()), cache)
    return Compiled(project, resolved, tree, input_digest(project.sources), placements_of(resolved))


def plan(compiled: Compiled, place: Place, *, overwrite: bool = False, cache: Cache = NOTHING) -> Plan:
    """What would change in a place; OwnershipError names files in the way that aren't gpuyard's or were edited."""
    check_entries(compiled.project, compiled.tree, place)
    before = _lock(place)
    stack = compiled.resolved.stack
    after = lock_of(compiled.tree, Running(stack.name, stack.namespace, compiled.placements))
    tree = {**compiled.tree, **write_locks(after)}
    ids = {path: place.blob_id(text.encode()) for path, text in tree.items()}
    written, deleted = changes(tree, ids, before, place, overwrite=overwrite)
    cache.write({_question(compiled.project): listing_digest(ids.items()).encode()})
    return Plan(
        written=written,
        deleted=deleted,
        before=before.placements,
        after=after.placements,
        consequences=(
            *departures(before.placements, after.placements),
            *refusals(before.placements, after.placements),
        ),
        notes=(*compiled.resolved.notes, *beside(compiled.resolved, place, compiled.tree)),
        message=_message(compiled),
    )


def beside(resolved: Resolved, place: Place, tree: Iterable[PurePosixPath] = ()) -> Iterator[str]:
    """What files of others do to the sync of each cluster; `tree` has ours, if they are known."""
    engine, lock = ENGINES[resolved.stack.engine], _lock(place).files
    known, paths = {str(path) for path in lock}, tuple(tree or lock)
    for name in (each.name for each in resolved.stack.clusters):
        folder = cluster(name)
        ours = {path.relative_to(folder).parts[0] for path in paths if path.is_relative_to(folder)}
        if name not in resolved.own:
            ours = set(engine.cluster(resolved, name, {}))
        foreign = [PurePosixPath(path) for path in place.below(folder) if path not in known]
        texts = place.read(*foreign)
        theirs = {str(path.relative_to(folder)): texts.get(path, "") for path in foreign}
        yield from engine.beside(resolved.stack, name, ours, theirs)


def execute(what: Plan, snapshot: git.Snapshot, *, push: bool = False) -> git.Commit | None:
    """Commit it to the branch that it was planned for; None: up to date. A push that failed before is made good."""
    edits = {**what.written, **dict.fromkeys(what.deleted)}
    return git.commit(snapshot, edits, message=what.message, push=push, mark=_DIGEST)


def placements_of(resolved: Resolved) -> Placements:
    """What runs where, as the lock keeps it."""
    found: dict[str, dict[str, Placed]] = {cluster.name: {} for cluster in resolved.stack.clusters}
    for placement in resolved.placements:
        workload = placement.workload
        placed = Placed(workload.shape.name, resolved.stack.namespace, _claim(workload))
        found[placement.cluster][workload.name] = placed
    return found


def _claim(workload: Workload) -> Claim | None:
    """Of the volume that outlives it; no kind of workload has more than one."""
    return next((Claim(each.kind, each.storage_class, each.size_gib) for each in workload.volumes), None)


def _question(project: Project) -> bytes:
    """Which files follow from the sources."""
    return b"listing " + input_digest(project.sources).encode()


def _lock(place: Place) -> Lock:
    """What all locks of a place say; a folder that no blueprint can be called has none of ours."""
    inside = [path for path in map(PurePosixPath, place.below(base(""))) if path.name == LOCK.name]
    inside = [path for path in inside if len(path.parts) == len(base("x", LOCK.name).parts) and owner(path)]
    return read_locks(place.read(LOCK, *inside))


def _message(compiled: Compiled) -> str:
    """What a reader of the log wants: which files it follows from."""
    blueprints = compiled.project.blueprints
    names = ", ".join(blueprint.name for blueprint in blueprints[:_NAMED])
    more = len(blueprints) - _NAMED
    subject = f"Compile {names or 'the platform'}{f' and {more} more' if more > 0 else ''}"
    return (
        f"{subject}\n\nGenerated by gpuyard; edit stack.yaml or blueprints/ instead.\n\n{_DIGEST}: {compiled.digest}\n"
    )
