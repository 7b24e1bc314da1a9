"""What a repository's own files, other programs and a machine without room do to a run, and what is said of it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpuyard.cli import main as command_line
from gpuyard.cli.main import cli
from gpuyard.doors import scratch as temporary
from gpuyard.doors.git import fastimport, worktree
from gpuyard.doors.git.local import Local
from gpuyard.doors.git.repository import read_tree
from gpuyard.doors.interrupts import uninterrupted
from gpuyard.doors.plainfiles import PlainFiles
from gpuyard.doors.scratch import scratch
from gpuyard.errors import GpuyardError, OutputError
from tests.gittools import clone, git, healthy, isolate, new, put, status, user_commit
from tests.test_opened import template

__all__ = ["template"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


@pytest.fixture
def repository(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that was compiled, and whose blueprint was changed and committed since."""
    isolate(monkeypatch, tmp_path / "home")
    shutil.copytree(template, tmp_path / "gitops", symlinks=True)
    edit(tmp_path / "gitops")
    git(tmp_path / "gitops", "commit", "-qam", "less context")
    return tmp_path / "gitops"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(monkeypatch, tmp_path / "home")
    where = new(tmp_path / "tree")
    put(where, {"base/a.yaml": "a: 1\n", "base/b.yaml": "b: 1\n", "README.md": "# x\n"})
    return where


def edit(repository: Path) -> None:
    file = repository / "blueprints/chat.yaml"
    file.write_bytes(file.read_bytes().replace(b"contextLength: 16384", b"contextLength: 8192"))


# --- names of drafts -----------------------------------------------------------------------------------------


@pytest.mark.attack("A27 temporary files")
@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_b5_a_name_that_somebody_planted(kind: str, tree: Path) -> None:
    """The name came from the file's: a directory of it in a pull request kept the file from being written for good."""
    planted = tree / "base/.gpuyard-b335630551682c19"
    for place in (planted, tree / ".gpuyard-b335630551682c19"):
        if kind == "directory":
            place.mkdir()
            (place / "x").write_text("theirs\n")
        elif kind == "file":
            place.write_text("theirs\n")
        else:
            place.symlink_to("README.md")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "theirs")
    before = git(tree, "ls-tree", "-r", "HEAD", planted.name, f"base/{planted.name}")
    assert put(tree, {"README.md": "# y\n", "base/a.yaml": "a: 2\n"})
    assert ((tree / "README.md").read_text(), status(tree)) == ("# y\n", [])
    assert git(tree, "ls-tree", "-r", "HEAD", planted.name, f"base/{planted.name}") == before


@pytest.mark.attack("A27 temporary files")
def test_b5_no_name_is_used_twice(tmp_path: Path) -> None:
    names = set()
    for _ in range(20):
        with PlainFiles(tmp_path) as files:
            names.add(files._draft)
    assert len(names) == 20
    assert all(len(name) >= 40 for name in names)


