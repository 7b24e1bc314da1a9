"""Stage 4, commit: what a branch holds, and a commit on top of it that lands whole or not at all.

The commit is built by one `git fast-import` in a git directory of our own; the user's index, work tree, hooks
and filters take no part in it. It lands by one compare-and-swap: `update-ref` on disk, `push` with a lease
behind a URL. If another writer was faster and touched none of our files, it is built again on theirs.
"""

import logging
import os
import re
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from random import SystemRandom

from gpuyard.doors.git import fastimport
from gpuyard.doors.git.attributes import conflicts
from gpuyard.doors.git.edits import REGULAR, Entry, edits_of, obstacles, refuse_conflict, refuse_obstacles
from gpuyard.doors.git.fastimport import Edit
from gpuyard.doors.git.local import open_local
from gpuyard.doors.git.process import Store, checked, read_config
from gpuyard.doors.git.remote import Remote, is_url, parse_url
from gpuyard.doors.git.revisions import base_of, followed
from gpuyard.doors.git.signing import sign, signing_of
from gpuyard.doors.git.target import Target
from gpuyard.doors.scratch import scratch, unwritable
from gpuyard.errors import ConflictError, GpuyardError, InputError, Location, OutputError, OwnershipError, Problem
from gpuyard.tree import path_of, readable

__all__ = ["Commit", "Entry", "Snapshot", "check_branch", "commit", "known_as", "read_base", "read_tree"]

