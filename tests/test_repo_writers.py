"""Several at once: all land, or one says so, and nothing is lost."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gpuyard.doors.git import repository as repo
from gpuyard.doors.git import worktree
from gpuyard.doors.git.local import Local
from gpuyard.doors.git.process import Store
from gpuyard.errors import ConflictError
from tests.gittools import clone, files_of, git, healthy, isolate, new, put, serve, status, user_commit

WRITERS = 8
ROUNDS = 2


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path / "home")


@pytest.fixture(params=["bare", "tree", "url"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    where = new(tmp_path / "repo", *(["--bare"] if request.param != "tree" else []))
    put(where, {"base": "base\n"})
    if request.param != "url":
        return str(where)
    serve(monkeypatch, tmp_path)
    return f"ssh://git@git.example.com{where}"


def race(target: str, same: bool) -> list[list[str]]:
    command = [sys.executable, "-m", "tests.gitrunner", "race", target, str(WRITERS), str(ROUNDS), str(same)]
    root = Path(__file__).resolve().parents[1]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return [line.split() for line in result.stdout.splitlines()]


def test_different_files_all_land(target: str, tmp_path: Path) -> None:
    found = race(target, same=False)
    assert len(found) == WRITERS * ROUNDS
    assert not [line for line in found if line[2:]]
    where = tmp_path / "repo"
    expected = {f"writer{writer}/{number}": f"{writer} {number}" for writer, number, *_ in found}
    assert files_of(where) == {"base": "base", **expected}
    assert git(where, "rev-list", "--count", "--first-parent", "main") == str(1 + WRITERS * ROUNDS)
    if (where / ".git").exists():
        assert status(where) == []
    healthy(where)


def test_of_the_same_file_none_is_lost(target: str, tmp_path: Path) -> None:
    found = race(target, same=True)
    landed = {f"{writer} {number}" for writer, number, *conflict in found if not conflict}
    assert len(found) == WRITERS * ROUNDS
    assert landed
    where = tmp_path / "repo"
    commits = git(where, "rev-list", "main", "--", "shared").splitlines()
    assert {git(where, "cat-file", "blob", f"{commit}:shared") for commit in commits} == landed
    assert len(commits) == len(landed)
    healthy(where)


@pytest.mark.parametrize("step", ["stage", "commit", "switch"])
def test_a_user_who_does_something_at_the_last_moment(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look at the work tree and the move of the branch."""
    where = new(tmp_path / "repo")
    user_commit(where, {"mine": "0\n"})
    put(where, {"ours": "0\n"})
    (where / "mine").write_text("1\n")
    receive = Local._receive
    steps = {
        "stage": ("add", "mine"),
        "commit": ("commit", "-q", "-m", "x", "mine"),
        "switch": ("checkout", "-q", "-b", "other"),
    }

    done: list[str] = []

    def late(self: Local, store: Store) -> None:
        receive(self, store)
        if not done:
            done.append(git(where, *steps[step]))

    monkeypatch.setattr(Local, "_receive", late)
    assert put(where, {"ours": "1\n"})
    expected = {"stage": ["M  mine"], "commit": [], "switch": [" M mine"]}
    assert status(where) == expected[step]
    assert files_of(where)["ours"] == "1"
    assert (where / "ours").read_text() == ("0\n" if step == "switch" else "1\n")
    healthy(where)


