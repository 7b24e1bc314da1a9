"""What changes between two generated trees, for who reviews it: models and money, then objects; the rest isn't read."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath

from gpuyard.errors import InputError
from gpuyard.review import danger
from gpuyard.review.built import Object, documents, objects
from gpuyard.review.danger import Danger, Knowledge, Severity
from gpuyard.review.fields import Identity, ObjectChange, between, by_identity
from gpuyard.review.placed import Consequence, Placed, Placements
from gpuyard.review.served import NodePrice, Served, Sum, served, total
from gpuyard.tree import PLATFORM, WEIGHTS, cluster, overlay, own, own_platform, owner, platform

__all__ = ["Base", "ClusterDiff", "Diff", "Fate", "Group", "Model", "Side", "World", "by_weight", "diff", "differing"]

Texts = Mapping[PurePosixPath, str]


class Fate(StrEnum):
    """What becomes of a model in a cluster."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    """To another shape."""
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Base:
    """What is compared with: the name that was asked for, and the commit."""

    name: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """A generated tree, before or after: which files it has of all that differs, and what runs where."""

    placements: Placements = field(default_factory=dict)
    texts: Texts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """What is the same on both sides, or known without reading: servers of blueprints whose files do not differ."""

    engine: str = "flux"
    served: Mapping[tuple[str, str], Served] = field(default_factory=dict)
    """By cluster and blueprint."""
    prices: Mapping[str, NodePrice] = field(default_factory=dict)
    known: Knowledge = field(default_factory=Knowledge)
    consequences: Sequence[Consequence] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A blueprint in a cluster that isn't as it was."""

    name: str
    fate: Fate
    shapes: tuple[str, str]
    before: Served | None
    after: Served | None
    costs: tuple[Sum, Sum]


@dataclass(frozen=True, slots=True)
class ClusterDiff:
    """A cluster with all of its models in numbers, and those that differ one by one."""

    name: str
    models: tuple[Model, ...]
    before: Sum
    after: Sum


@dataclass(frozen=True, slots=True)
class Group:
    """Objects that change in the same way in some clusters; blueprint empty: the stack's."""

    blueprint: str
    shape: str
    clusters: tuple[str, ...]
    changes: tuple[ObjectChange, ...]

    @property
    def told(self) -> tuple[ObjectChange, ...]:
        """Without those of which only labels differ that repeat other fields."""
        return tuple(each for each in self.changes if not each.only_labels)


@dataclass(frozen=True, slots=True)
class Diff:
    """All of it."""

    base: Base
    engine: str
    clusters: tuple[ClusterDiff, ...] = ()
    groups: tuple[Group, ...] = ()
    consequences: tuple[Consequence, ...] = ()
    dangers: tuple[Danger, ...] = ()
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """What could not be compared, and why; it differs all the same."""
    files: tuple[str, ...] = ()
    """Paths that differ."""

    @property
    def empty(self) -> bool:
        """Whether no generated file and no cluster differs."""
        return not (self.files or self.clusters or self.consequences)

    @property
    def others(self) -> tuple[Consequence, ...]:
        """The consequences that aren't among the dangers."""
        told = {each.detail for each in self.dangers}
        return tuple(each for each in self.consequences if each.message not in told)

    @property
    def dangerous(self) -> bool:
        """Whether a reviewer is in for a surprise."""
        return any(each.rule.severity is Severity.DANGER for each in self.dangers)


def differing(before: Placements, after: Placements, changed: Iterable[PurePosixPath]) -> set[str]:
    """Blueprints to read: those whose files changed, and those that run elsewhere; the empty name is the stack."""
    found = {owner(path) for path in changed}
    for name in {*before, *after}:
        old, new = _places(before.get(name, {})), _places(after.get(name, {}))
        found |= {each for each in {*old, *new} if old.get(each) != new.get(each)}
    return found


def diff(before: Side, after: Side, changed: Collection[PurePosixPath], world: World, base: Base) -> Diff:
    """The texts of both sides have all files of blueprints that are `differing`, and the stack's, if it is."""
    reader = _Reader(before, after)
    touched = differing(before.placements, after.placements, changed)
    groups, unread = list[Group](), list[str]()
    for name in sorted(touched):
        try:
            groups += reader.groups(name)
        except InputError as error:
            unread += [str(problem) for problem in error.problems]
    dangers = list(danger.of_consequences(world.consequences))
    for group in groups:
        try:
            dangers += danger.of_objects(group.changes, group.clusters, group.blueprint, world.known)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            # An object of a form that the API server itself would refuse.
            unread.append(f"{group.blueprint or 'the stack'}: its objects have an unknown form, so no rule judged them")
    return Diff(
        base=base,
        engine=world.engine,
        clusters=tuple(_clusters(reader, before.placements, after.placements, touched, world)),
        groups=tuple(groups),
        consequences=tuple(world.consequences),
        dangers=by_weight(dangers),
        notes=tuple(world.notes),
        unread=tuple(sorted(set(unread))),
        files=tuple(sorted(map(str, changed))),
    )


def by_weight(found: Iterable[Danger]) -> tuple[Danger, ...]:
    """Dangers before cautions, in the order of the rules."""
    return tuple(sorted(found, key=_order))


def _order(each: Danger) -> tuple[bool, int, str, tuple[str, ...], str]:
    known = list(danger.rules())
    caution = each.rule.severity is Severity.CAUTION
    return caution, known.index(each.rule.id), each.blueprint, each.clusters, each.detail


def _places(found: Mapping[str, Placed]) -> Mapping[str, tuple[str, str]]:
    return {name: (each.shape, each.namespace) for name, each in found.items()}


