"""A Git repository that the cluster syncs: a bare one that the world serves, and a clone to commit from."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.addresses import GIT_HOST
from tests.cluster.errors import WorldError
from tests.cluster.state import State

__all__ = ["Repository"]

_BRANCH = "main"


class Repository:
    """Commits are pushed at once; what the cluster makes of them is the cluster's matter."""

    def __init__(self, state: State, name: str) -> None:
        self.url = f"http://{GIT_HOST}/{name}.git"
        self.directory = state.root / "clones" / name
        self._bare = state.repositories / f"{name}.git"
        if not self._bare.exists():
            self._bare.parent.mkdir(parents=True, exist_ok=True)
            _git(state.root, "init", "--quiet", "--bare", f"--initial-branch={_BRANCH}", str(self._bare))
        if not self.directory.exists():
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            _git(state.root, "clone", "--quiet", self.url, str(self.directory))

    @property
    def revision(self) -> str:
        """The branch and commit, written as Flux writes them: main@sha1:0123."""
        return f"{self.branch}@sha1:{self.head}"

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    @property
    def branch(self) -> str:
        return self.git("symbolic-ref", "--short", "HEAD")

    def commit(self, content: Mapping[str, str | None] | Path, message: str) -> str:
        """Write these files (None removes one), or make everything as in a directory; returns the new commit."""
        if isinstance(content, Path):
            self._mirror(content)
        else:
            self._write(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.push()

    def revert(self, commit: str = "HEAD") -> str:
        """Undo a commit by a new one; returns that."""
        self.git("revert", "--no-edit", commit)
        return self.push()

    def switch(self, branch: str) -> None:
        """Go to a branch, made from the present commit when it is new."""
        known = self.git("branch", "--list", branch)
        self.git("switch", "--quiet", *([] if known else ["--create"]), branch)
        self.push()

    def push(self) -> str:
        """Push the present branch; returns its commit."""
        self.git("push", "--quiet", "--force", "origin", self.branch)
        return self.head

    def git(self, *arguments: str) -> str:
        """Run git in the clone; returns its output."""
        return _git(self.directory, *arguments)

    def _write(self, files: Mapping[str, str | None]) -> None:
        for name, text in files.items():
            path = self.directory / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)

    def _mirror(self, source: Path) -> None:
        for path in self.directory.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(source, self.directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))


def _git(directory: Path, *arguments: str) -> str:
    """Git without anything of the user's: no configuration, hooks, prompts or signatures."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{role}_NAME": "gpuyard" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "gpuyard@example.com" for role in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(["git", *arguments], cwd=directory, env=env, capture_output=True, text=True)
    if done.returncode:
        raise WorldError(f"git {' '.join(arguments)} in {directory}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()