@pytest.mark.attack("A27 temporary files")
def test_b5_what_a_killed_run_left_is_taken_away(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name in its journal; files of the user's that are called much the same stay."""
    (tree / "base/.gpuyard-mine").write_text("mine\n")
    really = os.replace

    def killed(*arguments: object, **options: object) -> None:
        if "src_dir_fd" in options:
            os._exit(9)
        really(*arguments, **options)  # type: ignore[arg-type]

    child = os.fork()
    if child == 0:
        os.replace = killed  # type: ignore[assignment]
        put(tree, {"base/a.yaml": "a: 2\n"})
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(list((tree / "base").glob(".gpuyard-*"))) == 2
    with read_tree(tree, "main"):
        pass
    assert [path.name for path in (tree / "base").glob(".gpuyard-*")] == [".gpuyard-mine"]
    assert (status(tree), (tree / "base/a.yaml").read_text()) == (["?? base/.gpuyard-mine"], "a: 2\n")
    healthy(tree)


# --- what .gitattributes and settings do ---------------------------------------------------------------------


@pytest.mark.attack("A28 Git attributes and checkouts")
@pytest.mark.parametrize("way", ["* text eol=crlf", "* text=auto eol=crlf", "core.autocrlf"])
def test_c3_lines_that_end_otherwise(way: str, repository: Path, tmp_path: Path) -> None:
    """Nobody could compile any more, and was told that the files were edited by hand."""
    if way == "core.autocrlf":
        git(repository, "rm", "-q", ".gitattributes")
        git(repository, "commit", "-qm", "no attributes")
        git(tmp_path, "config", "--global", "core.autocrlf", "true")
    else:
        user_commit(repository, {".gitattributes": f"{way}\n"})
    theirs = clone(repository, tmp_path / "theirs")
    assert b"\r\n" in (theirs / "stack.yaml").read_bytes()
    assert b"\r\n" in (theirs / "base/chat/deployment.yaml").read_bytes()
    assert run("compile", "--check", theirs).exit_code == 79  # the blueprint was changed
    compiled = run("compile", theirs)
    assert compiled.exit_code == 0, compiled.output
    assert ".gitattributes" not in compiled.stderr
    assert status(theirs) == []
    assert run("compile", "--check", theirs).exit_code == 0
    assert "up to date" in run("compile", theirs).output
    assert run("compile", "--no-commit", theirs).exit_code == 0
    assert status(theirs) == []


FILTER = '[filter "lfs"]\n\tclean = sed s/^/pointer-/\n\tsmudge = sed s/^pointer-//\n\trequired = true\n'


@pytest.mark.attack("A28 Git attributes and checkouts")
@pytest.mark.parametrize("attribute", ["filter=lfs", "working-tree-encoding=UTF-16"])
def test_c4_what_git_would_store_instead(attribute: str, repository: Path, tmp_path: Path) -> None:
    """Said once, with the line that mends it; after it, a commit of everything changes nothing."""
    user_commit(repository, {".gitattributes": f"base/** {attribute}\noverlays/** {attribute}\n"})
    before = git(repository, "rev-parse", "HEAD:base/chat/service.yaml")
    compiled = run("compile", repository)
    assert compiled.exit_code == 0, compiled.output
    (line,) = [line for line in compiled.stderr.splitlines() if ".gitattributes" in line]
    assert f" {attribute}, and gpuyard commits generated files as they are" in line
    assert git(repository, "rev-parse", "HEAD:base/chat/service.yaml") == before
    lines = [part for part in line.partition("End .gitattributes with ")[2].split("`") if part.strip(" ,.")]
    with (repository / ".gitattributes").open("a") as file:
        file.write("".join(f"{each}\n" for each in lines))
    with (tmp_path / "home/.gitconfig").open("a") as file:
        file.write(FILTER)
    edited = next(path for path in git(repository, "show", "--name-only", "--format=").split() if "overlays" in path)
    (repository / edited).touch()
    git(repository, "commit", "-qam", "attributes")
    assert git(repository, "show", "--name-only", "--format=") == ".gitattributes"
    assert status(repository) == []
    edit_back = (repository / "blueprints/chat.yaml").read_text().replace("8192", "4096")
    user_commit(repository, {"blueprints/chat.yaml": edit_back})
    assert ".gitattributes" not in run("compile", repository).stderr


def test_c4_sources_that_the_commit_does_not_have(repository: Path, tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    text = (repository / "blueprints/chat.yaml").read_text()
    user_commit(repository, {"blueprints/chat.yaml": pointer})
    (repository / "blueprints/chat.yaml").write_text(text)
    result = run("compile", repository)
    assert result.exit_code == 73
    assert "has blueprints/chat.yaml in Git LFS only" in result.output
    assert "end .gitattributes with `/blueprints/chat.yaml -filter`" in result.output
    with (repository / ".gitattributes").open("a") as file:
        file.write("/blueprints/chat.yaml -filter\n")
    git(repository, "add", "--renormalize", ".")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "out of LFS")
    assert run("compile", repository).exit_code == 0


# --- what the index and the work tree leave out --------------------------------------------------------------


@pytest.mark.attack("A28 Git attributes and checkouts")
@pytest.mark.parametrize("cone", [True, False], ids=["cone", "patterns"])
def test_c5_a_sparse_checkout(cone: bool, repository: Path) -> None:
    """It stays as sparse as it is, and nothing is missing from the commit."""
    git(repository, "status")
    wanted = ["--cone", "blueprints", "base", "clusters", "workloads"] if cone else ["--no-cone", "/*", "!/overlays/"]
    git(repository, "sparse-checkout", "set", *wanted)
    assert not (repository / "overlays").exists()
    result = run("compile", repository)
    assert result.exit_code == 0, result.output
    assert "overlays/" in git(repository, "show", "--name-only", "--format=")
    assert (status(repository), (repository / "overlays").exists()) == ([], False)
    git(repository, "sparse-checkout", "disable")
    assert status(repository) == []
    assert run("compile", "--check", repository).exit_code == 0
    healthy(repository)


def test_c5_a_killed_run_in_a_sparse_checkout(repository: Path) -> None:
    git(repository, "status")
    git(repository, "sparse-checkout", "set", "--no-cone", "/*", "!/overlays/")
    # A process of its own: a fork of this one may have Helm's library in it, whose threads it has not.
    script = (
        "import os, sys; from gpuyard.cli.main import cli; from gpuyard.doors.git import worktree\n"
        "worktree._follow = lambda *_: os._exit(9)\n"
        "cli(['compile', sys.argv[1]])"
    )
    assert subprocess.run([sys.executable, "-c", script, str(repository)], capture_output=True).returncode == 9
    assert "up to date" in run("compile", repository).output
    assert (status(repository), (repository / "overlays").exists()) == ([], False)
    healthy(repository)


@pytest.mark.attack("A28 Git attributes and checkouts")
@pytest.mark.parametrize("there", ["the same", "gone", "edited"])
def test_c5_a_file_that_is_only_meant_to_be_added(there: str, tree: Path) -> None:
    file = tree / "base/c.yaml"
    file.write_text("mine\n" if there == "edited" else "c: 1\n")
    git(tree, "add", "-N", "base/c.yaml")
    if there == "gone":
        file.unlink()
    if there == "edited":
        with pytest.raises(GpuyardError, match=r"base/c.yaml \(not tracked\)"):
            put(tree, {"base/c.yaml": "c: 1\n"})
        assert file.read_text() == "mine\n"
        return
    assert put(tree, {"base/c.yaml": "c: 1\n"})
    assert (status(tree), file.read_text()) == ([], "c: 1\n")
    healthy(tree)


# --- interrupts ----------------------------------------------------------------------------------------------


GIT = """
import os, signal, sys
moved = os.environ["MOVED"]
if "update-ref" in sys.argv:
    open(moved, "w").close()
elif "cat-file" in sys.argv and os.path.exists(moved):
    os.remove(moved)
    os.killpg(0, signal.SIGINT)
os.execv("GIT", ["git", *sys.argv[1:]])
"""
"""Stands before git on PATH. No shell does: it takes signals that were blocked for it."""


@pytest.mark.attack("A29 killed and interrupted runs")
def test_c1_ctrl_c_while_files_follow(repository: Path, tmp_path: Path) -> None:
    """A terminal sends it to git, too; what is said is what happened."""
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable} -IS\n{GIT}".replace("GIT", str(shutil.which("git"))))
    program.chmod(0o755)
    head = git(repository, "rev-parse", "HEAD")
    done = subprocess.run(
        [sys.executable, "-m", "gpuyard", "compile", str(repository)],
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "MOVED": str(tmp_path / "moved")},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    now = git(repository, "rev-parse", "HEAD")
    assert (now != head, status(repository)) == (True, []), done.stderr
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, last) == (130, f"interrupted; {now} is committed, with its files, and not pushed")
    assert "up to date" in run("compile", repository).output


