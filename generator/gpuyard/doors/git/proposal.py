"""A commit on a branch of its own, which is proposed to another: made in our own store, pushed by compare-and-swap.

The branch is replaced only where it holds a proposal and nothing else: a commit that says of itself, truly, which edits
it makes to which parent, by whoever commits now. Anybody else's commit stays.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gpuyard.doors.git import fastimport
from gpuyard.doors.git.edits import edits_of, refuse_obstacles
from gpuyard.doors.git.fastimport import Edit
from gpuyard.doors.git.process import Store, checked, read_config
from gpuyard.doors.git.remote import Remote
from gpuyard.doors.git.repository import Snapshot, check_branch
from gpuyard.doors.git.signing import sign, signing_of
from gpuyard.errors import ConflictError, OwnershipError

__all__ = ["Proposal", "propose"]

MARK = "Proposal-Digest"
_TRIES = 8
_SHORT = 12
_TRAILER = re.compile(rf"^{MARK}: ([0-9a-f]{{64}})$", re.MULTILINE)


class Proposal(NamedTuple):
    """Where it is; `pushed`: it was not there before."""

    branch: str
    commit: str
    pushed: bool


def propose(
    snapshot: Snapshot, changes: Mapping[PurePosixPath, str | None], *, branch: str, message: str, git_dir: Path
) -> Proposal | None:
    """Put texts (None deletes) below the snapshot's folder on a branch of its remote; None: they are so already.

    The configuration of the repository `git_dir` says who commits and whether the commit is signed.
    """
    check_branch(branch)
    target, store = snapshot.target, snapshot.store
    if not isinstance(target, Remote) or snapshot.commit is None:
        raise ConflictError(f"{target.label} has no commit that anything could be proposed to")
    edits = edits_of(
        snapshot.files, {str(snapshot.folder / path): text for path, text in changes.items()}, store.blob_id
    )
    if not edits:
        return None
    refuse_obstacles(snapshot.files, edits, target.label)
    new = _built(snapshot, edits, message, git_dir)
    ref = f"refs/heads/{branch}"
    for _ in range(_TRIES):
        there = target.peek(store, ref)
        if there and _tree(store, there) == _tree(store, new):
            return Proposal(branch, there, pushed=False)
        if there and not _is_ours(store, there, new):
            raise OwnershipError(
                f"branch {branch} of {target.label} is at {there[:_SHORT]}, which is not what gpuyard proposed there "
                "for you; nothing was pushed. Merge or delete that branch, or give another name with --branch"
            )
        if target.replace(store, ref, new=new, old=there):
            return Proposal(branch, new, pushed=True)
    raise ConflictError(f"others keep changing {branch} of {target.label}; nothing was pushed, run this again")


def _built(snapshot: Snapshot, edits: Mapping[str, Edit], message: str, git_dir: Path) -> str:
    store, parent = snapshot.store, snapshot.commit or ""
    rows = {
        name: (edit.mode, store.blob_id(edit.text.encode())) if edit.text is not None else ("000000", "")
        for name, edit in edits.items()
    }
    text = f"{message.rstrip()}\n{MARK}: {_digest(parent, rows)}\n"
    config = read_config(git_dir, r"^user\.(name|email)$")
    new = fastimport.build(store, parent, edits, fastimport.header(config, message=text, author=None))
    if signing := signing_of(git_dir):
        new = sign(store, new, signing, None)
    return new


def _digest(parent: str, rows: Mapping[str, tuple[str, str]]) -> str:
    digest = hashlib.sha256(parent.encode())
    for name, (mode, blob) in sorted(rows.items()):
        digest.update(f"\0{mode} {blob} {name}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _tree(store: Store, commit: str) -> str:
    return checked(store.run("rev-parse", f"{commit}^{{tree}}"), "reading a commit").decode().strip()


def _is_ours(store: Store, commit: str, new: str) -> bool:
    """Whether a commit holds what it says that gpuyard proposed, by the committer of the new one."""
    found = checked(store.run("log", "-1", "--format=%P%x00%ce%x00%B", commit), "reading a commit")
    parents, email, text = found.decode("utf-8", "replace").split("\0", 2)
    ours = checked(store.run("log", "-1", "--format=%ce", new), "reading a commit").decode("utf-8", "replace").strip()
    trailer = _TRAILER.findall(text)
    if email != ours or len(trailer) != 1 or " " in parents or not parents:
        return False
    out = checked(store.run("diff-tree", "-r", "-z", "--no-renames", parents, commit), "comparing commits")
    fields = out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    rows = dict[str, tuple[str, str]]()
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        _, mode, _, blob, status = meta.removeprefix(":").split(" ")
        rows[path] = (mode, "" if status == "D" else blob)
    return trailer == [_digest(parents, rows)]
