"""Commits that people name: what a branch is compared with."""

from pathlib import Path

from gpuyard.doors.git.process import Result, checked, explain, printable, run
from gpuyard.errors import MissingError

__all__ = ["base_of"]


def base_of(git_dir: Path, common_dir: Path, revision: str, label: str) -> str:
    """The commit where HEAD left a revision: the revision itself, where HEAD has nothing in common with it."""
    commit = _commit(git_dir, revision)
    if commit is None:
        name = printable(revision)
        way = _deeper(common_dir) or "`git branch --all` lists the branches that are known here"
        raise MissingError(f"{label} has no commit {name}; {way}")
    head = _commit(git_dir, "HEAD")
    if head is None:
        return commit
    result = _git(git_dir, "merge-base", commit, head)
    if result.status == 0:
        return result.out.decode().split()[0]
    if result.status != 1:
        raise explain(result, f"comparing {label} with {printable(revision)}")
    if way := _deeper(common_dir):
        raise MissingError(f"{label} does not reach back to where it left {printable(revision)}; {way}")
    return commit


def _commit(git_dir: Path, revision: str) -> str | None:
    """None: there is none of that name."""
    result = _git(git_dir, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return checked(result, "reading a commit").decode().split()[-1] if result.status == 0 else None


def _deeper(common_dir: Path) -> str:
    """What to do in a shallow clone."""
    if not (common_dir / "shallow").exists():
        return ""
    return (
        "the clone is shallow: `git fetch --unshallow` or `git fetch --deepen=100` for more of its history, "
        "`fetch-depth: 0` in a workflow"
    )


def _git(git_dir: Path, *arguments: str) -> Result:
    return run(*arguments, env={"GIT_DIR": str(git_dir)})