LOADING = """
import runpy, signal, sys

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "gpuyard.cli.output":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Stop())
sys.argv = ["gpuyard", "check"]
runpy.run_module("gpuyard", run_name="__main__")
"""


@pytest.mark.attack("A29 killed and interrupted runs")
def test_c1_ctrl_c_while_the_program_is_loaded(tmp_path: Path) -> None:
    """On a slow machine that takes a second."""
    done = subprocess.run([sys.executable, "-P", "-c", LOADING], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.attack("A29 killed and interrupted runs")
def test_c1_git_is_stopped_when_the_branch_has_moved(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\ncase " $* " in *" update-ref "*) {git} "$@"; kill -KILL $$ ;; esac\nexec {git} "$@"\n'.replace(
            "{git}", str(shutil.which("git"))
        )
    )
    program.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        assert put(tree, {"base/a.yaml": "a: 2\n"})
    assert (status(tree), (tree / "base/a.yaml").read_text()) == ([], "a: 2\n")
    healthy(tree)


def test_c1_what_we_start_waits_too() -> None:
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        child = subprocess.Popen([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGINT)"])
        os.kill(os.getpid(), signal.SIGINT)
        assert child.wait() == 0
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_c1_ctrl_c_after_the_branch_moved(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    really = worktree._follow

    def stopped(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(worktree, "_follow", stopped)
    monkeypatch.setattr(sys, "argv", ["gpuyard", "compile", str(repository)])
    with pytest.raises(SystemExit) as end:
        command_line.main()
    now = git(repository, "rev-parse", "HEAD")
    assert (end.value.code, status(repository)) == (130, [])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"interrupted; {now} is committed, with its files, and not pushed"


def test_c1_git_ends_while_files_follow(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The branch has moved: that is said, and the next run mends the rest."""
    from gpuyard.errors import ToolError

    def fail(*_: object) -> None:
        raise ToolError("reading files: git cat-file failed: stopped by SIGTERM")

    with monkeypatch.context() as patch:
        patch.setattr(worktree, "_write_files", fail)
        result = run("compile", repository)
    now = git(repository, "rev-parse", "HEAD")
    assert result.exit_code == 73
    assert f"error: {now} is committed, but the work tree is behind: reading files" in result.output
    assert status(repository) != []
    assert "up to date" in run("compile", repository).output
    assert status(repository) == []


# --- temporary folders ---------------------------------------------------------------------------------------


def left(name: str, *, age: float = 7200, mode: int = 0o700) -> Path:
    """What a killed run leaves."""
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir()
    (folder / "git").mkdir()
    (folder / "git/config").write_text("x")
    folder.chmod(mode)
    os.utime(folder, (time.time() - age, time.time() - age))
    return folder


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.attack("A29 killed and interrupted runs")
@pytest.mark.usefixtures("temporary_folder")
def test_c7_what_killed_runs_left_is_swept(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept\n")
    old = left("gpuyard-abcdefgh")
    (old / "link").symlink_to(outside)
    os.utime(old, (0, 0))
    kept = [
        left("gpuyard-bcdefghi", age=60),
        left("gpuyard-cdefghij", mode=0o755),
        left("gpuyard-mine"),
        left("other-abcdefgh"),
    ]
    link = tmp_path / "gpuyard-linklink"
    link.symlink_to(outside)
    with scratch() as folder:
        os.utime(folder, (0, 0))
        with scratch():  # another run, which finds that one alive
            assert folder.is_dir()
        (folder / "x").write_text("x")
    assert not folder.exists()
    assert not old.exists()
    assert all((each / "git/config").exists() for each in kept)
    assert (link.is_symlink(), (outside / "file").read_text()) == (True, "kept\n")


@pytest.mark.usefixtures("temporary_folder")
def test_c7_nobody_else_s_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    old = left("gpuyard-abcdefgh")
    monkeypatch.setattr(os, "geteuid", lambda: old.stat().st_uid + 1)
    with scratch():
        pass
    assert old.exists()


@pytest.mark.attack("A27 temporary files")
@pytest.mark.usefixtures("temporary_folder")
def test_c8_a_full_temporary_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which was called the results that cannot be written, and has no name in the message."""
    really, full = os.fstatvfs, os.strerror(28)

    class Full:
        def __init__(self, descriptor: int) -> None:
            self._found = really(descriptor)

        def __getattr__(self, name: str) -> int:
            return 0 if name == "f_bavail" else int(getattr(self._found, name))

    def write(*_: object, **__: object) -> None:
        raise OSError(28, full)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write)
        with pytest.raises(OutputError, match=rf"^the temporary folder cannot be written: {full}; set TMPDIR"):
            put(tree, {"base/a.yaml": "a: 2\n"})

    def build(*_: object) -> str:
        raise OutputError("making the commit: the disk is full (write error)")

    monkeypatch.setattr(fastimport, "build", build)
    with pytest.raises(OutputError) as error:
        put(tree, {"base/a.yaml": "a: 2\n"})
    assert "temporary" not in str(error.value)
    monkeypatch.setattr(temporary.os, "fstatvfs", Full)
    with pytest.raises(OutputError, match=r"full \(write error\); the temporary folder is full: set TMPDIR") as error:
        put(tree, {"base/a.yaml": "a: 2\n"})
    assert tempfile.gettempdir() not in str(error.value)


def test_c8_no_temporary_folder_at_all(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    words = r"^no temporary folder can be made: No such file or directory; set TMPDIR to a folder with room$"
    with pytest.raises(OutputError, match=words), scratch():
        pass


@pytest.mark.parametrize("files", [6, 12, 40])
def test_c8_few_open_files(files: int, repository: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", sys.executable, "-m", "gpuyard", "check", str(repository)],
        capture_output=True,
        text=True,
        check=False,
    )
    expected = f"error: no more than {files} files may be open at once, and gpuyard needs 64: `ulimit -n 1024`\n"
    assert (done.returncode, done.stdout, done.stderr) == (71, "", expected)


def test_64_open_files_are_enough(repository: Path) -> None:
    command = [sys.executable, "-m", "gpuyard", "compile", str(repository)]
    env = {**os.environ, "GPUYARD_COMPILE_CACHE": "off"}
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *command], capture_output=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr


# --- another run ---------------------------------------------------------------------------------------------


def test_c8_up_to_date_at_the_commit_that_is_there(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run made the same commit while this one rendered."""
    really: Callable[..., object] = Local.land
    other: list[str] = []

    def late(self: Local, *arguments: object, **options: object) -> object:
        if not other:
            other.append("")
            monkeypatch.setattr(Local, "land", really)
            theirs = clone(repository, repository.with_name("theirs"))
            assert run("compile", theirs).exit_code == 0
            git(repository, "pull", "-q", str(theirs), "main")
            other[0] = git(repository, "rev-parse", "HEAD")
        return really(self, *arguments, **options)

    monkeypatch.setattr(Local, "land", late)
    result = run("compile", repository)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"up to date: main at {other[0][:12]}"), result.output
