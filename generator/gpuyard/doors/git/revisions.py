"""Commits that people name: what a branch is compared with."""

from pathlib import Path

from gpuyard.doors.git.process import Result, checked, explain, printable, run
from gpuyard.errors import MissingError

__all__ = ["base_of", "followed"]


def base_of(git_dir: Path, common_dir: Path, revision: str, label: str, tip: str = "HEAD") -> str:
    """The commit where a tip left a revision: the revision itself, where both have nothing in common."""
    commit = _commit(git_dir, revision)
    if commit is None:
        name = printable(revision)
        way = _deeper(common_dir) or "`git branch --all` lists the branches that are known here"
        raise MissingError(f"{label} has no commit {name}; {way}")
    result = _git(git_dir, "merge-base", commit, tip)
    if result.status == 0:
        return result.out.decode().split()[0]
    if _commit(git_dir, tip) is None:
        return commit
    if result.status != 1:
        raise explain(result, f"comparing {label} with {printable(revision)}")
    if way := _deeper(common_dir):
        raise MissingError(f"{label} does not reach back to where it left {printable(revision)}; {way}")
    return commit


def followed(git_dir: Path, branch: str) -> str | None:
    """What is known here of a branch: where its remote had it, or else the branch itself."""
    remote, local = f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"
    result = _git(git_dir, "for-each-ref", "--format=%(refname) %(objecttype) %(upstream)", remote, local)
    lines = (line.split(" ") for line in checked(result, "reading a branch").decode().splitlines())
    found = {name: upstream for name, kind, upstream in lines if kind == "commit"}
    upstream = found.get(local, "")
    if upstream not in found and upstream and _commit(git_dir, upstream):
        return upstream
    return next((name for name in (upstream, remote, local) if name in found), None)


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