_TRIES = 20
_KEPT = 64 << 20
"""Bytes of blobs that a snapshot remembers."""
_TOP = PurePosixPath()
_BAD_BRANCH = re.compile(r"^[-/]|^(@|HEAD)$|(^|/)\.|\.\.|//|@\{|[\x00-\x20~^:?*\[\\\x7f]|\.lock(/|$)|[./]$|^$")
_BAD_PATH = re.compile(r"^/|(^|/)(\.{1,2}|\.git)(/|$)|[\x00-\x1f\x7f\\]", re.IGNORECASE)
_random = SystemRandom()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A branch at one commit (None: an empty repository), and all files of that commit by their path.

    All else is about one folder of it: paths that are read or written are paths below that.
    """

    branch: str
    commit: str | None
    files: Mapping[str, Entry]
    target: Target = field(repr=False)
    store: Store = field(repr=False)
    folder: PurePosixPath = _TOP
    _blobs: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    """That were read, by id: the locks alone are asked for three times."""
    _names: list[str] = field(default_factory=list, repr=False, compare=False)
    """All paths in order, once somebody asked for a folder."""

    def read(self, *paths: PurePosixPath) -> dict[PurePosixPath, str]:
        """The texts of those paths that are files, `LARGEST` at most; bytes that aren't UTF-8 become U+FFFD."""
        found = {path: self.files[self._name(path)] for path in self.ids(paths)}
        plain = {path: entry.blob for path, entry in found.items() if entry.mode in REGULAR}
        known = self._blobs
        sizes = self.store.sizes(set(plain.values()) - known.keys()) | {blob: len(data) for blob, data in known.items()}
        plain = {path: plain[path] for path in readable((path, sizes.get(blob, 0)) for path, blob in plain.items())}
        new = self.store.blobs(set(plain.values()) - known.keys())
        if sum(map(len, known.values())) + sum(map(len, new.values())) <= _KEPT:
            known.update(new)
        blobs = {**known, **new}
        return {path: blobs[blob].decode("utf-8", "replace") for path, blob in plain.items()}

    def ids(self, paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, str]:
        """Git's id of each of those paths that the commit has; that of a link or submodule is no file's."""
        found = {}
        for path in paths:
            if entry := self.files.get(self._name(path)):
                found[path] = entry.blob if entry.mode in REGULAR else f"link {entry.blob}"
        return found

    def check_clear(self, written: Iterable[PurePosixPath], deleted: Iterable[PurePosixPath]) -> None:
        """OwnershipError for what is no file of ours and stands where one goes."""
        wanted, leaving = ({self._name(path) for path in paths} for paths in (written, deleted))
        lines = {
            f"{name.removeprefix(f'{self.folder}/')}: is {kind}, and a {'file' if whole else 'directory'} goes "
            "there; move it"
            for name, kind, whole in obstacles(self.files, wanted, leaving)
        }
        if lines:
            raise OwnershipError(*sorted(lines))

    def _name(self, path: PurePosixPath) -> str:
        return str(self.folder / path) if self.folder.parts else str(path)  # to join them takes time

    def below(self, path: PurePosixPath = _TOP) -> dict[str, Entry]:
        """The files below a path, by their path in the folder."""
        first = len(f"{self.folder}/") if self.folder.parts else 0
        start = f"{self._name(path)}/" if path.parts or first else ""
        if not self._names:
            self._names.extend(sorted(self.files))
        after = bisect_left(self._names, f"{start[:-1]}0") if start else None  # what comes after "/"
        return {name[first:]: self.files[name] for name in self._names[bisect_left(self._names, start) : after]}

    def contents(self, *folders: str) -> dict[PurePosixPath, bytes]:
        """The plain files of some folders as bytes, by their path in the folder of all."""
        found = {PurePosixPath(name): each for name, each in self.below().items() if name.partition("/")[0] in folders}
        plain = {path: each.blob for path, each in found.items() if each.mode in REGULAR}
        blobs = self.store.blobs(plain.values())
        return {path: blobs[blob] for path, blob in plain.items()}

    @property
    def seconds(self) -> int:
        """When the commit was made, since 1970."""
        told = self.store.run("show", "--no-patch", "--format=%ct", self.commit or "HEAD")
        return int(checked(told, f"reading {self.target.label}").split()[0])

    def above(self, *names: str) -> list[PurePosixPath]:
        """The files of these names in the folders that hold this one; absolute from the top."""
        paths = [folder / name for folder in self.folder.parents for name in names]
        return [PurePosixPath("/", path) for path in paths if str(path) in self.files]

    @property
    def remote(self) -> str | None:
        """The remote that the branch is pushed to by `push` alone."""
        return self.target.remote(_ref(self.branch))

    def tip(self) -> str | None:
        """The commit that the branch is at by now."""
        return self.target.tip(self.store, _ref(self.branch))

    def blob_id(self, data: bytes) -> str:
        """The id that a file with these bytes has in the repository."""
        return self.store.blob_id(data)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that landed, and the files in which it differs from the one before."""

    id: str
    branch: str
    written: tuple[PurePosixPath, ...]
    deleted: tuple[PurePosixPath, ...]


def check_branch(name: str) -> None:
    """Refuse what Git takes for no name of a branch."""
    if _BAD_BRANCH.search(name):
        raise InputError([Problem(Location(name), "not a valid branch name")])


@contextmanager
def read_tree(target: str | Path | Remote, branch: str, folder: PurePosixPath = _TOP) -> Iterator[Snapshot]:
    """What the branch of a repository, a directory or a URL, holds; `commit` belongs inside the `with`."""
    check_branch(branch)
    place = _target(target)
    with scratch() as temporary:
        store = _store(place, temporary)
        with _plain_errors(place), place.hold(store):
            snapshot = _look(place, store, branch, folder)
        yield snapshot


def commit(
    snapshot: Snapshot,
    changes: Mapping[PurePosixPath, str | None],
    *,
    message: str,
    author: str | None = None,
    push: bool = False,
    mark: str = "",
) -> Commit | None:
    """Commit texts (None deletes the file) below its folder, on top of the snapshot; None if they are so already.

    Behind a URL the commit is pushed in any case; on disk `push` brings the branch to the remote it follows.
    `mark` is the trailer of commits that can be made anew, which what a refused push advises leaves behind.
    """
    target, store = snapshot.target, snapshot.store
    top = snapshot.folder == _TOP
    wanted = {_name(path if top else snapshot.folder / path): text for path, text in changes.items()}
    with _plain_errors(target):
        with target.hold(store) as holding:
            landed = _land(snapshot, wanted, message, author, holding)
        if landed and target.root and target.head == snapshot.branch:
            git_dir = target.config_directory(store)
            if told := conflicts(target.root, git_dir, map(str, landed.written)):
                _log.warning("%s", told)
        if push:
            try:
                target.publish(store, _ref(snapshot.branch), mark)
            except KeyboardInterrupt as stop:
                raise KeyboardInterrupt(
                    f"interrupted; {snapshot.branch} has the commit, and may not be pushed: run this again with --push"
                ) from stop
            except GpuyardError as error:
                if landed:
                    error.landed = landed.id
                    _log.warning("%s is committed to %s, and not pushed", landed.id, target.label)
                raise
    return landed


@contextmanager
def read_base(path: Path, revision: str, folder: PurePosixPath = _TOP, branch: str = "") -> Iterator[Snapshot]:
    """What a repository on disk had where a branch (empty: its HEAD) left a revision; to read only."""
    place = open_local(path)
    tip = _ref(branch) if branch else "HEAD"
    with scratch() as temporary:
        store = _store(place, temporary)
        with _plain_errors(place):
            commit = base_of(place.git_dir, place.common_dir, revision, place.label, tip)
            snapshot = Snapshot(revision, commit, _files(place, store, commit), place, store, folder)
        yield snapshot


def known_as(path: Path, branch: str) -> str | None:
    """The revision by which a repository on disk knows what a branch has where others see it; None: it doesn't."""
    return followed(open_local(path).git_dir, branch)


