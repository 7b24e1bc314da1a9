"""Stage 4, commit: what a branch holds, and a commit on top of it that lands whole or not at all.

The commit is built by one `git fast-import` in a git directory of our own; the user's index, work tree, hooks
and filters take no part in it. It lands by one compare-and-swap: `update-ref` on disk, `push` with a lease
behind a URL. If another writer was faster and touched none of our files, it is built again on theirs. Commits
are not signed: a passphrase prompt has no place here.
"""

import logging
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from random import SystemRandom
from typing import NamedTuple

from gpuyard.doors.git import fastimport
from gpuyard.doors.git.fastimport import Edit
from gpuyard.doors.git.local import open_local
from gpuyard.doors.git.process import Store, checked, read_config
from gpuyard.doors.git.remote import is_url, parse_url
from gpuyard.doors.git.target import Target
from gpuyard.errors import ConflictError, GpuyardError, InputError, Location, OutputError, OwnershipError, Problem

__all__ = ["Commit", "Entry", "Snapshot", "commit", "read_tree"]

_TRIES = 20
_TOP = PurePosixPath()
_REGULAR = ("100644", "100755")
_KINDS = {"120000": "a symbolic link", "160000": "a submodule"}
_BAD_BRANCH = re.compile(r"^[-/]|^(@|HEAD)$|(^|/)\.|\.\.|//|@\{|[\x00-\x20~^:?*\[\\\x7f]|\.lock(/|$)|[./]$|^$")
_BAD_PATH = re.compile(r"^/|(^|/)(\.{1,2}|\.git)(/|$)|[\x00-\x1f\x7f\\]", re.IGNORECASE)
_random = SystemRandom()
_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A file as a commit has it; `mode` is git's, in octal."""

    mode: str
    blob: str


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

    def read(self, *paths: PurePosixPath) -> dict[PurePosixPath, str]:
        """The texts of those paths that are files in the commit; bytes that aren't UTF-8 become U+FFFD."""
        found = {path: self.files[str(self.folder / path)] for path in self.ids(paths)}
        plain = {path: entry.blob for path, entry in found.items() if entry.mode in _REGULAR}
        blobs = self.store.blobs(plain.values())
        return {path: blobs[blob].decode("utf-8", "replace") for path, blob in plain.items()}

    def ids(self, paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, str]:
        """Git's id of each of those paths that the commit has: of links and submodules, too."""
        named = {path: str(self.folder / path) for path in paths}
        return {path: self.files[name].blob for path, name in named.items() if name in self.files}

    def below(self, path: PurePosixPath = _TOP) -> dict[str, Entry]:
        """The files below a path, by their path in the folder."""
        whole = self.folder.parts + path.parts
        start, first = f"{PurePosixPath(*whole)}/" if whole else "", len(self.folder.parts)
        return {
            "/".join(name.split("/")[first:]): entry for name, entry in self.files.items() if name.startswith(start)
        }

    @property
    def remote(self) -> str | None:
        """The remote that the branch is pushed to by `push` alone."""
        return self.target.remote(_ref(self.branch))

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


@contextmanager
def read_tree(target: str | Path, branch: str, folder: PurePosixPath = _TOP) -> Iterator[Snapshot]:
    """What the branch of a repository, a directory or a URL, holds; `commit` belongs inside the `with`."""
    if _BAD_BRANCH.search(branch):
        raise InputError([Problem(Location(branch), "not a valid branch name")])
    place = parse_url(str(target)) if is_url(str(target)) else open_local(Path(target))
    with tempfile.TemporaryDirectory(prefix="gpuyard-") as scratch:
        store = place.store(Path(scratch) / "git")
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
    wanted = {_name(snapshot.folder / path): text for path, text in changes.items()}
    with _plain_errors(target):
        with target.hold(store) as holding:
            landed = _land(snapshot, wanted, message, author, holding)
        if push:
            try:
                target.publish(store, _ref(snapshot.branch), mark)
            except GpuyardError as error:
                if landed:
                    error.landed = landed.id
                    _log.warning("%s is committed to %s, and not pushed", landed.id, target.label)
                raise
    return landed


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
    files: dict[str, Entry] = {}
    if tip:
        out = os.fsdecode(checked(store.run("ls-tree", "-r", "-z", tip), f"reading {target.label}"))
        for line in out.split("\0")[:-1]:
            meta, _, path = line.partition("\t")
            mode, _, blob = meta.split(" ")
            files[path] = Entry(mode, blob)
    return Snapshot(branch, tip, files, target, store, folder)


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
                _refuse_conflict(snapshot, latest, wanted)
            edits = _edits(latest, wanted)
            if not edits:
                return None
            _refuse_obstacles(latest, edits)
            config = read_config(target.config_directory(store), r"^user\.(name|email)$")
            header = fastimport.header(config, message=message, author=author)
            new = fastimport.build(store, latest.commit, edits, header)
            if target.land(store, _ref(snapshot.branch), new=new, old=latest.commit, holding=holding):
                return _commit(new, snapshot.branch, edits)
        time.sleep(_random.uniform(0, min(1.0, 0.05 * 2**attempt)))
    raise ConflictError(f"others kept changing {snapshot.branch} of {target.label}; nothing was committed, try again")


def _commit(new: str, branch: str, edits: Mapping[str, Edit]) -> Commit:
    paths = {PurePosixPath(name): edits[name].text for name in sorted(edits)}
    written = tuple(path for path, text in paths.items() if text is not None)
    return Commit(new, branch, written, tuple(path for path, text in paths.items() if text is None))


def _edits(latest: Snapshot, wanted: Mapping[str, str | None]) -> dict[str, Edit]:
    """What of the wanted isn't so already; a file keeps its mode."""
    edits = {}
    for name, text in wanted.items():
        entry = latest.files.get(name)
        if text is None:
            if entry:
                edits[name] = Edit(entry.mode, None)
        elif not entry or entry.mode not in _REGULAR or entry.blob != latest.store.blob_id(text.encode()):
            edits[name] = Edit(entry.mode if entry else _REGULAR[0], text)
    return edits


def _refuse_conflict(base: Snapshot, latest: Snapshot, wanted: Mapping[str, str | None]) -> None:
    """Somebody else's change of a file of ours is not ours to overwrite."""
    for name, text in wanted.items():
        was, found = base.files.get(name), latest.files.get(name)
        agrees = found is None if text is None else found and found.blob == latest.store.blob_id(text.encode())
        if found != was and not agrees:
            raise ConflictError(
                f"{name} was changed on {base.branch} of {base.target.label} in the meantime;"
                " nothing was committed, run this again"
            )


def _refuse_obstacles(latest: Snapshot, edits: Mapping[str, Edit]) -> None:
    """What isn't a plain file was never written by us: links and submodules stay, and so do directories."""
    leaving = {name for name, edit in edits.items() if edit.text is None}
    directories = set()
    for name in latest.files.keys() - leaving:
        while (name := name.rpartition("/")[0]) and name not in directories:
            directories.add(name)
    for name, edit in edits.items():
        if edit.mode not in _REGULAR:
            raise OwnershipError(
                f"{name} is {_KINDS.get(edit.mode, 'no plain file')} in {latest.target.label}; remove it"
            )
        if edit.text is not None and name in directories:
            raise OwnershipError(f"{name} is a directory in {latest.target.label}; remove it")
        above = name
        while above := above.rpartition("/")[0]:
            if above in latest.files and above not in leaving:
                kind = _KINDS.get(latest.files[above].mode, "a file")
                raise OwnershipError(
                    f"{above} is {kind} in {latest.target.label}, where a directory has to be; remove it"
                )
