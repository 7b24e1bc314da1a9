import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from gpuyard.doors.git import index as gitindex
from gpuyard.doors.git import remote
from gpuyard.doors.git.host import create_repository, ignores
from gpuyard.doors.git.process import Result, explain
from gpuyard.doors.git.repository import commit, read_tree
from gpuyard.doors.redaction import redacted
from gpuyard.errors import (
    ConflictError,
    GpuyardError,
    InputError,
    MissingError,
    OutputError,
    OwnershipError,
    ToolError,
)
from tests.gittools import (
    DATE,
    clone,
    copy,
    files_of,
    git,
    healthy,
    isolate,
    new,
    put,
    serve,
    status,
    user_commit,
)

FIRST = {"deploy/a.yaml": "a: 1\n", "deploy/b.yaml": "b: 1\n", ".gpuyard.lock": "1\n"}
SECOND = {
    "deploy/a.yaml": "a: 2\n",
    "deploy/b.yaml": None,
    "deploy/c/d.yaml": "d: 2\n",
    ".gpuyard.lock": "2\n",
}
AFTER_SECOND = {"deploy/a.yaml": "a: 2", "deploy/c/d.yaml": "d: 2", ".gpuyard.lock": "2"}


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path / "home")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("template") / "tree"
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, where.parent / "home")
        new(where)
        user_commit(where, {"stack.yaml": "mine\n", "blueprints/chat.yaml": "mine\n"})
        assert put(where, FIRST)
    return where


@pytest.fixture
def tree(template: Path, tmp_path: Path) -> Path:
    """A repository with a work tree, the user's own files, and our first commit checked out."""
    return copy(template, tmp_path / "tree")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return new(tmp_path / "bare.git", "--bare")


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare: Path) -> str:
    """The bare repository behind a URL."""
    serve(monkeypatch, tmp_path)
    return f"ssh://git@git.example.com{bare}"


# what is committed


def test_first_commit_is_the_one_that_git_would_make(bare: Path) -> None:
    made = put(bare, FIRST)
    assert made
    assert made.id == git(bare, "rev-parse", "main")
    assert files_of(bare) == {name: text.rstrip("\n") for name, text in FIRST.items()}
    who = "Ada <ada@example.com> 2026-01-02T03:04:05+00:00"
    assert git(bare, "log", "--format=%an <%ae> %aI %cn <%ce> %cI %B") == f"{who} {who} Compile"
    by_hand = git(bare, "commit-tree", "-m", "Compile", "main:")
    assert made.id == by_hand
    healthy(bare)


def test_second_run_makes_no_commit(tree: Path) -> None:
    before = git(tree, "rev-parse", "main")
    assert put(tree, FIRST) is None
    assert git(tree, "rev-parse", "main") == before
    healthy(tree)


def test_only_what_differs_is_written(tree: Path) -> None:
    made = put(tree, SECOND)
    assert made
    assert list(map(str, made.written)) == [".gpuyard.lock", "deploy/a.yaml", "deploy/c/d.yaml"]
    assert list(map(str, made.deleted)) == ["deploy/b.yaml"]
    assert files_of(tree) == {"stack.yaml": "mine", "blueprints/chat.yaml": "mine", **AFTER_SECOND}
    assert git(tree, "rev-list", "--count", "main") == "3"


def test_names_that_need_quotes_and_texts_that_are_not_ascii(bare: Path) -> None:
    files = {'a b/"c".yaml': "ü\n", "é\t".strip() + ".yaml": "", "x'$(y)`z`.yaml": "no newline at the end"}
    assert put(bare, files)
    assert put(bare, files) is None
    with read_tree(bare, "main") as snapshot:
        found = snapshot.read(*map(PurePosixPath, files), PurePosixPath("missing"))
    assert {str(path): text for path, text in found.items()} == files


def test_a_file_keeps_its_mode(tree: Path) -> None:
    (tree / "deploy/a.yaml").chmod(0o755)
    git(tree, "commit", "-qam", "executable")
    assert put(tree, {"deploy/a.yaml": "a: 3\n"})
    assert git(tree, "ls-tree", "main", "deploy/a.yaml").startswith("100755 ")
    assert os.access(tree / "deploy/a.yaml", os.X_OK)
    assert status(tree) == []


def test_a_file_becomes_a_directory_and_back(tree: Path) -> None:
    assert put(tree, {"deploy/a.yaml": None, "deploy/a.yaml/x": "x\n"})
    assert (tree / "deploy/a.yaml/x").read_text() == "x\n"
    assert put(tree, {"deploy/a.yaml": "a: 3\n", "deploy/a.yaml/x": None})
    assert (tree / "deploy/a.yaml").read_text() == "a: 3\n"
    assert status(tree) == []
    healthy(tree)


def test_the_snapshot_tells_what_is_there(tree: Path) -> None:
    with read_tree(str(tree), "main") as snapshot:
        assert snapshot.commit == git(tree, "rev-parse", "main")
        assert sorted(snapshot.files) == git(tree, "ls-files").splitlines()
        entry = snapshot.files["deploy/a.yaml"]
        assert entry == ("100644", git(tree, "rev-parse", "main:deploy/a.yaml"))
        assert snapshot.blob_id(b"a: 1\n") == entry.blob


