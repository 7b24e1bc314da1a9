"""Killed at every step and inside git: the old state or the new, nobody's work lost, and the next run goes on."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gpuyard.doors.git import worktree
from gpuyard.doors.git.local import Local
from gpuyard.errors import OutputError
from tests.gittools import files_of, git, healthy, isolate, new, put, serve, status, user_commit

pytestmark = pytest.mark.attack("A29 killed and interrupted runs")

FIRST = {"deploy/a.yaml": "a: 1\n", "deploy/b.yaml": "b: 1\n", ".gpuyard.lock": "1\n"}
SECOND = {"deploy/a.yaml": "a: 2\n", "deploy/b.yaml": None, "new/c.yaml": "c: 2\n", ".gpuyard.lock": "2\n"}
THIRD = {"deploy/a.yaml": "a: 3\n", "new/c.yaml": "c: 3\n", ".gpuyard.lock": "3\n"}
MINE = ["MM blueprints/chat.yaml", " M stack.yaml", "?? new.txt"]

ROOT = Path(__file__).resolve().parents[1]
EVERY = os.environ.get("GPUYARD_CRASH") == "all"
KILLS = 160 if EVERY else 24
PARTS = 4  # for as many processors
Kill = Callable[..., dict[str, object]]
Record = Callable[[str, object], None]


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path / "home")


@contextmanager
def killer() -> Iterator[Kill]:
    """Runs gpuyard in a child that is killed; says whether it was, and what it did."""
    command = [sys.executable, "-m", "tests.gitrunner", "kill"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as runner:

        def kill(**order: object) -> dict[str, object]:
            assert runner.stdin
            assert runner.stdout
            runner.stdin.write(json.dumps(order) + "\n")
            runner.stdin.flush()
            return dict(json.loads(runner.stdout.readline()))

        try:
            yield kill
        finally:
            assert runner.stdin
            runner.stdin.close()


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A work tree with our first commit, and work of the user's of every kind."""
    where = new(tmp_path / "template")
    user_commit(where, {"stack.yaml": "mine\n", "blueprints/chat.yaml": "mine\n"})
    assert put(where, FIRST)
    (where / "stack.yaml").write_text("changed\n")
    (where / "blueprints/chat.yaml").write_text("staged\n")
    git(where, "add", "blueprints/chat.yaml")
    (where / "blueprints/chat.yaml").write_text("staged, then changed\n")
    (where / "new.txt").write_text("new\n")
    assert status(where) == MINE
    return where


def record(record_property: Record, scene: str, found: Counter[str]) -> None:
    """For the table of `make crash`."""
    row = {"before": found["before"], "after": found["after"]}
    record_property("crash", {"scene": scene, "kills": found.total(), **row})


def after_a_kill(where: Path) -> str:
    """What holds at every moment; whether the branch is as before or as after."""
    assert (where / "stack.yaml").read_text() == "changed\n"
    assert (where / "blueprints/chat.yaml").read_text() == "staged, then changed\n"
    assert (where / "new.txt").read_text() == "new\n"
    assert git(where, "show", ":blueprints/chat.yaml", "main:stack.yaml") == "staged\nmine"
    assert git(where, "rev-list", "--count", "main") in {"2", "3"}
    for name, second in SECOND.items():
        path = where / name
        assert (path.read_text() if path.exists() else None) in {FIRST.get(name), second}
    return "before" if git(where, "rev-list", "--count", "main") == "2" else "after"


def after_the_next_run(where: Path) -> None:
    assert git(where, "rev-list", "--count", "main") == "3"
    assert files_of(where) == {
        "stack.yaml": "mine",
        "blueprints/chat.yaml": "mine",
        **{name: text.rstrip() for name, text in SECOND.items() if text},
    }
    assert status(where) == MINE
    assert not list(where.rglob(".gpuyard-*"))
    healthy(where)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_every_step(part: int, template: Path, tmp_path: Path, record_property: Record) -> None:
    where, found = tmp_path / "tree", Counter[str]()
    shutil.copytree(template, where)
    with killer() as kill:
        steps = kill(target=str(where), files=SECOND)["steps"]
        after_the_next_run(where)
        assert isinstance(steps, list)
        assert {"os.link", "os.rename", "os.remove", "subprocess.Popen", "fcntl.flock"} < set(steps)
        for number, step in list(enumerate(steps))[part::PARTS]:
            shutil.rmtree(where)
            shutil.copytree(template, where)
            assert kill(target=str(where), files=SECOND, step=number)["killed"], step
            found[after_a_kill(where)] += 1
            put(where, SECOND)
            after_the_next_run(where)
    record(record_property, f"at every step, part {part}", found)


def test_killed_inside_git(template: Path, tmp_path: Path, record_property: Record) -> None:
    """With git at its first byte; or, where the branch moves, while git goes on by itself and keeps others out."""
    where, go_on, found = tmp_path / "tree", tmp_path / "tree.go", Counter[str]()
    with killer() as kill:
        for command in ("fast-import", "read-tree", "unpack-objects", "update-ref", "update-index"):
            shutil.copytree(template, where)
            go_on.unlink(missing_ok=True)
            assert kill(target=str(where), files=SECOND, inside=command)["killed"], command
            assert held(where) == (command == "update-ref")
            found[after_a_kill(where)] += 1
            go_on.touch()
            put(where, SECOND)
            after_the_next_run(where)
            shutil.rmtree(where)
    record(record_property, "inside git", found)