def _target(target: str | Path | Remote) -> Target:
    if isinstance(target, Remote):
        return target
    return parse_url(str(target)) if is_url(str(target)) else open_local(Path(target))


def _store(target: Target, temporary: Path) -> Store:
    try:
        return target.store(temporary / "git")
    except OSError as error:
        raise unwritable(error) from error


@contextmanager
def _plain_errors(target: Target) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{error.filename or target.label}: {error.strerror}") from error


def _ref(branch: str) -> str:
    return f"refs/heads/{branch}"


def _name(path: PurePosixPath) -> str:
    name = str(path)
    if _BAD_PATH.search(name):
        raise OutputError(f"{name!r} is not a path that a commit can have")
    return name


def _look(target: Target, store: Store, branch: str, folder: PurePosixPath) -> Snapshot:
    tip = target.tip(store, _ref(branch))
    return Snapshot(branch, tip, _files(target, store, tip) if tip else {}, target, store, folder)


def _files(target: Target, store: Store, commit: str) -> dict[str, Entry]:
    out = os.fsdecode(checked(store.run("ls-tree", "-r", "-z", commit), f"reading {target.label}"))
    rows = (line.partition("\t") for line in out.split("\0")[:-1])
    return {path: Entry(meta[:6], meta.rpartition(" ")[2]) for meta, _, path in rows}


def _land(
    snapshot: Snapshot,
    wanted: Mapping[str, str | None],
    message: str,
    author: str | None,
    holding: int | None,
) -> Commit | None:
    target, store, latest = snapshot.target, snapshot.store, snapshot
    for attempt in range(_TRIES):
        # The first try disturbs nobody.
        with target.calm(store) if attempt else nullcontext():
            if attempt:
                latest = _look(target, store, snapshot.branch, snapshot.folder)
                where = f"{snapshot.branch} of {target.label}"
                refuse_conflict(snapshot.files, latest.files, wanted, where, store.blob_id)
            edits = edits_of(latest.files, wanted, store.blob_id)
            if not edits:
                return None
            refuse_obstacles(latest.files, edits, target.label)
            config = read_config(target.config_directory(store), r"^user\.(name|email)$")
            header = fastimport.header(config, message=message, author=author)
            new = fastimport.build(store, latest.commit, edits, header)
            if signing := signing_of(target.config_directory(store)):
                new = sign(store, new, signing, target.root)
            if target.land(store, _ref(snapshot.branch), new=new, old=latest.commit, holding=holding):
                return _commit(new, snapshot.branch, edits)
        time.sleep(_random.uniform(0, min(1.0, 0.05 * 2**attempt)))
    raise ConflictError(f"others kept changing {snapshot.branch} of {target.label}; nothing was committed, try again")


def _commit(new: str, branch: str, edits: Mapping[str, Edit]) -> Commit:
    paths = {path_of(name): edits[name].text for name in sorted(edits)}
    written = tuple(path for path, text in paths.items() if text is not None)
    return Commit(new, branch, written, tuple(path for path, text in paths.items() if text is None))
