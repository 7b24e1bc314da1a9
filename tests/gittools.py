"""Real repositories for the tests of `gpuyard.doors.git.repository`, as a user's own git makes them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import pytest

from gpuyard.doors.git.repository import Commit, commit, read_tree

DATE = "2026-01-02T03:04:05+00:00"
CLEAN = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}


def isolate(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A home of its own with a name in it, fixed dates, and nothing of git's that was set before."""
    for name in os.environ.keys() - CLEAN.keys():
        monkeypatch.delenv(name)
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
    )
    for name, text in environment(home).items():
        monkeypatch.setenv(name, text)


def environment(home: Path) -> dict[str, str]:
    """What differs from the machine's environment."""
    temporary = home / "tmp"  # a killed run leaves its directory there
    temporary.mkdir(exist_ok=True)
    dates = {"GIT_AUTHOR_DATE": DATE, "GIT_COMMITTER_DATE": DATE}
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "TMPDIR": str(temporary),
        **dates,
    }


def git(where: Path, *arguments: str, **options: object) -> str:
    """What plain `git` says, as the user would run it."""
    result = subprocess.run(["git", *arguments], cwd=where, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert result.returncode == 0, f"git {arguments}: {result.stderr}"
    return str(result.stdout).rstrip("\n")


def new(where: Path, *options: str) -> Path:
    git(where.parent, "init", "-q", *options, str(where))
    return where


def clone(source: Path, where: Path, *options: str) -> Path:
    git(where.parent, "clone", "-q", *options, str(source), str(where))
    return where


def user_commit(where: Path, files: Mapping[str, str], message: str = "by hand") -> str:
    """Somebody's commit that gpuyard has no part in."""
    for name, text in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text)
    git(where, "add", "--", *files)
    git(where, "commit", "-q", "-m", message)
    return git(where, "rev-parse", "HEAD")


def put(
    target: Path | str, files: Mapping[str, str | None], branch: str = "main", **options: bool | str
) -> Commit | None:
    """One run of gpuyard: read, then commit."""
    changes = {PurePosixPath(name): text for name, text in files.items()}
    with read_tree(target, branch) as snapshot:
        return commit(snapshot, changes, message="Compile", **options)  # type: ignore[arg-type]


def copy(template: Path, where: Path) -> Path:
    """A copy of a repository that took many commands to make; a clone's origin is copied with it."""
    origin = template.parent / "origin.git"
    if origin.exists():
        shutil.copytree(origin, where.parent / "origin.git", symlinks=True)
    shutil.copytree(template, where, symlinks=True)
    config = where / ".git/config"
    config.write_text(config.read_text().replace(str(origin), str(where.parent / "origin.git")))
    return where


def files_of(where: Path, commit: str = "main") -> dict[str, str]:
    """The files of a commit, as plain git has them."""
    lines = git(where, "ls-tree", "-r", "-z", commit).split("\0")[:-1]
    blobs = {line.partition("\t")[2]: line.split()[2] for line in lines}
    wanted = "".join(f"{blob}\n" for blob in blobs.values())
    texts = git(where, "cat-file", "--batch=%(objectsize)", "--buffer", input=wanted)
    found = {}
    for name in blobs:
        size, _, texts = texts.partition("\n")
        found[name], texts = texts[: int(size)].rstrip("\n"), texts[int(size) + 1 :]
    return found


def healthy(where: Path) -> None:
    """Everything is there and whole, and no lock or journal is left."""
    git(where, "fsck", "--strict", "--no-dangling")
    git_dir = Path(git(where, "rev-parse", "--absolute-git-dir"))
    assert not [*git_dir.rglob("*.lock"), *git_dir.rglob("gpuyard")]


def status(where: Path) -> list[str]:
    return git(where, "status", "--porcelain", "--untracked-files=all").splitlines()


SSH = """#!/bin/sh
# what ssh does, without the network: runs the last argument where the server is, in a session of its own
for last; do :; done
exec setsid --wait env -u GIT_DIR -u GIT_INDEX_FILE -u GIT_ALLOW_PROTOCOL sh -c "$last"
"""


def serve(monkeypatch: pytest.MonkeyPatch, where: Path, script: str = SSH) -> None:
    """Have ssh:// URLs answered by this machine."""
    program = where / "ssh"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(program))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