@pytest.mark.parametrize("before", [{}, {"base": "0\n"}], ids=["a new branch", "a branch with a commit"])
def test_a_commit_that_somebody_pushes_at_the_last_moment(
    before: dict[str, str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look at the branch and its move: the move itself has to see it."""
    where = new(tmp_path / "repo", "--bare")
    if before:
        put(where, before)
    other = clone(where, tmp_path / "other")
    theirs = user_commit(other, {"mine": "0\n"})
    receive, done = Local._receive, list[str]()

    def late(self: Local, store: Store) -> None:
        receive(self, store)
        if not done:
            done.append(git(other, "push", "-q", "origin", "HEAD:main"))

    monkeypatch.setattr(Local, "_receive", late)
    assert put(where, {"ours": "1\n"})
    assert git(where, "rev-parse", "main^") == theirs
    assert files_of(where) == {**dict.fromkeys(before, "0"), "mine": "0", "ours": "1"}
    healthy(where)


def test_an_edit_at_the_last_moment_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch has moved, and the files follow: what isn't as we left it isn't ours to change or delete."""
    where = new(tmp_path / "repo")
    put(where, {"ours": "0\n", "gone": "0\n", "also": "0\n"})
    follow = worktree._follow

    def late(*arguments: Any) -> None:
        for name in ("ours", "gone"):
            (where / name).write_text("mine\n")
        follow(*arguments)

    monkeypatch.setattr(worktree, "_follow", late)
    assert put(where, {"ours": "1\n", "gone": None, "also": None})
    assert files_of(where) == {"ours": "1"}
    assert {name: (where / name).read_text() for name in ("ours", "gone")} == dict.fromkeys(("ours", "gone"), "mine\n")
    assert not (where / "also").exists()


def test_an_index_that_is_written_by_a_command_that_read_it_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`git commit` reads the index, then takes the lock, then writes what it read."""
    where = new(tmp_path / "repo")
    put(where, {"ours": "0\n", "gone": "0\n"})
    stale = (where / ".git/index").read_bytes()
    follow = worktree._follow

    def late(*arguments: Any) -> None:
        (where / ".git/index").write_bytes(stale)
        follow(*arguments)

    monkeypatch.setattr(worktree, "_follow", late)
    assert put(where, {"ours": "1\n", "gone": None})
    assert status(where) == []


def test_the_index_is_never_behind_the_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `git commit` that looks at both in between would commit the old files over the new."""
    where = new(tmp_path / "repo")
    put(where, {"ours": "0\n"})
    move, seen = Local._move, []

    def watched(*arguments: Any) -> bool:
        moved = move(*arguments)
        seen.append(git(where, "diff-index", "--cached", "HEAD"))
        return moved

    monkeypatch.setattr(Local, "_move", watched)
    assert put(where, {"ours": "1\n"})
    assert seen == [""]


def test_the_index_is_as_it_was_when_the_branch_cannot_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = new(tmp_path / "repo")
    put(where, {"ours": "0\n"})
    (where / "mine").write_text("0\n")
    git(where, "add", "mine")
    before = (where / ".git/index").read_bytes()
    (where / ".git/refs/heads/main.lock").touch()
    with pytest.raises(ConflictError, match=r"main\.lock is held by another git command"):
        put(where, {"ours": "1\n"})
    (where / ".git/refs/heads/main.lock").unlink()
    assert (where / ".git/index").read_bytes() == before
    healthy(where)
    monkeypatch.setattr(Local, "_move", lambda *arguments: False)
    monkeypatch.setattr(repo, "_TRIES", 2)
    with pytest.raises(ConflictError, match="others kept changing main"):
        put(where, {"ours": "1\n"})
    assert (where / ".git/index").read_bytes() == before
    healthy(where)


def test_a_user_who_commits_meanwhile(tmp_path: Path) -> None:
    """No commit of the user's takes ours back, and none of ours contains the user's work."""
    where = new(tmp_path / "repo")
    user_commit(where, {"mine": "0\n"})
    put(where, {"ours": "0\n"})
    done = threading.Event()
    made = 0

    def user() -> None:
        nonlocal made
        while not done.is_set():
            (where / "mine").write_text(f"{made + 1}\n")
            steps = (["git", "add", "mine"], ["git", "commit", "-q", "-m", "user"])
            results = [subprocess.run(step, cwd=where, capture_output=True, check=False) for step in steps]
            made += results[-1].returncode == 0
            time.sleep(0.02)

    thread = threading.Thread(target=user)
    thread.start()
    try:
        for number in range(1, 11):
            assert put(where, {"ours": f"{number}\n"})
    finally:
        done.set()
        thread.join()
    assert made
    for commit in git(where, "rev-list", "main").splitlines()[:-2]:
        names = git(where, "diff-tree", "-r", "--no-commit-id", "--name-only", commit).splitlines()
        assert names == (["ours"] if git(where, "log", "-1", "--format=%s", commit) == "Compile" else ["mine"])
    assert git(where, "rev-list", "--count", "main") == str(12 + made)
    assert [line for line in status(where) if not line.endswith(" mine")] == []
    assert (where / "ours").read_text() == "10\n"
    healthy(where)