def test_an_empty_repository_has_no_commit(bare: Path) -> None:
    with read_tree(bare, "main") as snapshot:
        assert snapshot.commit is None
        assert not snapshot.files


# who commits


@pytest.mark.parametrize(
    ("config", "env", "author", "expected"),
    [
        ("", {}, None, "gpuyard <gpuyard@localhost> gpuyard <gpuyard@localhost>"),
        ("[user]\n\tname = A<>\n\temail = a@b\n", {}, None, "A <a@b> A <a@b>"),
        ("[user]\n\tname = A\n\temail = a@b\n", {"GIT_AUTHOR_NAME": "B"}, None, "B <a@b> A <a@b>"),
        ("[user]\n\tname = A\n\temail = a@b\n", {"GIT_AUTHOR_NAME": "B"}, "C D <c@d>", "C D <c@d> A <a@b>"),
    ],
)
def test_identity(
    config: str,
    env: dict[str, str],
    author: str | None,
    expected: str,
    bare: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(config)
    for name, text in env.items():
        monkeypatch.setenv(name, text)
    assert put(bare, FIRST, **({"author": author} if author else {}))
    assert git(bare, "log", "--format=%an <%ae> %cn <%ce>") == expected


@pytest.mark.parametrize(
    ("config", "env", "missing"),
    [
        ("", {}, "user.name and user.email"),
        ("[user]\n\tname = A\n", {}, "user.email"),
        ("[user]\n\tname = A\n\temail = a@b\n", {}, ""),
        ("", {"NAME": "A", "EMAIL": "a@b"}, ""),
    ],
)
def test_a_commit_by_nobody_is_said(
    config: str,
    env: dict[str, str],
    missing: str,
    bare: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(config)
    for role in ("AUTHOR", "COMMITTER"):
        for name, text in env.items():
            monkeypatch.setenv(f"GIT_{role}_{name}", text)
    assert put(bare, FIRST)
    start = [
        f"{missing} of git are not set, so the commit is by " if " " in missing else f"{missing} of git is not set"
    ]
    assert [line[: len(start[0])] for line in caplog.messages] == (start if missing else [])


def test_the_repository_has_its_own_user(tree: Path) -> None:
    git(tree, "config", "user.name", "Here")
    assert put(tree, SECOND)
    assert git(tree, "log", "-1", "--format=%an <%ae>") == "Here <ada@example.com>"


def test_the_clock_is_used_when_no_date_is_set(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_AUTHOR_DATE")
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    assert put(bare, FIRST)
    date, now = git(bare, "log", "--format=%at"), subprocess.check_output(["date", "+%s"], text=True)
    assert 0 <= int(now) - int(date) < 60


@pytest.mark.parametrize("date", [DATE, "1767323045 +0530", "@1767323045 -0800", "Fri, 2 Jan 2026 03:04:05 +0000"])
def test_dates_are_read_as_git_reads_them(date: str, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_AUTHOR_DATE", date)
    made = put(bare, FIRST)
    assert made
    assert made.id == git(bare, "commit-tree", "-m", "Compile", "main:")


def test_an_author_without_address_is_refused(bare: Path) -> None:
    with pytest.raises(InputError, match="write `Name <email>`"):
        put(bare, FIRST, author="Ada")


# the user's work tree


def test_files_and_index_follow_the_branch(tree: Path) -> None:
    assert put(tree, SECOND)
    assert git(tree, "diff-files") == ""  # times are in the index: nothing has to be read again
    assert status(tree) == []
    assert (tree / "deploy/a.yaml").read_text() == "a: 2\n"
    assert not (tree / "deploy/b.yaml").exists()
    assert git(tree, "reflog", "-1", "--format=%gs <%ge>") == "gpuyard: commit <ada@example.com>"
    healthy(tree)


def test_the_users_own_work_stays_and_is_not_committed(tree: Path) -> None:
    (tree / "stack.yaml").write_text("changed\n")
    (tree / "blueprints/chat.yaml").write_text("staged\n")
    git(tree, "add", "blueprints/chat.yaml")
    (tree / "blueprints/chat.yaml").write_text("staged, then changed\n")
    (tree / "new.txt").write_text("new\n")
    (tree / "deploy/mine.yaml").write_text("new, next to ours\n")
    git(tree, "add", "--intent-to-add", "deploy/mine.yaml")
    before = status(tree)
    assert put(tree, SECOND)
    assert status(tree) == before
    assert files_of(tree) == {"stack.yaml": "mine", "blueprints/chat.yaml": "mine", **AFTER_SECOND}
    assert git(tree, "show", ":blueprints/chat.yaml") == "staged"
    assert (tree / "blueprints/chat.yaml").read_text() == "staged, then changed\n"
    assert (tree / "stack.yaml").read_text() == "changed\n"
    healthy(tree)


def test_an_edit_in_a_file_that_does_not_change_is_no_obstacle(tree: Path) -> None:
    (tree / "deploy/b.yaml").write_text("edited\n")
    assert put(tree, {"deploy/a.yaml": "a: 2\n"})
    assert status(tree) == [" M deploy/b.yaml"]


@pytest.mark.parametrize(
    ("work", "named"),
    [
        ("echo x > deploy/a.yaml", "deploy/a.yaml (modified)"),
        ("echo x > deploy/a.yaml; git add deploy", "deploy/a.yaml (modified)\n  deploy/a.yaml (staged)"),
        ("echo x > deploy/a.yaml; git add deploy; echo a: 1 > deploy/a.yaml", "deploy/a.yaml (staged)"),
        ("echo x > deploy/b.yaml", "deploy/b.yaml (modified)"),
        ("rm deploy/a.yaml", "deploy/a.yaml (deleted)"),
        ("git rm -q --cached deploy/a.yaml", "deploy/a.yaml (staged)"),
        ("mkdir deploy/c; echo x > deploy/c/d.yaml", "deploy/c/d.yaml (not tracked)"),
        (
            "echo deploy > .gitignore; mkdir deploy/c; echo x > deploy/c/d.yaml",
            "deploy/c/d.yaml (not tracked)",
        ),
        ("echo x > deploy/c", "deploy/c/d.yaml (deploy/c is a file)"),
        ("echo x > deploy/c; git add deploy/c; rm deploy/c", "deploy/c (staged)"),
        ("mkdir -p deploy/c/d.yaml", "deploy/c/d.yaml (is a directory)"),
        ("mkdir -p deploy/c/d.yaml; touch deploy/c/d.yaml/x", "deploy/c/d.yaml (is a directory)"),
        ("ln -s ../home deploy/c", "deploy/c/d.yaml (deploy/c is a symbolic link)"),
        ("ln -sf b.yaml deploy/a.yaml", "deploy/a.yaml (is a symbolic link)"),
        ("rm deploy/a.yaml; mkfifo deploy/a.yaml", "deploy/a.yaml (is a device, pipe or socket)"),
        ("mv deploy real; ln -s real deploy", "deploy is a symbolic link"),
        (
            "git update-index --skip-worktree deploy/a.yaml; echo x > deploy/a.yaml",
            "deploy/a.yaml (modified)",
        ),
    ],
)
def test_the_users_work_in_our_way_is_refused_before_anything_moves(work: str, named: str, tree: Path) -> None:
    subprocess.run(["sh", "-ec", work], cwd=tree, check=True)
    before = git(tree, "rev-parse", "main"), status(tree), git(tree, "ls-files", "--stage", "-v")
    with pytest.raises(OwnershipError) as caught:
        put(tree, SECOND)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tree} has uncommitted changes in files that this commit writes:"
    assert named in str(caught.value)
    assert lines[-1] == "commit, stash or restore them first, or commit to a branch that is not checked out"
    assert (git(tree, "rev-parse", "main"), status(tree), git(tree, "ls-files", "--stage", "-v")) == before
    assert git(tree, "count-objects", "-v").splitlines()[2] == "in-pack: 0"
    healthy(tree)


def test_a_refusal_names_ten_files_and_counts_the_rest(tree: Path) -> None:
    for number in range(13):
        (tree / f"deploy/n{number:02}.yaml").write_text("mine\n")
    with pytest.raises(OwnershipError, match=r"n09.yaml \(not tracked\)\n  and 3 more\ncommit"):
        put(tree, {f"deploy/n{number:02}.yaml": "ours\n" for number in range(13)})


def test_what_already_is_as_it_will_be_is_no_obstacle(tree: Path) -> None:
    (tree / "deploy/c").mkdir()
    (tree / "deploy/c/d.yaml").write_text("d: 2\n")
    (tree / "deploy/a.yaml").write_text("a: 2\n")
    git(tree, "add", "deploy/a.yaml")
    (tree / "deploy/b.yaml").unlink()
    assert put(tree, SECOND)
    assert status(tree) == []


def test_an_unborn_branch_keeps_what_is_staged(tmp_path: Path) -> None:
    where = new(tmp_path / "tree")
    (where / "stack.yaml").write_text("mine\n")
    git(where, "add", "stack.yaml")
    assert put(where, FIRST)
    assert status(where) == ["A  stack.yaml"]
    assert (where / "deploy/a.yaml").read_text() == "a: 1\n"
    healthy(where)


def test_a_branch_that_is_not_checked_out_moves_alone(tree: Path) -> None:
    git(tree, "checkout", "-q", "-b", "work")
    (tree / "deploy/a.yaml").write_text("edited\n")
    before = (tree / ".git/index").read_bytes()
    assert put(tree, SECOND)
    assert git(tree, "rev-list", "--count", "work..main") == "1"
    assert (tree / "deploy/a.yaml").read_text() == "edited\n"
    assert (tree / ".git/index").read_bytes() == before
    healthy(tree)


def test_a_detached_head_stays_where_it_is(tree: Path) -> None:
    head = git(tree, "rev-parse", "HEAD")
    git(tree, "checkout", "-q", "--detach")
    assert put(tree, SECOND)
    assert git(tree, "rev-parse", "HEAD") == head
    assert status(tree) == []


def test_linked_work_trees(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(tree, "worktree", "add", "-q", "-b", "prod", str(other))
    assert put(other, SECOND, branch="prod")
    assert status(other) == status(tree) == []
    assert files_of(tree, "prod")["deploy/a.yaml"] == "a: 2"
    with pytest.raises(OutputError, match=f"branch prod is checked out in {other}; name that directory instead"):
        put(tree, FIRST, branch="prod")
    with pytest.raises(OutputError, match=f"branch main is checked out in {tree}; name that directory instead"):
        put(other, SECOND, branch="main")
    healthy(other)
    shutil.rmtree(other)
    assert put(tree, FIRST, branch="prod")


def test_work_trees_of_a_bare_repository(bare: Path, tmp_path: Path) -> None:
    put(bare, FIRST)
    other = tmp_path / "other"
    git(bare, "worktree", "add", "-q", str(other), "main")
    with pytest.raises(OutputError, match=f"branch main is checked out in {other}; name that directory instead"):
        put(bare, SECOND)
    assert put(other, SECOND)
    assert status(other) == []
    git(other, "checkout", "-q", "--detach")
    assert put(bare, FIRST)


@pytest.mark.parametrize(
    "options", [("--index-version", "4"), ("--split-index",), ("--fsmonitor",), ("--untracked-cache",)]
)
def test_every_kind_of_index(options: tuple[str, ...], tree: Path) -> None:
    git(tree, "config", "splitIndex.maxPercentChange", "100")
    git(tree, "update-index", *options)
    (tree / "stack.yaml").write_text("staged\n")
    git(tree, "add", "stack.yaml")
    assert put(tree, SECOND)
    git(tree, "config", "core.fsmonitor", "false")
    assert status(tree) == ["M  stack.yaml"]
    healthy(tree)


OTHER = "git checkout -q -b other HEAD~1; echo x > stack.yaml; git commit -q -a -m other; git checkout -q main"
DIFFER = f"{OTHER}; echo y > stack.yaml; git commit -q -a -m ours"


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (f"{OTHER}; git merge -q --no-commit other", "a merge is under way"),
        (f"{DIFFER}; ! git cherry-pick other", "a cherry-pick is under way"),
        (f"{DIFFER}; ! git revert HEAD~1 other", "a revert is under way"),
        (f"{DIFFER}; ! git rebase -q other", "a rebase of main is under way"),
    ],
)
def test_something_under_way_is_waited_for(work: str, words: str, tree: Path) -> None:
    subprocess.run(["sh", "-ec", work], cwd=tree, check=True, capture_output=True)
    before = git(tree, "rev-parse", "main"), status(tree)
    with pytest.raises(OutputError, match=words):
        put(tree, SECOND)
    assert (git(tree, "rev-parse", "main"), status(tree)) == before


def test_another_git_command_is_waited_for(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitindex, "WAIT", 0.2)
    lock = tree / ".git/index.lock"
    lock.write_text("")
    before = git(tree, "rev-parse", "main")
    with pytest.raises(ConflictError, match=f"{lock} is held by another git command; .* delete it"):
        put(tree, SECOND)
    assert lock.exists()
    assert git(tree, "rev-parse", "main") == before
    lock.unlink()
    healthy(tree)
    holder = subprocess.Popen(["sh", "-c", f"touch {lock}; echo; sleep 0.3; rm {lock}"], stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout
        holder.stdout.readline()
        monkeypatch.setattr(gitindex, "WAIT", 10)
        assert put(tree, SECOND)
    assert status(tree) == []


def test_a_branch_that_is_locked(bare: Path) -> None:
    put(bare, FIRST)
    lock = bare / "refs/heads/main.lock"
    lock.write_text("")
    with pytest.raises(ConflictError, match=f"{lock} is held by another git command; .* delete it"):
        put(bare, SECOND)


# which repository


def test_sha256(tmp_path: Path) -> None:
    where = new(tmp_path / "tree", "--object-format=sha256")
    made = put(where, FIRST)
    assert made
    assert len(made.id) == 64
    assert put(where, FIRST) is None
    assert put(where, SECOND)
    assert files_of(where) == AFTER_SECOND
    healthy(where)


def test_a_shallow_clone(tree: Path, tmp_path: Path) -> None:
    git(tree, "config", "uploadpack.allowFilter", "true")
    shallow = clone(f"file://{tree}", tmp_path / "shallow", "--depth=1", "--filter=blob:none")  # type: ignore[arg-type]
    assert put(shallow, SECOND, push=False)
    assert git(shallow, "rev-list", "--count", "main") == "2"


def test_a_directory_with_an_unusual_name(tmp_path: Path) -> None:
    where = new(tmp_path / '#sp ace "x" \\é')
    assert put(where, FIRST)
    assert put(where, SECOND)
    assert status(where) == []
    with pytest.raises(OutputError, match="has a line break in it"):
        put(where.rename(tmp_path / "line\nbreak"), FIRST)


def test_what_git_was_told_about_another_repository_does_not_count(
    tree: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {
        "GIT_DIR": str(tree / ".git"),
        "GIT_WORK_TREE": str(tree),
        "GIT_INDEX_FILE": "/none/x",
        "GIT_PREFIX": "x/",
    }
    with monkeypatch.context() as patch:
        for name, text in {
            **elsewhere,
            "GIT_OBJECT_DIRECTORY": "/none",
            "GIT_QUARANTINE_PATH": "/none",
        }.items():
            patch.setenv(name, text)
        assert put(bare, SECOND)
    assert files_of(bare) == AFTER_SECOND
    assert git(tree, "rev-list", "--count", "main") == "2"


def test_a_subdirectory_is_not_the_repository(tree: Path) -> None:
    for place in ("deploy", ".git"):
        with pytest.raises(OutputError, match="is not"):
            put(tree / place, FIRST)


def test_a_work_tree_elsewhere(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    git(tree, "config", "core.worktree", str(tmp_path / "else"))
    with pytest.raises(OutputError, match="is not the top of a work tree"):
        put(tree, SECOND)


def test_a_submodule_is_a_repository_too(tree: Path, tmp_path: Path) -> None:
    above = new(tmp_path / "above")
    git(above, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tree), "sub")
    assert put(above / "sub", SECOND)
    assert status(above / "sub") == []


HINT = "create one with `git init -b main"


@pytest.mark.parametrize(
    ("target", "branch", "error", "message"),
    [
        ("none", "main", MissingError, "{tmp}/none: no such directory"),
        ("plain", "main", OutputError, f"{{tmp}}/plain is not a Git repository; {HINT} {{tmp}}/plain`"),
        ("tree", "prod", MissingError, "{tmp}/tree has no branch prod; it has main, next"),
        ("tree", "sym", OutputError, "branch sym of {tmp}/tree only points to main; name main instead"),
        ("tree", "-x", InputError, "-x: not a valid branch name"),
    ],
)
def test_a_target_that_is_not_there(
    target: str, branch: str, error: type[GpuyardError], message: str, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    git(tree, "branch", "next")
    if branch == "sym":
        git(tree, "symbolic-ref", "refs/heads/sym", "refs/heads/main")
    with pytest.raises(error) as caught:
        put(tmp_path / target, FIRST, branch=branch)
    assert str(caught.value) == message.format(tmp=tmp_path)


BRANCHES = [
    "a",
    "a/b",
    "é",
    "a.b",
    "@a",
    "a@",
    "a-",
    "-a",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a..b",
    "a.",
    "a.lock",
]
BRANCHES += [
    "a.lock/b",
    "a b",
    "a~",
    "a^",
    "a:",
    "a?",
    "a*",
    "a[",
    "a\\",
    "a@{b",
    "@",
    "",
    "a\x07",
    "a\x7f",
    "HEAD",
]
BRANCHES += ["--upload-pack=touch x", "a\nb", "a/@/b", "a.lockb", "a{b", "{a}"]


@pytest.mark.parametrize("branch", BRANCHES)
def test_branch_names_are_judged_as_git_judges_them(branch: str, bare: Path) -> None:
    judge = ["git", "check-ref-format", "--branch", branch]
    allowed = subprocess.run(judge, cwd=bare, check=False, capture_output=True).returncode == 0
    allowed = allowed and branch != "@"  # which is HEAD in most other places
    try:
        with read_tree(bare, branch):
            found = True
    except InputError:
        found = False
    assert found == allowed


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", ".git/config", "a/.GIT/x", "a\nb", "a\\b", "", "."])
def test_paths_that_lead_elsewhere_are_refused(path: str, bare: Path) -> None:
    with pytest.raises(OutputError, match="is not a path that a commit can have"):
        put(bare, {path: "x"})


def test_a_repository_that_cannot_be_written(tree: Path) -> None:
    blocked = tree / ".git/objects/pack"
    blocked.rmdir()
    blocked.write_text("")
    (tree / ".git/refs/heads/sub").write_text("")
    with pytest.raises(OutputError, match="writing to"):
        put(tree, {f"x{number}": f"{number}" for number in range(150)})
    assert status(tree) == []


def test_a_directory_that_cannot_be_written(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "gpuyard.doors.git.worktree.os.access", lambda path, mode: path != tree / "deploy"
    )  # root may all
    with pytest.raises(OutputError, match=f"{tree}/deploy cannot be written; nothing was committed"):
        put(tree, SECOND)
    assert git(tree, "rev-list", "--count", "main") == "2"
    healthy(tree)


def test_no_git(tmp_path: Path) -> None:
    code = (
        "from gpuyard.doors.git.repository import read_tree\nfrom gpuyard.errors import ToolError\n"
        "try:\n  with read_tree('.', 'main'): pass\nexcept ToolError as error: print(error)"
    )
    env = {"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert result.stdout == "git is not on PATH; install it and run this again\n"


def test_gitpython_is_imported_when_it_is_used() -> None:
    code = "import gpuyard.doors.git.repository, sys; print('git' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.check_output([sys.executable, "-c", code], env=env, text=True) == "False\n"


# what stands in our place in the repository


@pytest.mark.parametrize(
    ("place", "mode", "message"),
    [
        ("deploy/a.yaml", "120000", "deploy/a.yaml is a symbolic link in <tree>; remove it"),
        ("deploy/a.yaml", "160000", "deploy/a.yaml is a submodule in <tree>; remove it"),
        ("deploy", "120000", "deploy is a symbolic link in <tree>, where a directory has to be; remove it"),
        ("deploy", "160000", "deploy is a submodule in <tree>, where a directory has to be; remove it"),
        ("deploy", "100644", "deploy is a file in <tree>, where a directory has to be; remove it"),
        ("deploy/a.yaml/x", "100644", "deploy/a.yaml is a directory in <tree>; remove it"),
    ],
)
def test_what_is_no_plain_file_was_not_written_by_us(place: str, mode: str, message: str, bare: Path) -> None:
    put(bare, {"README.md": "x\n"})
    blob = git(bare, "rev-parse", "main" if mode == "160000" else "main:README.md")
    index = {**os.environ, "GIT_INDEX_FILE": str(bare / "index")}
    git(bare, "update-index", "--add", "--cacheinfo", f"{mode},{blob},{place}", env=index)
    tip = git(bare, "commit-tree", "-m", "x", "-p", "main", git(bare, "write-tree", env=index))
    git(bare, "update-ref", "refs/heads/main", tip)
    with pytest.raises(OwnershipError) as caught:
        put(bare, {"deploy/a.yaml": "a: 1\n"})
    assert str(caught.value) == message.replace("<tree>", str(bare))
    assert git(bare, "rev-parse", "main") == tip


# somebody else was faster


@pytest.fixture(params=["disk", "url"])
def place(request: pytest.FixtureRequest, bare: Path, url: str) -> Iterator[str]:
    """Both kinds of target, with our first commit in them."""
    put(bare, FIRST)
    yield str(bare) if request.param == "disk" else url


def test_a_change_of_other_files_is_built_upon(place: str, bare: Path, tmp_path: Path) -> None:
    other = clone(bare, tmp_path / "other")
    with read_tree(place, "main") as snapshot:
        theirs = user_commit(other, {"stack.yaml": "theirs\n"})
        git(other, "push", "-q")
        made = commit(snapshot, {PurePosixPath("deploy/a.yaml"): "a: 2\n"}, message="Compile")
    assert made
    assert git(bare, "rev-parse", "main^") == theirs
    found = files_of(bare)
    assert (found["stack.yaml"], found["deploy/a.yaml"]) == ("theirs", "a: 2")
    healthy(bare)


def test_a_change_of_our_files_is_not_overwritten(place: str, bare: Path, tmp_path: Path) -> None:
    other = clone(bare, tmp_path / "other")
    with read_tree(place, "main") as snapshot:
        theirs = user_commit(other, {"deploy/b.yaml": "theirs\n"})
        git(other, "push", "-q")
        changes = {PurePosixPath("deploy/a.yaml"): "a: 2\n", PurePosixPath("deploy/b.yaml"): "b: 1\n"}
        with pytest.raises(ConflictError) as caught:
            commit(snapshot, changes, message="Compile")
    expected = f"deploy/b.yaml was changed on main of {place} in the meantime; nothing was committed, run this again"
    assert str(caught.value) == expected
    assert git(bare, "rev-parse", "main") == theirs


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"deploy/b.yaml": "theirs\n"}, {"deploy/b.yaml": None}),
        ({"deploy/b.yaml": None}, {"deploy/b.yaml": "b: 2\n"}),
        ({"deploy/c.yaml": "theirs\n"}, {"deploy/c.yaml": "c: 1\n"}),
    ],
    ids=["an edit of a file that leaves", "a file that is gone", "a file that is new"],
)
def test_nobody_s_change_of_our_files_is_lost(
    theirs: dict[str, str | None], ours: dict[str, str | None], place: str, bare: Path, tmp_path: Path
) -> None:
    other = clone(bare, tmp_path / "other")
    (name,) = theirs
    with read_tree(place, "main") as snapshot:
        for gone in (name for name, text in theirs.items() if text is None):
            git(other, "rm", "-q", gone)
            git(other, "commit", "-q", "-m", "by hand")
        user_commit(other, {"stack.yaml": "theirs\n", **{name: text for name, text in theirs.items() if text}})
        git(other, "push", "-q")
        tip, before = git(bare, "rev-parse", "main"), files_of(bare)
        changes = {PurePosixPath(name): text for name, text in {"deploy/a.yaml": "a: 2\n", **ours}.items()}
        with pytest.raises(ConflictError, match=f"^{name} was changed on main of "):
            commit(snapshot, changes, message="Compile")
    assert (git(bare, "rev-parse", "main"), files_of(bare)) == (tip, before)


def test_a_commit_in_the_same_work_tree_is_no_uncommitted_work(tree: Path) -> None:
    """Its author has nothing to commit or stash, and running it again is what helps."""
    with read_tree(tree, "main") as snapshot:
        theirs = user_commit(tree, {"deploy/a.yaml": "theirs\n"})
        with pytest.raises(ConflictError, match=r"^deploy/a\.yaml was changed on main of "):
            commit(snapshot, {PurePosixPath("deploy/a.yaml"): "a: 2\n"}, message="Compile")
    assert (git(tree, "rev-parse", "main"), status(tree)) == (theirs, [])


def test_a_file_that_two_delete_is_no_conflict(place: str, bare: Path, tmp_path: Path) -> None:
    other = clone(bare, tmp_path / "other")
    with read_tree(place, "main") as snapshot:
        git(other, "rm", "-q", "deploy/b.yaml")
        git(other, "commit", "-q", "-m", "by hand")
        git(other, "push", "-q")
        assert commit(snapshot, {PurePosixPath("deploy/b.yaml"): None}, message="Compile") is None


def test_the_same_change_by_somebody_else_is_up_to_date(place: str, bare: Path, tmp_path: Path) -> None:
    other = clone(bare, tmp_path / "other")
    with read_tree(place, "main") as snapshot:
        user_commit(other, {"deploy/a.yaml": "a: 2\n"})
        git(other, "push", "-q")
        assert commit(snapshot, {PurePosixPath("deploy/a.yaml"): "a: 2\n"}, message="Compile") is None


def test_a_branch_that_somebody_created_meanwhile(url: str, bare: Path, tmp_path: Path) -> None:
    other = clone(bare, tmp_path / "other")
    with read_tree(url, "main") as snapshot:
        assert snapshot.commit is None
        user_commit(other, {"stack.yaml": "theirs\n"})
        git(other, "push", "-q", "origin", "HEAD:main")
        assert commit(snapshot, {PurePosixPath("a"): "a\n"}, message="Compile")
    assert files_of(bare) == {"stack.yaml": "theirs", "a": "a"}


# behind a URL


def test_url_from_nothing_to_up_to_date(url: str, bare: Path) -> None:
    made = put(url, FIRST)
    assert made
    assert git(bare, "rev-parse", "main") == made.id
    assert put(url, FIRST) is None
    assert put(url, SECOND)
    assert files_of(bare) == AFTER_SECOND
    assert git(bare, "rev-list", "--count", "main") == "2"
    healthy(bare)


def test_scp_form_and_a_long_history(url: str, bare: Path) -> None:
    for number in range(3):
        put(bare, {"x": str(number)})
    assert put(f"git@git.example.com:{bare}", FIRST)
    assert git(bare, "rev-list", "--count", "main") == "4"


def test_url_without_that_branch(url: str, bare: Path) -> None:
    put(bare, FIRST)
    with pytest.raises(MissingError) as caught:
        put(url, FIRST, branch="prod")
    assert str(caught.value) == f"{url} has no branch prod; it has main"


def test_a_server_that_refuses(url: str, bare: Path) -> None:
    put(bare, FIRST)
    hook = bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nprintf 'no: \\033[31mprotected branch\\n' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(ToolError) as caught:
        put(url, SECOND)
    words = str(caught.value)
    assert words.startswith(f"pushing to {url}: remote: no: \\x1b[31mprotected branch")
    assert words.endswith("[remote rejected] (pre-receive hook declined)")


def test_a_server_that_does_not_answer(bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve(
        monkeypatch,
        tmp_path,
        "#!/bin/sh\necho 'git@git.example.com: Permission denied (publickey).' >&2\nexit 255\n",
    )
    with pytest.raises(ToolError) as caught:
        put(f"ssh://git@git.example.com{bare}", FIRST)
    assert str(caught.value) == (
        f"fetching from ssh://git@git.example.com{bare}: the server does not accept any login that git has, or not for "
        "this (git@git.example.com: Permission denied (publickey).; Could not read from remote repository.)"
    )


def test_an_answer_that_got_lost(url: str, bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(bare, FIRST)
    script = """#!/bin/sh
    for last; do :; done
    sh -c "$last"; status=$?
    case "$last" in *receive-pack*) exit 1;; esac
    exit $status
    """
    serve(monkeypatch, tmp_path, script)
    made = put(url, SECOND)
    assert made
    assert git(bare, "rev-parse", "main") == made.id


def test_a_sha256_repository_behind_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, tmp_path)
    where = new(tmp_path / "tree", "--object-format=sha256")
    put(where, FIRST)
    with pytest.raises(ToolError, match="is a SHA-256 repository"):
        put(f"ssh://git@git.example.com{where}", SECOND)


def test_a_password_in_a_url_is_kept_to_ourselves() -> None:
    there = remote.parse_url("https://ada:s%40cret@git.example.com:8443/acme/gitops.git")
    assert there.url == there.label == "https://git.example.com:8443/acme/gitops.git"
    assert there.settings == {"http.https://git.example.com:8443/.extraHeader": "Authorization: Basic YWRhOnNAY3JldA=="}
    assert "YWRh" not in repr(there)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:pass@host/x failed", "https://…@host/x failed"),
        ("https://token@host/x", "https://…@host/x"),
        ("http://token@host/x", "http://…@host/x"),
        ("https://user:p@ss@host/x", "https://…@host/x"),
        ("ssh://git:pass@host/x", "ssh://git:…@host/x"),
        ("git:pa:ss@host:x/y.git", "git:…@host:x/y.git"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("git@host:x/y.git https://host/a@b", "git@host:x/y.git https://host/a@b"),
    ],
)
def test_redact(text: str, expected: str) -> None:
    assert redacted(text) == expected


FULL = "write error: No space left on device"
PRIVILEGE = "insufficient permission for adding an object"
KEY = "git@h: Permission denied (publickey)."


@pytest.mark.parametrize(
    ("complaint", "login", "error", "message"),
    [
        (f"fatal: {FULL}", None, OutputError, f"doing: the disk is full ({FULL})"),
        (f"error: {PRIVILEGE}\nfatal: failed", None, OutputError, f"doing: {PRIVILEGE}; failed"),
        (KEY, "the key", ToolError, f"doing: the server does not accept the key, or not for this ({KEY})"),
        ("", "the key", ToolError, "doing: git x failed: exit code 1"),
        ("", None, ToolError, "doing: git x failed: exit code 1"),
    ],
)
def test_what_git_says_is_passed_on(complaint: str, login: str | None, error: type[GpuyardError], message: str) -> None:
    found = explain(Result("x", 1, b"", complaint), "doing", login=login)
    assert type(found) is error
    assert str(found) == message


# push


@pytest.fixture
def checkout(bare: Path, tmp_path: Path) -> Path:
    """A clone on disk whose origin is the bare repository."""
    put(bare, {"stack.yaml": "mine\n"})
    return clone(bare, tmp_path / "checkout")


def test_push_brings_the_branch_to_where_it_came_from(checkout: Path, bare: Path) -> None:
    made = put(checkout, FIRST, push=True)
    assert made
    assert git(bare, "rev-parse", "main") == made.id
    assert put(checkout, FIRST, push=True) is None


def test_push_without_a_change_makes_up_for_one_that_failed(
    checkout: Path, bare: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = git(checkout, "remote", "get-url", "origin")
    git(checkout, "remote", "set-url", "origin", f"{url}-none")
    with pytest.raises(ToolError, match=f"pushing to {bare}-none: "):
        put(checkout, FIRST, push=True)
    assert f"is committed to {checkout}, and not pushed" in caplog.text
    git(checkout, "remote", "set-url", "origin", url)
    assert put(checkout, FIRST, push=True) is None
    assert git(bare, "rev-parse", "main") == git(checkout, "rev-parse", "main")


def test_push_follows_the_branchs_own_remote(checkout: Path, url: str, bare: Path) -> None:
    git(checkout, "remote", "add", "up", url)
    git(checkout, "config", "branch.main.remote", "up")
    git(checkout, "config", "branch.main.merge", "refs/heads/prod")
    made = put(checkout, FIRST, push=True)
    assert made
    assert git(bare, "rev-parse", "prod") == made.id
    assert git(bare, "rev-parse", "main") != made.id


def test_push_never_forces(checkout: Path, bare: Path) -> None:
    theirs = put(bare, {"stack.yaml": "theirs\n"})
    assert theirs
    with pytest.raises(ConflictError, match=f"{bare} has commits that main in {checkout} does not have; pull them"):
        put(checkout, FIRST, push=True)
    assert git(bare, "rev-parse", "main") == theirs.id


def test_push_to_nowhere(tree: Path) -> None:
    with pytest.raises(MissingError, match="has no remote to push main to; `git remote add origin URL`"):
        put(tree, SECOND, push=True)


# a new repository


def test_create_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = tmp_path / "template/hooks"
    template.mkdir(parents=True)
    (template / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template.parent))
    where = tmp_path / "a/b"
    create_repository(where)
    assert git(where, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert not (where / ".git/hooks").exists()
    assert put(where, FIRST)
    before = git(where, "rev-parse", "main")
    create_repository(where)
    assert git(where, "rev-parse", "main") == before


def test_create_repository_after_one_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "x/.git/objects").mkdir(parents=True)
    create_repository(tmp_path / "x")
    assert put(tmp_path / "x", FIRST)


def test_create_repository_leaves_other_directories_alone(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x/file").write_text("")
    with pytest.raises(OutputError, match="is not empty and is not a Git repository"):
        create_repository(tmp_path / "x")
    with pytest.raises(OutputError, match="is a file"):
        create_repository(tmp_path / "x/file")


def test_create_repository_inside_another_one_that_ignores_it(tree: Path) -> None:
    assert not ignores(tree, tree / "demo/gitops")
    (tree / ".gitignore").write_text("/demo/\n")
    assert ignores(tree, tree / "demo/gitops")
    assert ignores(tree, tree / "demo")
    create_repository(tree / "demo/gitops")
    assert put(tree / "demo/gitops", FIRST)
    assert not [line for line in status(tree) if "demo" in line]


def test_a_folder_is_all_that_a_snapshot_is_about(tree: Path) -> None:
    """Paths are below it, and nothing of the same name elsewhere is read or written."""
    inside = PurePosixPath("deploy/gpu")
    user_commit(tree, {"a.txt": "top\n", "deploy/gpu/a.txt": "old\n", "deploy/gpu-other/b.txt": "beside\n"})
    with read_tree(tree, "main", inside) as found:
        assert found.read(PurePosixPath("a.txt"), PurePosixPath("b.txt")) == {PurePosixPath("a.txt"): "old\n"}
        assert set(found.ids([PurePosixPath("a.txt"), PurePosixPath("deploy/gpu/a.txt")])) == {PurePosixPath("a.txt")}
        assert set(found.below()) == {"a.txt"}
        made = commit(found, {PurePosixPath("a.txt"): "new\n", PurePosixPath("x/c.txt"): "c\n"}, message="Compile")
        assert commit(found, {PurePosixPath("a.txt"): "new\n"}, message="Compile") is None
    assert made
    assert [str(path) for path in made.written] == ["deploy/gpu/a.txt", "deploy/gpu/x/c.txt"]
    assert files_of(tree)["a.txt"] == "top"
    assert (tree / "deploy/gpu/a.txt").read_text() == "new\n"
    assert status(tree) == []
    with read_tree(tree, "main", inside) as found:
        assert set(found.below(PurePosixPath("x"))) == {"x/c.txt"}
        with pytest.raises(OutputError, match="is not a path that a commit can have"):
            commit(found, {PurePosixPath("../a.txt"): "gone\n"}, message="Compile")


def test_dates_are_fixed_in_these_tests() -> None:
    assert os.environ["GIT_AUTHOR_DATE"] == DATE
