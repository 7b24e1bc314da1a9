"""A `.git` that leads elsewhere: nothing is committed to a repository that nobody named, and nothing of it is read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gittools import git, isolate
from tests.opened import opened, outside
from tests.test_compile import lower_context, run, save

pytestmark = pytest.mark.attack("A20 linked folders")

REFUSED = ".git is a symbolic link, and gpuyard writes to no repository behind one"


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that was compiled once, and that nobody names."""
    isolate(monkeypatch, tmp_path / "home")
    assert run("init", tmp_path / "theirs", "--name", "demo").exit_code == 0
    assert run("compile", tmp_path / "theirs").exit_code == 0
    return tmp_path / "theirs"


def state(repository: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(repository.rglob("*")) if path.is_file()}


TARGETS: dict[str, Callable[[Path], Path]] = {
    "a repository": lambda theirs: theirs / ".git",
    "a repository by a relative path": lambda theirs: Path("../theirs/.git"),
    "nothing": lambda theirs: theirs.parent / "nothing",
    "an empty folder": lambda theirs: theirs.parent / "home/tmp",
    "itself": lambda theirs: Path(".git"),
    "a file": lambda theirs: theirs / "stack.yaml",
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_init_where_git_is_a_link(target: Callable[[Path], Path], theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/.git").symlink_to(target(theirs))
    before = state(tmp_path)
    result = run("init", tmp_path / "new")
    assert (result.exit_code, REFUSED in result.output) == (73, True), result.output
    assert state(tmp_path) == before
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("compile",),
        ("compile", "--branch", "main"),
        ("diff",),
        ("pr",),
        ("release", "1.0.0"),
        ("init", "--ci", "github"),
    ],
    ids=" ".join,
)
def test_what_asks_git_does_not_follow_it(command: tuple[str, ...], theirs: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    shutil.copytree(theirs, here, ignore=shutil.ignore_patterns(".git"))
    (here / ".git").symlink_to(theirs / ".git")
    lower_context(here)
    before = state(theirs)
    result = run(*command, here)
    assert (result.exit_code, REFUSED in result.output) == (73, True), result.output
    assert state(theirs) == before


@pytest.mark.parametrize("command", [("check",), ("compile", "--check"), ("compile", "--no-commit")], ids=" ".join)
def test_what_asks_no_git_opens_nothing_behind_it(command: tuple[str, ...], theirs: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    shutil.copytree(theirs, here, ignore=shutil.ignore_patterns(".git"))
    (here / ".git").symlink_to(theirs / ".git")
    git(theirs, "switch", "-qc", "other")
    git(theirs, "update-ref", "refs/remotes/origin/main", "main")
    (theirs / ".git/refs/remotes/origin/HEAD").write_text("ref: refs/remotes/origin/main\n")
    with opened() as seen:
        result = run(*command, here)
    assert result.exit_code == 0, result.output
    assert outside(seen, here) == []


def google(theirs: Path) -> Path:
    """A checkout as google's `repo` makes them: .git is a link, and so is what is in the folder that it leads to."""
    project, objects = theirs.parent / ".repo/projects/gpu.git", theirs.parent / ".repo/project-objects/gpu.git"
    objects.mkdir(parents=True)
    project.parent.mkdir()
    (theirs / ".git").rename(project)
    for name in ("objects", "hooks"):
        if (project / name).exists():
            (project / name).rename(objects / name)
            (project / name).symlink_to(Path("../../project-objects/gpu.git", name))
    (theirs / ".git").symlink_to("../.repo/projects/gpu.git")
    return theirs


@pytest.mark.parametrize("here", [lambda theirs: theirs, google], ids=["a repository", "google's repo"])
def test_what_the_message_advises(here: Callable[[Path], Path], theirs: Path, tmp_path: Path) -> None:
    repository = here(theirs)
    refused = run("diff", repository).output
    advised = f"git -C {repository} worktree add"
    assert (advised in refused) == (repository / ".git").is_symlink()
    words = advised.split()[3:]
    git(repository, *words, "-q", "-b", "proposal", str(tmp_path / "elsewhere"))
    lower_context(tmp_path / "elsewhere")
    save(tmp_path / "elsewhere")
    assert run("compile", tmp_path / "elsewhere", "--branch", "proposal").exit_code == 0
    assert git(repository, "rev-parse", "proposal~2") == git(repository, "rev-parse", "main")
