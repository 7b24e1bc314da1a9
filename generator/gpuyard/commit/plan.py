"""What has to change in a place so that it holds a tree, and nothing that isn't ours; as data."""

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from gpuyard.commit.lock import Lock, is_lock, sha256
from gpuyard.commit.mark import unmarked
from gpuyard.errors import OwnershipError, Problem
from gpuyard.review.placed import Consequence, Placements
from gpuyard.tree import Tree, owner

__all__ = ["Place", "Plan", "changes", "is_clear"]


class Place(Protocol):
    """Where a tree goes: a commit of a repository (`git.Snapshot`), or a directory as it stands (`Directory`)."""

    def ids(self, paths: Iterable[PurePosixPath]) -> Mapping[PurePosixPath, str]:
        """Git's id of each of those paths that is there; a link's, or a file's that is too large, is no file's."""

    def read(self, *paths: PurePosixPath) -> Mapping[PurePosixPath, str]:
        """The texts of those paths that are plain files, and no larger than a generated one."""

    def below(self, path: PurePosixPath) -> Iterable[str]:
        """The paths of all files below that one."""

    def above(self, *names: str) -> Iterable[PurePosixPath]:
        """The files of these names in the folders of the repository that hold this one; absolute from its top."""

    def blob_id(self, data: bytes) -> str:
        """The id that a file with these bytes has there."""

    def check_clear(self, written: Collection[PurePosixPath], deleted: Collection[PurePosixPath]) -> None:
        """OwnershipError for what is no file of ours and stands where one goes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change: what a preview shows, and what `pipeline.execute` commits."""

    written: Mapping[PurePosixPath, str] = field(default_factory=dict)
    """New text by path, the locks', too."""
    deleted: tuple[PurePosixPath, ...] = ()
    before: Placements = field(default_factory=dict)
    """What runs where, as the locks that are there have it, or the one of the base that was asked for."""
    after: Placements = field(default_factory=dict)
    consequences: tuple[Consequence, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What a cluster would refuse for certain, at the place that asks for it: it can't be executed."""
    notes: tuple[str, ...] = ()
    """What is allowed and still worth saying, whether anything changes or not."""
    message: str = ""
    """Of the commit."""

    @property
    def empty(self) -> bool:
        """Whether everything is there already: up to date."""
        return not self.written and not self.deleted


def changes(
    tree: Tree, wanted: Mapping[PurePosixPath, str], lock: Lock, place: Place, *, overwrite: bool = False
) -> tuple[dict[PurePosixPath, str], tuple[PurePosixPath, ...]]:
    """What is written and what is deleted; OwnershipError names what is in the way.

    `lock` is the one that is there; the tree has the new ones among its files, and `wanted` the ids of all of them.
    """
    known = {*lock.files, *lock.paths}
    ids = place.ids({*tree, *known})
    differing = [path for path, identity in wanted.items() if ids.get(path) != identity]
    alike = {str(path).lower() for path in tree}  # one of another case may be the same file
    deleted = tuple(sorted(path for path in known if path in ids and str(path).lower() not in alike))
    present = [path for path in (*differing, *deleted) if path in ids]
    texts = {path: text.replace("\r\n", "\n") for path, text in place.read(*present).items()}
    # A Git for Windows may have changed the ends of lines, which is no difference.
    written = {path: tree[path] for path in differing if texts.get(path) != tree[path]}
    changing = {*written, *deleted}
    met = [path for path in present if path in changing]
    _check_owned(met, lock, texts, unmarked(met, texts, place), overwrite=overwrite)
    place.check_clear(written, deleted)
    return written, deleted


def is_clear(place: Place, folders: Iterable[PurePosixPath]) -> bool:
    """Whether nothing stands where those folders go."""
    try:
        place.check_clear([folder / "x" for folder in folders], ())
    except OwnershipError:
        return False
    return True


def _check_owned(
    present: Iterable[PurePosixPath],
    lock: Lock,
    texts: Mapping[PurePosixPath, str],
    others: Container[PurePosixPath],
    *,
    overwrite: bool,
) -> None:
    """Files that somebody edited may be lost where that is wanted; files that were never ours never.

    A lock alone makes no file ours: `others` don't say themselves that gpuyard generated them.
    """
    foreign, special, silent, edited = [], [], [], []
    for path in present:
        if is_lock(path):
            continue
        if path not in lock.files:
            foreign.append(path)
        elif path not in texts:
            special.append(path)
        elif path in others:
            silent.append(path)
        elif not overwrite and sha256(texts[path]) != lock.files[path]:
            edited.append(path)
    lines = [f"{path}: is in the way and was not generated by gpuyard; move it" for path in sorted(foreign)]
    lines += [
        f"{path}: is in the way, and is a link or larger than any generated file; move it or delete it"
        for path in sorted(special)
    ]
    lines += [
        f"{path}: is in the way and does not say that gpuyard generated it, though the lock does; move it or delete it"
        for path in sorted(silent)
    ]
    lines += [
        f"{path}: was edited by hand; move the change into {_source(path)}, or discard it with --overwrite"
        for path in sorted(edited)
    ]
    if lines:
        raise OwnershipError(*lines)


def _source(path: PurePosixPath) -> str:
    """Where its author says the same: what has no key of its own is said by `values`."""
    if blueprint := owner(path):
        return f"the blueprint {blueprint} (what has no key there goes into its `values`)"
    return "stack.yaml" if path.parts[0] in ("platform", "clusters") else "stack.yaml or a blueprint"
