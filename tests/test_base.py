"""What a branch is compared with: the commit where it left another one."""

import subprocess
from pathlib import Path

import pytest

from gpuyard.doors.git import read_base
from gpuyard.errors import MissingError, OutputError
from tests.gittools import isolate
from tests.test_compile import git, save


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path / "home")


def step(root: Path, text: str) -> str:
    (root / "file").write_text(text, encoding="utf-8")
    save(root, text)
    return git(root, "rev-parse", "HEAD")


@pytest.fixture
def forked(tmp_path: Path) -> tuple[Path, str]:
    """A branch, and main, which has gone on since; and where they parted."""
    root = tmp_path / "gitops"
    subprocess.run(["git", "init", "-q", "-b", "main", str(root)], check=True)
    step(root, "zero")
    parted = step(root, "one")
    git(root, "switch", "-qc", "branch")
    step(root, "mine")
    git(root, "switch", "-q", "main")
    step(root, "theirs")
    git(root, "switch", "-q", "branch")
    return root, parted


def commit_of(root: Path, revision: str) -> str | None:
    with read_base(root, revision) as base:
        return base.commit


def test_what_the_others_did_since_is_no_part_of_it(forked: tuple[Path, str]) -> None:
    """A blueprint that was added to main meanwhile isn't removed by the branch."""
    root, parted = forked
    assert commit_of(root, "main") == commit_of(root, "main~1") == parted
    assert commit_of(root, "HEAD~1") == commit_of(root, parted) == parted
    assert commit_of(root, "main~2") == git(root, "rev-parse", "main~2")
    assert commit_of(root, "HEAD") == git(root, "rev-parse", "HEAD")


def test_a_merge_is_compared_with_what_it_merges_into(forked: tuple[Path, str]) -> None:
    """As CI checks a pull request out."""
    root, _ = forked
    git(root, "switch", "-q", "--detach", "main")
    git(root, "-c", "user.name=t", "-c", "user.email=t@t", "merge", "-q", "-s", "ours", "-m", "merge", "branch")
    assert commit_of(root, "main") == git(root, "rev-parse", "main")


def test_histories_that_have_nothing_in_common(forked: tuple[Path, str]) -> None:
    root, _ = forked
    git(root, "switch", "-q", "--orphan", "other")
    assert commit_of(root, "main") == git(root, "rev-parse", "main")  # no commit yet
    step(root, "other")
    assert commit_of(root, "main") == git(root, "rev-parse", "main")


@pytest.mark.parametrize("revision", ["nope", "--all", "--output=x", "main..branch", "x\ny", "HEAD:file", "^", "-"])
def test_a_revision_that_is_not_there(forked: tuple[Path, str], revision: str) -> None:
    """It is data, whatever it looks like."""
    root, _ = forked
    with pytest.raises(MissingError, match="has no commit ") as caught:
        commit_of(root, revision)
    assert str(caught.value).isprintable()
    assert not (root / "x").exists()


def test_a_shallow_clone_says_how_to_deepen_it(forked: tuple[Path, str], tmp_path: Path) -> None:
    root, parted = forked
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", "-b", "branch", f"file://{root}", str(clone)], check=True)
    with pytest.raises(MissingError, match=r"has no commit origin/main; .*shallow.*fetch-depth: 0"):
        commit_of(clone, "origin/main")
    git(clone, "fetch", "-q", "--depth=1", "origin", "main:refs/remotes/origin/main")
    with pytest.raises(MissingError, match=r"does not reach back to where it left origin/main; .*--deepen"):
        commit_of(clone, "origin/main")
    git(clone, "fetch", "-q", "--deepen=100", "origin", "main", "branch")
    assert commit_of(clone, "origin/main") == parted


def test_a_directory_without_history(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is not a Git repository"):
        commit_of(tmp_path, "main")
