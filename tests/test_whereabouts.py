"""How messages name places: as they are reached from here, so that a public log tells nothing of the machine."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gpuyard.doors.git.process import Result, last_words
from gpuyard.doors.whereabouts import argument, repository_shown, shown, words_shown
from tests.gittools import git, isolate
from tests.test_compile import lower_context, run, save

pytestmark = pytest.mark.attack("A15 workflow injection")

NAMES = {
    # the repository, where the user is, what it is called
    "in it": ("work/gitops", "work/gitops", "this repository"),
    "in a folder of it": ("work/gitops", "work/gitops/base/chat", "this repository"),
    "above it": ("work/gitops", "work", "gitops"),
    "beside it": ("work/gitops", "work/other", "../gitops"),
    "in one of nearly the same name": ("work/gitops", "work/gitops-2", "../gitops"),
    "two of them": ("work/a/gitops", "work/b", "../a/gitops"),
}


@pytest.mark.parametrize(("root", "here", "name"), NAMES.values(), ids=NAMES)
def test_a_repository(root: str, here: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / root).mkdir(parents=True)
    (tmp_path / here).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / here)
    assert repository_shown(tmp_path / root) == name


def test_a_place_that_has_nothing_in_common_is_told_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/usr")
    assert repository_shown(tmp_path) == shown(tmp_path) == str(tmp_path)
    monkeypatch.chdir("/")
    assert shown(tmp_path) == str(tmp_path)


def test_a_current_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert shown(tmp_path / "x") == str(tmp_path / "x")


def test_a_path_for_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert argument(tmp_path) == '"$PWD"'
    assert argument(tmp_path / "a b") == f"'{tmp_path}/a b'"


def test_words_of_git_name_no_path_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert words_shown(f"/opt{tmp_path}/x and a{tmp_path}/y stay") == f"/opt{tmp_path}/x and a{tmp_path}/y stay"
    said = f"fatal: unable to create '{tmp_path}/.git/index.lock': Permission denied\n"
    assert last_words(Result("x", 128, b"", said)) == "unable to create '.git/index.lock': Permission denied"


def _shallow(root: Path) -> None:
    (root / ".git/shallow").write_text(git(root, "rev-parse", "HEAD") + "\n")


def _proposed(root: Path) -> None:
    """What a compile has something to write for."""
    lower_context(root)
    save(root)


def _merging(root: Path) -> None:
    _proposed(root)
    (root / ".git/MERGE_HEAD").write_text(git(root, "rev-parse", "HEAD") + "\n")


def _moved(root: Path) -> None:
    (root / "team").mkdir()
    git(root, "mv", "stack.yaml", "blueprints", "team")
    save(root, "moved")


def _detached(root: Path) -> None:
    git(root, "checkout", "-q", "--detach")
    (root / "stack.yaml").unlink()


def _elsewhere(root: Path) -> None:
    _proposed(root)
    git(root, "branch", "other")
    git(root, "worktree", "add", "-q", str(root.parent / "tree"), "other")


def _linked(root: Path) -> None:
    git(root, "symbolic-ref", "refs/heads/other", "refs/heads/main")


def _changed(root: Path) -> None:
    _proposed(root)
    (root / "workloads/chat.lock").write_text("{}\n")


def _held(root: Path) -> None:
    _proposed(root)
    (root / ".git/refs/heads/main.lock").touch()


Spoil = Callable[[Path], object]
ERRORS: dict[str, tuple[Spoil, tuple[str, ...], str]] = {
    "a commit that is not here": (lambda root: None, ("check", ".", "--base", "nope"), "this repository has no commit"),
    "a shallow clone": (_shallow, ("check", ".", "--base", "nope"), "this repository has no commit nope; the clone is"),
    "a base of no history": (_shallow, ("diff", ".", "--base", "nope"), "this repository has no commit nope"),
    "a merge under way": (_merging, ("compile", "."), "a merge is under way in this repository"),
    "a folder that is called otherwise": (_moved, ("check", "team"), "is the folder team of this repository; write"),
    "no branch": (_detached, ("init", "gpu"), "this repository has no branch checked out"),
    "a branch elsewhere": (_elsewhere, ("compile", ".", "--branch", "other"), "is checked out in ../tree; name"),
    "a branch that is another": (_linked, ("compile", ".", "--branch", "other"), "of this repository only points to"),
    "no such branch": (lambda root: None, ("compile", ".", "--branch", "no"), "this repository has no branch no"),
    "a changed file": (_changed, ("compile", "."), "this repository has uncommitted changes in files"),
    "no remote": (lambda root: None, ("compile", ".", "--push"), "this repository has no remote to push main to"),
    "a request without a remote": (lambda root: None, ("pr", "."), "this repository has no remote origin to push"),
    "a lock of Git": (_held, ("compile", "."), ".git/refs/heads/main.lock is held by another git command"),
    "no repository": (lambda root: (root / ".git").rename(root / "git"), ("compile", "."), ". is not a Git repository"),
}


@pytest.mark.parametrize(("spoil", "command", "words"), ERRORS.values(), ids=ERRORS)
def test_errors_of_a_repository_name_no_path_of_the_machine(
    spoil: Callable[[Path], object],
    command: tuple[str, ...],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    isolate(monkeypatch, tmp_path / "home")
    root = tmp_path / "gitops"
    assert run("init", root, "--name", "demo").exit_code == 0
    assert run("compile", root).exit_code == 0
    spoil(root)
    monkeypatch.chdir(root)
    result = run(*command)
    said = result.stdout + result.stderr
    assert result.exit_code != 0
    assert words in said
    assert str(tmp_path) not in said, said
    assert os.environ["TMPDIR"] not in said