def held(where: Path) -> bool:
    """Whether somebody has the lock that keeps other runs of gpuyard out."""
    directory = os.open(where / ".git", os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(directory)
    return False


def test_killed_while_pushing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record) -> None:
    serve(monkeypatch, tmp_path)
    bare = new(tmp_path / "bare.git", "--bare")
    put(bare, FIRST)
    before = git(bare, "rev-parse", "main")
    url = f"ssh://git@git.example.com{bare}"
    killed = Counter[str]()
    with killer() as kill:
        for number in range(KILLS // 2):
            ended = kill(target=url, files=SECOND, delay=0.4 * (number + 1) / KILLS)["killed"]
            moved = git(bare, "rev-parse", "main") != before
            killed.update(["after" if moved else "before"] if ended else [])
            put(url, SECOND)
            assert git(bare, "rev-list", "--count", "main") == "2"
            assert files_of(bare) == {name: text.rstrip() for name, text in SECOND.items() if text}
            git(bare, "update-ref", "refs/heads/main", before)
    healthy(bare)
    record(record_property, "while pushing", killed)
    assert killed.total() > KILLS / 10


# what the next run finds


def stop(*arguments: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("wanted", [{}, THIRD])
def test_stopped_when_the_index_had_moved_and_the_branch_had_not(
    wanted: dict[str, str], template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Local, "_move", stop)
        with pytest.raises(KeyboardInterrupt):
            put(template, SECOND)
    assert git(template, "rev-list", "--count", "main") == "2"
    assert git(template, "show", ":deploy/a.yaml") == "a: 2"
    assert bool(put(template, wanted)) == bool(wanted)
    assert status(template) == MINE
    assert (template / "deploy/a.yaml").read_text() == (wanted or FIRST)["deploy/a.yaml"]
    healthy(template)


def test_stopped_before_the_first_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = new(tmp_path / "tree")
    (where / "stack.yaml").write_text("mine\n")
    git(where, "add", "stack.yaml")
    with monkeypatch.context() as patch:
        patch.setattr(Local, "_move", stop)
        with pytest.raises(KeyboardInterrupt):
            put(where, SECOND)
    assert put(where, THIRD)
    assert status(where) == ["A  stack.yaml"]
    healthy(where)


@pytest.fixture
def half(template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stopped when the branch and the index had moved, and no file had."""
    with monkeypatch.context() as patch:
        patch.setattr(worktree, "_follow", stop)
        with pytest.raises(KeyboardInterrupt):
            put(template, SECOND)
    assert git(template, "rev-list", "--count", "main") == "3"
    assert (template / "deploy/a.yaml").read_text() == "a: 1\n"
    assert (template / ".git/gpuyard/journal").exists()
    assert not (template / ".git/index.lock").exists()
    return template


def test_the_next_run_goes_on_even_if_it_wants_something_else(half: Path) -> None:
    assert put(half, THIRD)
    assert status(half) == MINE
    assert (half / "new/c.yaml").read_text() == "c: 3\n"
    healthy(half)


def test_reading_is_enough(half: Path) -> None:
    put(half, {})
    after_the_next_run(half)


def test_what_the_user_changed_meanwhile_stays(half: Path, caplog: pytest.LogCaptureFixture) -> None:
    (half / "deploy/a.yaml").write_text("edited\n")
    put(half, SECOND)
    assert (half / "deploy/a.yaml").read_text() == "edited\n"
    assert status(half) == sorted([*MINE, " M deploy/a.yaml"], key=lambda line: (line[0] == "?", line[3:]))
    assert "not touched, because they were changed in the meantime: deploy/a.yaml" in caplog.text
    healthy(half)


def test_what_the_user_staged_meanwhile_stays(half: Path, caplog: pytest.LogCaptureFixture) -> None:
    git(half, "reset", "-q", "HEAD~1", "--", "deploy/b.yaml")
    (half / "deploy/a.yaml").write_text("edited\n")
    git(half, "add", "deploy/a.yaml")
    put(half, SECOND)
    assert git(half, "show", ":deploy/a.yaml") == "edited"
    assert "the index was changed since" in caplog.text
    healthy(half)


def test_another_branch_is_checked_out_by_then(half: Path) -> None:
    git(half, "stash", "-q")
    git(half, "checkout", "-q", "-b", "other")
    put(half, SECOND)
    assert git(half, "rev-parse", "main") == git(half, "rev-parse", "other")
    healthy(half)


def test_the_branch_went_back_by_then(half: Path) -> None:
    git(half, "stash", "-q", "--include-untracked")
    git(half, "reset", "-q", "--hard", "HEAD~1")
    assert put(half, SECOND)
    assert status(half) == []
    healthy(half)


def test_a_lock_of_ours_is_taken_away_and_one_of_somebody_elses_is_not(half: Path) -> None:
    lock, ours = half / ".git/index.lock", half / ".git/gpuyard/index.lock"
    ours.touch()
    os.link(ours, lock)
    put(half, SECOND)
    after_the_next_run(half)
    assert not lock.exists()


def test_no_room_for_the_files(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("gpuyard.doors.plainfiles.PlainFiles.replace", full)
        with pytest.raises(
            OutputError,
            match=r"is committed, but its files cannot be written to .*: No space left on device; run this again",
        ):
            put(template, SECOND)
    put(template, SECOND)
    after_the_next_run(template)
