"""The job on one page: what the command line calls, and whatever else previews or makes a change.

    project = load(directory)                    1 load: the only step that reads the user's files
    before = synced_with(project, place, …)      what the clusters have, which is never what a proposal says
    compiled = compile(project, before)          2 resolve, 3 render: pure
    what = plan(compiled, place, base=before)    what would change there, as data; reads it and writes nothing
    execute(what, snapshot)                      4 commit

`is_current(project, place, cache, before)` says whether all but the first can be left out.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gpuyard.catalogue.shippedchart import shipped_charts
from gpuyard.commit.digest import input_digest, own_digest
from gpuyard.commit.directory import Directory
from gpuyard.commit.entries import check_entries
from gpuyard.commit.lock import listing_digest, lock_of, sha256
from gpuyard.commit.lockfile import write_locks
from gpuyard.commit.mark import unmarked
from gpuyard.commit.message import DIGEST, NO_WORDS, Words, message, subject
from gpuyard.commit.plan import Place, Plan, changes, is_clear
from gpuyard.commit.refused import refused
from gpuyard.commit.synced import lock_at, synced_at, synced_with, synced_with_branch
from gpuyard.doors import git
from gpuyard.doors.cache import NOTHING, Cache, open_cache
from gpuyard.doors.helm import start_helm
from gpuyard.errors import InputError, Problem
from gpuyard.project.imageslock import IMAGES_LOCK
from gpuyard.project.load import Project, load
from gpuyard.render import render
from gpuyard.render.ahead import ahead
from gpuyard.render.engines import ENGINES
from gpuyard.render.moves import with_refusals
from gpuyard.render.neighbours import beside, unlisted
from gpuyard.resolve import NOTHING_RUNS, Resolved, resolve
from gpuyard.resolve.running import placements_of
from gpuyard.review.allowed import newly_allowed
from gpuyard.review.consequences import consequences
from gpuyard.review.placed import Consequence, Placements, Running
from gpuyard.tree import FOLDERS, PAGE, Tree, owner

if TYPE_CHECKING:
    from gpuyard.review.diff import Base, Diff

__all__ = ["Compiled", "Plan", "allowed", "beside", "compare", "compile", "difference"]
__all__ += [
    "execute",
    "is_current",
    "load",
    "placements_of",
    "plan",
    "remembered",
    "repinned",
    "running",
    "sound",
    "synced_at",
    "synced_with",
    "synced_with_branch",
    "untouched",
    "write",
]

_OBJECTS = ("base", "clusters", "overlays", "platform")
"""The folders whose files are objects, or make them."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Everything that follows from a project, wherever it goes; `digest` is of its sources and of gpuyard itself."""

    project: Project
    resolved: Resolved
    tree: Tree
    digest: str
    placements: Placements


def is_current(project: Project, place: Place, cache: Cache, before: Running | None = None) -> bool:
    """Whether the place has, as far as the cache knows, the very files that followed from these sources before.

    What a commit says of itself has no part in it. Never where its locks say otherwise than `before` what runs, nor
    with files of others in a cluster's folder: nobody remembers what they hold.
    """
    if any(each.startswith("clusters/") for each in project.stack.own_files):
        return False
    question, lock = _question(project), lock_at(place)
    check_entries(project, lock.files, place)
    if not (known := cache.read([question]).get(question)):
        return False
    same = known == listing_digest(place.ids({*lock.files, *lock.paths}).items()).encode()
    return same and before in (None, lock.running) and not any(unlisted(project, lock.files.keys(), place))


def remembered() -> Cache:
    """The user's cache of what this very gpuyard has computed."""
    return open_cache(own_digest())


def sound(directory: Path, cache: Cache) -> Project:
    """The project of a directory; InputError where reading finds a mistake, with whatever else is wrong."""
    project = load(directory, cache)
    if project.problems:
        compile(project)
    return project


def running(place: Place) -> Running:
    """What the clusters that follow a place have."""
    return lock_at(place).running


def compile(project: Project, running: Running = NOTHING_RUNS, cache: Cache = NOTHING) -> Compiled:
    """The generated repository and what it means; InputError with every problem of the user's files."""
    helm = start_helm(shipped_charts())
    resolved = resolve(with_refusals(project, running), running, cache, ahead)
    tree = render(resolved, shipped_charts(), helm(), cache)
    return Compiled(project, resolved, tree, input_digest(project.sources), placements_of(resolved, tree, cache))


def compare(compiled: Compiled, before: Running) -> tuple[tuple[Consequence, ...], tuple[Problem, ...]]:
    """What it does in the clusters, and what of it they would refuse."""
    engine = compiled.resolved.stack.engine.value
    found = consequences(before, Running(placements=compiled.placements, engine=engine))
    return (*found, *allowed(compiled.resolved, before)), tuple(refused(compiled.project, found))


def allowed(resolved: Resolved, before: Running) -> tuple[Consequence, ...]:
    """What is allowed by entries of serving.unsafe that weren't there before."""
    asked = ((each.cluster, each.workload.name, each.workload.unsafe) for each in resolved.placements)
    return tuple(newly_allowed(before, asked))