class _Reader:
    """Both sides, each folder of them built once."""

    def __init__(self, before: Side, after: Side) -> None:
        self._sides = (before, after)
        self._built: dict[tuple[int, PurePosixPath], list[Object]] = {}
        self._folders: tuple[dict[PurePosixPath, list[PurePosixPath]], ...] = ({}, {})
        for side, folders in zip(self._sides, self._folders, strict=True):
            for path in sorted(side.texts, key=str):
                folders.setdefault(path.parent, []).append(path)

    def groups(self, blueprint: str) -> list[Group]:
        """Of a blueprint, or of the stack, whose name is empty."""
        before, after = self._sides
        found: list[Group] = []
        for name in sorted(after.placements):  # in a cluster that leaves nothing is changed
            changes = between(self._objects(0, name, blueprint), self._objects(1, name, blueprint))
            placed = (side.placements.get(name, {}).get(blueprint) for side in (before, after))
            shape = " to ".join(dict.fromkeys(each.shape for each in placed if each))
            same = next((at for at, each in enumerate(found) if (each.shape, each.changes) == (shape, changes)), None)
            if same is None:
                found.append(Group(blueprint, shape, (name,), changes))
            else:
                found[same] = replace(found[same], clusters=(*found[same].clusters, name))
        if not blueprint:
            found.insert(0, Group("", "", tuple(sorted(after.placements)), between(self._fleet(0), self._fleet(1))))
        return [each for each in found if each.changes]

    def served(self, side: int, cluster_name: str, blueprint: str) -> Served | None:
        """None: it does not run there, or what it is cannot be read."""
        try:
            return served(list(self._objects(side, cluster_name, blueprint).values()))
        except (AttributeError, InputError, KeyError, TypeError, ValueError):
            return None

    def _objects(self, side: int, name: str, blueprint: str) -> dict[Identity, Object]:
        found, texts = self._sides[side].placements.get(name), self._sides[side].texts
        if found is None or (blueprint and blueprint not in found):
            return {}
        if not blueprint:
            return by_identity(self._stack(side, name), "")
        placed = found[blueprint]
        both = ((own(name, blueprint, part), overlay(placed.shape, blueprint, part)) for part in ("", WEIGHTS))
        folders = [mine if mine / "kustomization.yaml" in texts else common for mine, common in both]
        built = by_identity((obj for folder in folders for obj in self._build(side, folder)), placed.namespace)
        return {**built, **by_identity(self._entry(side, name, blueprint), "")}

    def _stack(self, side: int, name: str) -> Iterator[Object]:
        texts = self._sides[side].texts
        here = own_platform(name, "").parts
        common = {path.parts[1] for path in texts if path.parts[0] == PLATFORM and len(path.parts) > 2}
        alone = {path.parts[3] for path in texts if path.parts[:3] == here and len(path.parts) > 4}
        for layer in sorted(common | alone):
            mine = own_platform(name, layer)
            yield from self._build(side, mine if mine / "kustomization.yaml" in texts else platform(layer))
        yield from self._entry(side, name, "")

    def _entry(self, side: int, name: str, blueprint: str) -> Iterator[Object]:
        """What the engine reads in the cluster's folder, or in that of what the cluster has of its own."""
        for folder in (cluster(name), cluster(name) / (blueprint or PLATFORM)):
            yield from self._files(side, folder, blueprint)

    def _fleet(self, side: int) -> dict[Identity, Object]:
        """Of the files that stand beside the clusters' folders: of an Argo CD that syncs them all."""
        return by_identity(self._files(side, cluster(""), ""), "")

    def _files(self, side: int, folder: PurePosixPath, blueprint: str) -> Iterator[Object]:
        for path in self._folders[side].get(folder, ()):
            if owner(path) == blueprint and path.name != "kustomization.yaml":
                yield from documents(self._sides[side].texts[path], path)

    def _build(self, side: int, folder: PurePosixPath) -> list[Object]:
        if (side, folder) not in self._built:
            self._built[side, folder] = objects(self._sides[side].texts, folder)
        return self._built[side, folder]


def _clusters(
    reader: _Reader, before: Placements, after: Placements, touched: Collection[str], world: World
) -> Iterator[ClusterDiff]:
    """Those in which a model or a sum differs; of a cluster that leaves all goes on, and is billed."""
    for name in sorted(after):
        old, new = before.get(name, {}), after[name]
        models, sums = [], (list[Served](), list[Served]())
        for each in sorted({*old, *new}):
            sides = tuple(_served(reader, side, name, each, touched, world) for side in (0, 1))
            for side, known in zip(sums, sides, strict=True):
                side += [known] if known else []
            fate = _fate(old.get(each), new.get(each), *sides)
            if fate:
                shapes = (old[each].shape if each in old else "", new[each].shape if each in new else "")
                costs = [total([side] if side else [], world.prices) for side in sides]
                models.append(Model(each, fate, shapes, sides[0], sides[1], (costs[0], costs[1])))
        if models:
            totals = (total(side, world.prices) for side in sums)
            yield ClusterDiff(name, tuple(models), *totals)


def _served(
    reader: _Reader, side: int, name: str, blueprint: str, touched: Collection[str], world: World
) -> Served | None:
    if blueprint in touched:
        return reader.served(side, name, blueprint)
    return world.served.get((name, blueprint))


def _fate(old: Placed | None, new: Placed | None, before: Served | None, after: Served | None) -> Fate | None:
    if old is None:
        return Fate.ADDED
    if new is None:
        return Fate.REMOVED
    if old.shape != new.shape:
        return Fate.MOVED
    restarted = old.pod and new.pod and old.pod != new.pod
    return Fate.CHANGED if before != after or restarted else None
