"""What a git directory has to be before gpuyard commits to it: the directory's own, with nothing under way in it."""

import os
from pathlib import Path
from shlex import quote

from gpuyard.errors import OutputError

__all__ = ["refuse_link", "refuse_rebase", "refuse_under_way"]

_UNDER_WAY = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "sequencer": "cherry-pick or revert",
}


def refuse_link(root: Path, label: str) -> None:
    """A link as `.git` may lead to any repository of the machine, and only its owner can know whether it is meant."""
    if (root / ".git").is_symlink():
        raise OutputError(
            f"{label}: .git is a symbolic link, and gpuyard writes to no repository behind one; work in a clone of its "
            f"remote, or in a work tree that `git -C {quote(label)} worktree add ELSEWHERE` makes"
        )


def refuse_under_way(git_dir: Path, label: str) -> None:
    """What the user has begun and not finished takes a commit of ours for its own."""
    for name, what in _UNDER_WAY.items():
        if (git_dir / name).exists():
            raise OutputError(f"a {what} is under way in {label}: finish or abort it, then run this again")


def refuse_rebase(common_dir: Path, ref: str, label: str) -> None:
    """HEAD is detached during a rebase, and the branch that it's about is going to move at its end."""
    notes = (f"{place}rebase-{kind}/head-name" for place in ("", "worktrees/*/") for kind in ("merge", "apply"))
    for note in (found for pattern in notes for found in common_dir.glob(pattern)):
        if note.read_bytes().strip() == os.fsencode(ref):
            name = ref.removeprefix("refs/heads/")
            raise OutputError(f"a rebase of {name} is under way in {label}: finish or abort it first")