def plan(
    compiled: Compiled,
    place: Place,
    *,
    base: Running | None = None,
    overwrite: bool = False,
    words: Words = NO_WORDS,
    cache: Cache = NOTHING,
) -> Plan:
    """What would change in a place; OwnershipError names files in the way that aren't gpuyard's or were edited.

    What it means in the clusters is said against `base`, what it was compiled for, or else the place's own locks.
    """
    check_entries(compiled.project, compiled.tree, place)
    before = lock_at(place)
    if strange := list(unlisted(compiled.project, compiled.tree.keys() | before.files.keys(), place)):
        raise InputError(strange)
    clusters, stack = base or before.running, compiled.resolved.stack
    after = lock_of(compiled.tree, Running(stack.name, stack.namespace, compiled.placements, stack.engine.value))
    tree = {**compiled.tree, **write_locks(after)}
    ids = {path: place.blob_id(text.encode()) for path, text in tree.items()}
    written, deleted = changes(tree, ids, before, place, overwrite=overwrite)
    cache.write({_question(compiled.project): listing_digest(ids.items()).encode()})
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
        notes=(
            *compiled.resolved.notes,
            *repinned(compiled.project, clusters),
            *beside(compiled.project, compiled.resolved, place, compiled.tree, before),
            *_by_hand(compiled.resolved, {*written} & before.files.keys()),
        ),
        message=message(title, found, compiled.digest, words),
    )


def difference(compiled: Compiled, place: Place, before: Running, base: "Base") -> "Diff":
    """What a merge changes: against the generated files of a place, as they are there, whichever gpuyard wrote them.

    Of those only the files that differ are read, and what belongs to the same blueprint.
    """
    from gpuyard.resolve.reviewed import world_of  # slow, and only this asks for its rules
    from gpuyard.review.diff import Side, diff, differing

    tree, known = compiled.tree, lock_at(place).files.keys()
    ids = place.ids({*tree, *known})
    others = [path for path, text in tree.items() if ids.get(path) != place.blob_id(text.encode())]
    others += [path for path in known if path in ids and path not in tree]
    there = {path: text.replace("\r\n", "\n") for path, text in place.read(*others).items()}
    changed = frozenset(path for path in others if path not in tree or there.get(path) != tree[path])
    names = differing(before.placements, compiled.placements, changed)
    wanted = [path for path in known if owner(path) in names and path.parts[0] in _OBJECTS]
    texts = {path: text.replace("\r\n", "\n") for path, text in place.read(*wanted).items()}
    after = {path: text for path, text in tree.items() if owner(path) in names and path.parts[0] in _OBJECTS}
    found, _ = compare(compiled, before)
    world = world_of(compiled.project, compiled.resolved, before, found, tuple(repinned(compiled.project, before)))
    return diff(Side(before.placements, texts), Side(compiled.placements, after), changed, world, base)


def untouched(project: Project, place: Place) -> bool:
    """Whether no plan can meet a file of somebody else's, or one that was edited; what it says of entries is raised.

    Asks for no tree: where nothing is generated yet but the page, nothing else can be in the way. What locks say of
    other files is a word of others, until there is a tree to compare with.
    """
    lock = lock_at(place)
    check_entries(project, lock.files, place)
    folders = [PurePosixPath(folder) for folder in FOLDERS]
    if any(map(place.below, folders)) or not is_clear(place, folders) or any(unlisted(project, (), place)):
        return False
    pages = {path: text.replace("\r\n", "\n") for path, text in place.read(PAGE).items()}
    if unmarked(place.ids([PAGE]), pages, place):
        return False
    return all(path in pages and sha256(pages[path]) == lock.files.get(path) for path in place.ids([PAGE]))


def repinned(project: Project, before: Running) -> Iterator[str]:
    """What comes from elsewhere than on the branch that clusters follow: the files, images under the same tags."""
    source, (url, branch) = project.stack.repository, before.follows
    if url and (url, branch) != (source.url, source.branch):
        yield (
            f"spec.repository is branch {source.branch} of {source.url}; clusters follow branch {branch} of {url}: "
            "once this is synced, they apply whatever is pushed to the new one, reviewed or not"
        )
    for name, digest in sorted(project.digests.items()):
        if (was := before.digests.get(name, digest)) != digest:
            yield (
                f"{IMAGES_LOCK} pins {name} to {digest}, and the branch that clusters follow to {was}: the tag of a "
                "release does not change, so ask the registry before the merge: `gpuyard images --lock`"
            )


def _by_hand(resolved: Resolved, changed: Collection[PurePosixPath]) -> Iterator[str]:
    """Files that clusters have, and that no engine applies."""
    stack, engine = resolved.stack, ENGINES[resolved.stack.engine]
    for name in (each.name for each in stack.clusters):
        if (path := engine.by_hand(stack, name)) in changed:
            *_, apply = engine.commands(stack, name)
            again = f"`kubectl --context {engine.context(stack, name)} {apply}`"
            yield f"{path} changes, and {stack.engine.product} does not apply it itself: after the push, {again}"


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


def _question(project: Project) -> bytes:
    """Which files follow from the sources."""
    return b"listing " + input_digest(project.sources).encode()
