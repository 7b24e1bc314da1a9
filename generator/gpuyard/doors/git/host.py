"""What a new stack starts in: a repository where there was none, or one that has other things."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from gpuyard.doors.git.calm import refuse_link
from gpuyard.doors.git.local import open_local
from gpuyard.doors.git.process import checked, printable, read_config, run
from gpuyard.errors import OutputError

__all__ = ["Host", "create_repository", "host", "ignores"]

_PUBLIC = re.compile(r"https://[^@\s]+")


class Host(NamedTuple):
    """A repository with other things in it."""

    branch: str
    """The one that is checked out."""
    default: str
    """The one that others follow, as far as known."""
    url: str | None
    """Where others read it, without a login."""


def host(top: Path) -> Host:
    """What there is to know of a repository that a stack moves into."""
    local = open_local(top)
    if local.head is None:
        way = "`git switch` to one, or make it with `git switch -c NAME`"
        raise OutputError(f"{local.label} has no branch checked out; {way}")
    env = {"GIT_DIR": str(local.git_dir)}
    leads = os.fsdecode(run("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD", env=env).out).strip()
    url = read_config(local.git_dir, r"^remote\.origin\.url$").get("remote.origin.url", "")
    public = _PUBLIC.fullmatch(url) and printable(url) == url
    return Host(local.head, leads.removeprefix("refs/remotes/origin/") or local.head, url if public else None)


def ignores(top: Path, path: Path) -> bool:
    """Whether a repository is told to leave a folder alone, which need not be there."""
    return run("check-ignore", "--quiet", "--end-of-options", f"{path.resolve()}/", cwd=top).status == 0


def create_repository(path: Path) -> None:
    """Make a directory a repository with the branch main; one that is a repository already stays as it is."""
    root = path.resolve()
    if root.exists() and not root.is_dir():
        raise OutputError(f"{path} is a file")
    refuse_link(root, str(path))
    inside = {entry.name for entry in root.iterdir()} if root.is_dir() else set()
    if (root / ".git/HEAD").exists():
        return
    if inside - {".git"}:  # a .git without HEAD: a `git init` that was killed
        raise OutputError(
            f"{path} is not empty and is not a Git repository; run `git init -b main {path}` to make it one"
        )
    checked(run("init", "--quiet", "--template=", "-b", "main", "--end-of-options", str(root)), f"creating {path}")
